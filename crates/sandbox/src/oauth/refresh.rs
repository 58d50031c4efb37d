//! The refresh_token grant ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)), with
//! Okta's rotation and its detection of reuse.

use hyper::StatusCode;

use super::dpop;
use super::granted::{Granted, check_policy, requested_scopes};
use super::issue::{self, Order};
use super::{client_auth, dpop::Binding};
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::authority::Authority;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::rotation::RotationType;
use crate::model::scopes::Scopes;
use crate::model::sign_in::SignIn;
use crate::model::state::Presented;
use crate::model::tokens::{Digest, Issued};
use crate::model::user::User;

/// The error code for everything that is wrong with a refresh token.
pub(super) const INVALID_GRANT: &str = "invalid_grant";

/// The scope without which Okta gives no refresh token.
const OFFLINE_ACCESS: &str = "offline_access";

/// Exchanges a refresh token for an access token, and where they rotate for another refresh token.
pub(super) fn grant(call: &Call<'_>, form: &Form, app: &App) -> Result<Granted, Refusal> {
    let text = form.member("refresh_token").ok_or_else(|| {
        Refusal::request("The 'refresh_token' parameter is required for this grant type.")
    })?;
    let presented = find(call, app, text)?;
    let scopes = narrowed(requested_scopes(call, form)?, &presented.scopes)?;
    if let Authority::Custom { server, .. } = &call.authority {
        check_policy(app, server)?;
    }
    // A demand for a nonce leaves the refresh token as it is.
    let binding = dpop::bind(call, app)?;
    check_key(&presented, binding.as_ref())?;
    let user = presented.user_id.as_ref().and_then(|id| call.world.state().user(id).cloned());
    let user = user.ok_or_else(refused)?;
    let gives_refresh_token = scopes.contains(OFFLINE_ACCESS);
    let rotates = gives_refresh_token && app.refresh_token.rotation_type == RotationType::Rotate;
    use_up(call, app, text, rotates)?;
    let (jkt, nonce) = match binding {
        Some(Binding { jkt, nonce }) => (Some(jkt), nonce),
        None => (None, None),
    };
    let (token, issued) = access_token(call, app, &user, &presented, scopes, jkt);
    let refresh_token = match rotates {
        true => {
            let (scopes, jkt) = (presented.scopes.clone(), presented.jkt.clone());
            let (token, known) = issue::refresh_token(call.world, &issued, scopes, jkt, call.now);
            Some((token, Some(known)))
        }
        false => gives_refresh_token.then(|| (text.to_owned(), None)),
    };
    let id_token = issued.scopes.contains("openid").then(|| id_token(call, &user, &token, &issued));
    Ok(Granted { token, issued, refresh_token, id_token, nonce })
}

/// The refresh token, if it is good.
fn find(call: &Call<'_>, app: &App, text: &str) -> Result<Issued, Refusal> {
    let presented = call.world.state().refresh_token(&call.authority, app, text, call.now);
    good(call, app, text, presented)
}

/// Takes note of the use of a refresh token. It may have been used up meanwhile.
fn use_up(call: &Call<'_>, app: &App, text: &str, rotates: bool) -> Result<(), Refusal> {
    let mut state = call.world.state();
    let presented = state.refresh_token(&call.authority, app, text, call.now);
    if let Presented::Good(_) = &presented {
        let digest = Digest::of(text);
        match rotates {
            true => state.tokens.rotate(&digest, call.now),
            false => state.tokens.set_end(&digest, issue::refresh_end(call.now)),
        }
    }
    drop(state);
    good(call, app, text, presented).map(drop)
}

/// Okta: a token that was replaced before, and is used again, ends everything that was issued since
/// the user signed in.
fn good(call: &Call<'_>, app: &App, text: &str, presented: Presented) -> Result<Issued, Refusal> {
    match presented {
        Presented::Good(issued) => Ok(issued),
        Presented::Bad => Err(refused()),
        Presented::Reused(issued) => {
            // Before it is told: what asks as soon as it reads of it must not find anything good.
            if let Some(authentication) = &issued.authentication {
                call.world.state().tokens.end_sign_in(authentication);
            }
            call.log(Entry {
                event_type: call.authority.reuse_event(),
                actor: LogEntity::client(app),
                target: issue::entities(call.world, text, &issued),
                result: LogResult::Success,
                debug: client_auth::debug_data(app),
            });
            Err(refused())
        }
    }
}

/// The requested scopes, which are among those that the user granted; without any, all of these.
fn narrowed(requested: Scopes, granted: &Scopes) -> Result<Scopes, Refusal> {
    match requested.is_empty() {
        true => Ok(granted.clone()),
        false if requested.iter().all(|scope| granted.contains(scope)) => Ok(requested),
        false => Err(Refusal::scope(
            "The requested scopes are not a subset of the scopes that were granted.",
        )),
    }
}

/// The refresh token of a public client is bound to a key as its access tokens are
/// ([RFC 9449 §5](https://www.rfc-editor.org/rfc/rfc9449#section-5)).
fn check_key(presented: &Issued, binding: Option<&Binding>) -> Result<(), Refusal> {
    let is_bound_to = |jkt: &String| binding.is_some_and(|binding| binding.jkt == *jkt);
    match presented.jkt.as_ref().is_none_or(is_bound_to) {
        true => Ok(()),
        false => Err(refused()),
    }
}

fn access_token(
    call: &Call<'_>,
    app: &App,
    user: &User,
    presented: &Issued,
    scopes: Scopes,
    jkt: Option<String>,
) -> (String, Issued) {
    let order = Order {
        app,
        user: Some(user),
        scopes,
        lifetime_secs: call.authority.token_lifetime_secs().into(),
        jkt,
        authentication: presented.authentication.clone(),
    };
    issue::access_token(call.world, &call.authority, &call.request.base, order, call.now)
}

fn id_token(call: &Call<'_>, user: &User, token: &str, issued: &Issued) -> (String, Issued) {
    let sign_in = SignIn::new(&issued.client_id, &user.id).access_token(token);
    let sign_in = issued.scopes.iter().fold(sign_in, SignIn::scope);
    let (base, authentication) = (&call.request.base, issued.authentication.clone());
    issue::id_token(call.world, &call.authority, base, &sign_in, user, authentication, call.now)
}

fn refused() -> Refusal {
    let description = "The refresh token is invalid or expired.";
    Refusal::oauth(StatusCode::BAD_REQUEST, INVALID_GRANT, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_can_be_narrowed_and_not_widened() {
        let scopes = |text: &str| Scopes::parse(text).unwrap();
        let granted = scopes("offline_access openid read");
        for (requested, expected) in [
            ("", Some("offline_access openid read")),
            ("read", Some("read")),
            ("read openid", Some("openid read")),
            ("write", None),
            ("read write", None),
        ] {
            let narrowed = narrowed(scopes(requested), &granted).ok();
            assert_eq!(narrowed, expected.map(scopes), "{requested}");
        }
    }
}
