//! The token endpoint: the client_credentials grant
//! ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).

use hyper::{StatusCode, header};
use serde_json::json;

use super::client_auth;
use super::dpop::{self, DPOP_NONCE};
use super::issue::{self, Order};
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::{App, AppKind, AuthMethod};
use crate::model::authority::Authority;
use crate::model::custom_server::CustomServer;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::scopes::Scopes;
use crate::model::tokens::Issued;

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
    let (event_type, target, result) = match granted {
        Ok(Granted { token, issued, .. }) => {
            debug.insert("grantedScopes".to_owned(), issued.scopes.to_string().into());
            let target = issue::entities(call.world, token, issued);
            (call.authority.grant_event(), target, LogResult::Success)
        }
        Err(refusal) => (call.authority.refusal_event(), Vec::new(), refused(refusal.reason())),
    };
    let actor = app.as_deref().map_or_else(LogEntity::unknown_client, LogEntity::client);
    call.log(Entry { event_type, actor, target, result, debug });
}

/// Okta's log takes the demand of a nonce for a question, not a failure.
fn refused(reason: &str) -> LogResult {
    match reason {
        dpop::USE_NONCE => LogResult::Challenge(reason.to_owned()),
        _ => LogResult::Failure(reason.to_owned()),
    }
}

/// A token that was granted.
struct Granted {
    token: String,
    issued: Issued,
    /// The DPoP nonce for the next request, if it is another one than for this.
    nonce: Option<String>,
}

impl Granted {
    fn into_answer(self) -> Answer {
        let body = json!({
            "token_type": self.issued.token_type(),
            "expires_in": self.issued.expires_at - self.issued.issued_at,
            "access_token": self.token,
            "scope": self.issued.scopes,
        });
        let answer = Answer::json(StatusCode::OK, &body);
        match self.nonce {
            Some(nonce) => answer.add(DPOP_NONCE, &nonce),
            None => answer,
        }
    }
}

fn grant(call: &Call<'_>, form: &Form, app: &App) -> Result<Granted, Refusal> {
    if call.request.headers.contains_key(header::ORIGIN) {
        return Err(Refusal::client(
            "Browser requests to the token endpoint must use Proof Key for Code Exchange.",
        ));
    }
    check_grant_type(form)?;
    refuse_public(app)?;
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
    let order = Order { app, user: None, scopes, lifetime_secs, jkt };
    let base = &call.request.base;
    let (token, issued) = issue::access_token(call.world, &call.authority, base, order, call.now);
    Ok(Granted { token, issued, nonce })
}

/// What the request names as scopes; what is none is none that the server knows.
fn requested_scopes(call: &Call<'_>, form: &Form) -> Result<Scopes, Refusal> {
    Scopes::parse(form.member("scope").unwrap_or_default()).ok_or_else(|| {
        Refusal::scope(match call.authority {
            Authority::Org => CUSTOM_SCOPES,
            Authority::Custom { .. } => UNKNOWN_SCOPES,
        })
    })
}

fn check_grant_type(form: &Form) -> Result<(), Refusal> {
    match form.member("grant_type") {
        Some("client_credentials") => Ok(()),
        Some(_) => Err(Refusal::oauth(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server. Configured grant types: [client_credentials].",
        )),
        None => Err(Refusal::request(
            "The token request must specify a 'grant_type'. Valid values: [client_credentials]",
        )),
    }
}

/// What has nothing to prove cannot act for itself
/// ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
fn refuse_public(app: &App) -> Result<(), Refusal> {
    match app.auth_method {
        AuthMethod::None => Err(Refusal::oauth(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "The client is not authorized to use the provided grant type. Configured grant types: [authorization_code].",
        )),
        _ => Ok(()),
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
    if server.clients.as_ref().is_some_and(|clients| !clients.contains(&app.client_id)) {
        return Err(Refusal::oauth(
            StatusCode::UNAUTHORIZED,
            "access_denied",
            "Policy evaluation failed for this request, please check the policy configurations.",
        ));
    }
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

const CUSTOM_SCOPES: &str = "Custom scopes are not allowed for this request.";

const UNKNOWN_SCOPES: &str =
    "One or more scopes are not configured for the authorization server resource.";

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
