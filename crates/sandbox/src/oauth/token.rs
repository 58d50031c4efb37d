//! The token endpoint, and the client_credentials grant
//! ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).

use hyper::{StatusCode, header};

use super::client_auth;
use super::dpop;
use super::granted::{CUSTOM_SCOPES, Granted, UNKNOWN_SCOPES, check_policy, requested_scopes};
use super::issue::{self, Order};
use super::refresh;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::{App, AppKind};
use crate::model::authority::Authority;
use crate::model::custom_server::CustomServer;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::scopes::Scopes;

/// `POST …/v1/token`.
pub(crate) fn endpoint(call: &Call<'_>) -> Result<Answer, Refusal> {
    let form = call.request.form()?;
    let app = client_auth::authenticate(call, &form);
    let granted = app.and_then(|app| grant(call, &form, &app));
    log(call, &form, &granted);
    granted.map(Granted::into_answer)
}

/// Writes to the System Log how the request went, also where the client did not authenticate.
fn log(call: &Call<'_>, form: &Form, granted: &Result<Granted, Refusal>) {
    let app = client_auth::claimed(call, form);
    let mut debug = app.as_deref().map(client_auth::debug_data).unwrap_or_default();
    for (name, member) in [("grantType", "grant_type"), ("requestedScopes", "scope")] {
        debug.insert(name.to_owned(), form.member(member).into());
    }
    let actor = app.as_deref().map_or_else(LogEntity::unknown_client, LogEntity::client);
    match granted {
        Ok(granted) => {
            debug.insert("grantedScopes".to_owned(), granted.issued.scopes.to_string().into());
            for (token, issued) in granted.new_tokens() {
                let event_type = call.authority.grant_event(issued.kind);
                let target = issue::entities(call.world, token, issued);
                let (actor, debug, result) = (actor.clone(), debug.clone(), LogResult::Success);
                call.log(Entry { event_type, actor, target, result, debug });
            }
        }
        Err(refusal) => {
            let (event_type, target) = (call.authority.refusal_event(), Vec::new());
            let result = refused(refusal.reason());
            call.log(Entry { event_type, actor, target, result, debug });
        }
    }
}

/// Okta's log takes the demand of a nonce for a question, not a failure.
fn refused(reason: &str) -> LogResult {
    match reason {
        dpop::USE_NONCE => LogResult::Challenge(reason.to_owned()),
        refresh::INVALID_GRANT => LogResult::Failure("invalid_refresh_token".to_owned()),
        _ => LogResult::Failure(reason.to_owned()),
    }
}

fn grant(call: &Call<'_>, form: &Form, app: &App) -> Result<Granted, Refusal> {
    if call.request.headers.contains_key(header::ORIGIN) {
        return Err(Refusal::client(
            "Browser requests to the token endpoint must use Proof Key for Code Exchange.",
        ));
    }
    match grant_type(form, app)? {
        GrantType::ClientCredentials => client_credentials(call, form, app),
        GrantType::RefreshToken => refresh::grant(call, form, app),
    }
}

fn client_credentials(call: &Call<'_>, form: &Form, app: &App) -> Result<Granted, Refusal> {
    let scopes = requested_scopes(call, form)?;
    let scopes = match &call.authority {
        Authority::Org => org_scopes(app, &scopes)?,
        Authority::Custom { server, .. } => custom_scopes(app, server, scopes)?,
    };
    let (jkt, nonce) = match dpop::bind(call, app)? {
        Some(binding) => (Some(binding.jkt), binding.nonce),
        None => (None, None),
    };
    let lifetime_secs = i64::from(call.authority.token_lifetime_secs());
    let order = Order { app, user: None, scopes, lifetime_secs, jkt, authentication: None };
    let base = &call.request.base;
    let (token, issued) = issue::access_token(call.world, &call.authority, base, order, call.now);
    Ok(Granted { token, issued, refresh_token: None, id_token: None, nonce })
}

enum GrantType {
    ClientCredentials,
    RefreshToken,
}

impl GrantType {
    fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }
}

fn grant_type(form: &Form, app: &App) -> Result<GrantType, Refusal> {
    let configured = app.grant_types().join(", ");
    let grant_type = match form.member("grant_type") {
        Some("client_credentials") => GrantType::ClientCredentials,
        Some("refresh_token") => GrantType::RefreshToken,
        Some(_) => {
            return Err(Refusal::oauth(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                format!(
                    "The authorization grant type is not supported by the authorization server. Configured grant types: [{configured}]."
                ),
            ));
        }
        None => {
            return Err(Refusal::oauth(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                format!(
                    "The token request must specify a 'grant_type'. Valid values: [{configured}]"
                ),
            ));
        }
    };
    match app.grant_types().contains(&grant_type.name()) {
        true => Ok(grant_type),
        false => Err(Refusal::oauth(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            format!(
                "The client is not authorized to use the provided grant type. Configured grant types: [{configured}]."
            ),
        )),
    }
}

/// The org server gives service apps those of the requested Okta scopes that are granted to them,
/// and refuses when that leaves none.
fn org_scopes(app: &App, requested: &Scopes) -> Result<Scopes, Refusal> {
    if app.kind != AppKind::Service {
        return Err(Refusal::client(
            "Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server.",
        ));
    }
    if requested.is_empty() {
        return Err(Refusal::scope("No scopes were requested."));
    }
    refuse_user_scopes(requested)?;
    if !requested.iter().all(is_okta_scope) {
        return Err(Refusal::scope(CUSTOM_SCOPES));
    }
    let granted: Scopes = requested.iter().filter(|scope| app.scopes.contains(*scope)).collect();
    if granted.is_empty() {
        return Err(Refusal::oauth(
            StatusCode::BAD_REQUEST,
            "consent_required",
            "You are not allowed any of the requested scopes.",
        ));
    }
    Ok(granted)
}

/// A custom server gives its own scopes to the clients that its access policy names.
fn custom_scopes(app: &App, server: &CustomServer, requested: Scopes) -> Result<Scopes, Refusal> {
    refuse_user_scopes(&requested)?;
    if !requested.iter().all(|scope| server.scopes.contains(scope)) {
        return Err(Refusal::scope(UNKNOWN_SCOPES));
    }
    check_policy(app, server)?;
    if !requested.is_empty() {
        return Ok(requested);
    }
    if server.default_scopes.is_empty() {
        return Err(Refusal::scope(
            "The authorization server resource does not have any configured default scopes, 'scope' must be provided.",
        ));
    }
    Ok(server.default_scopes.iter().collect())
}

/// With client_credentials there is no user whom these scopes could be about.
fn refuse_user_scopes(requested: &Scopes) -> Result<(), Refusal> {
    if requested.iter().any(|scope| OPENID_SCOPES.contains(&scope)) {
        return Err(Refusal::scope("Cannot request 'openid' scopes using client credentials."));
    }
    if requested.iter().any(|scope| scope.ends_with(".self")) {
        return Err(Refusal::oauth(
            StatusCode::BAD_REQUEST,
            "client_credentials_self_scope_requested",
            "The 'client_credentials' grant type may not request .self scopes.",
        ));
    }
    Ok(())
}

fn is_okta_scope(scope: &str) -> bool {
    scope.starts_with("okta.") || scope.starts_with("ssf.")
}

const OPENID_SCOPES: [&str; 7] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "device_sso"];

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(result: Result<Scopes, Refusal>) -> String {
        match result {
            Ok(scopes) => format!("granted {scopes}"),
            Err(refusal) => refusal.reason().to_owned(),
        }
    }

    #[test]
    fn the_org_server_gives_what_is_granted() {
        let app = App::service("0oa1").grant("okta.users.read").grant("okta.logs.read");
        for (requested, expected) in [
            ("okta.users.read", "granted okta.users.read"),
            ("okta.users.read okta.apps.read", "granted okta.users.read"),
            ("okta.apps.read", "consent_required"),
            ("", "invalid_scope"),
            ("read", "invalid_scope"),
            ("okta.users.read openid", "invalid_scope"),
            ("okta.users.read.self", "client_credentials_self_scope_requested"),
        ] {
            let scopes = org_scopes(&app, &Scopes::parse(requested).unwrap());
            assert_eq!(reason(scopes), expected, "{requested}");
        }
        let web = App::web("0oa2").grant("okta.users.read");
        assert_eq!(
            reason(org_scopes(&web, &["okta.users.read"].iter().collect())),
            "invalid_client"
        );
    }

    #[test]
    fn a_custom_server_gives_what_it_defines_to_whom_its_policy_names() {
        let server = CustomServer::new("default").scope("read").scope("write").client("0oa1");
        let give = |client: &str, scopes: &str| {
            reason(custom_scopes(&App::service(client), &server, Scopes::parse(scopes).unwrap()))
        };
        assert_eq!(give("0oa1", "read write"), "granted read write");
        assert_eq!(give("0oa1", "read okta.users.read"), "invalid_scope");
        assert_eq!(give("0oa1", "offline_access"), "invalid_scope");
        assert_eq!(give("0oa1", ""), "invalid_scope");
        assert_eq!(give("0oa2", "read"), "access_denied");
        let with_default = server.clone().default_scope("read");
        let scopes = custom_scopes(&App::web("0oa1"), &with_default, Scopes::default());
        assert_eq!(reason(scopes), "granted read");
    }
}
