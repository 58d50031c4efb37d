//! Discovery documents and public keys.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::signing;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::authority::Authority;

/// `GET …/v1/keys`: the keys that sign this server's JWTs, apart from the org server's access
/// tokens.
pub(crate) fn keys(call: &Call<'_>) -> Result<Answer, Refusal> {
    let (numbers, max_age_secs) = call.authority.published_keys(call.now);
    let keys: Value =
        numbers.into_iter().map(|number| signing::key(number).public_jwk().clone()).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"keys": keys})).cacheable(max_age_secs))
}

/// The metadata, at all the places where Okta has it: OpenID Connect Discovery 1.0 §4 and
/// [RFC 8414 §3](https://www.rfc-editor.org/rfc/rfc8414#section-3).
pub(crate) fn metadata(call: &Call<'_>) -> Result<Answer, Refusal> {
    let unknown = |id: &str| call.world.state().app(id).is_none();
    if call.request.query("client_id").is_some_and(unknown) {
        return Err(Refusal::api(
            StatusCode::BAD_REQUEST,
            "invalid_client",
            "Invalid value for 'client_id' parameter.",
        ));
    }
    let document = document(&call.authority, &call.request.base);
    Ok(Answer::json(StatusCode::OK, &document).cacheable(METADATA_MAX_AGE_SECS))
}

/// Like Okta's documents it names endpoints for users too, because clients demand them; the
/// sandbox has no users that sign in, and answers 404 there.
fn document(authority: &Authority, base: &str) -> Value {
    let endpoint = |name: &str| format!("{}/{name}", authority.endpoints(base));
    let methods = json!([
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none"
    ]);
    json!({
        "issuer": authority.issuer(base),
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        "jwks_uri": endpoint("keys"),
        "introspection_endpoint": endpoint("introspect"),
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": endpoint("revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_methods_supported": methods,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
        "grant_types_supported": grant_types(authority),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": scopes(authority),
        "claims_supported": ["iss", "ver", "sub", "aud", "iat", "exp", "jti"],
        "code_challenge_methods_supported": ["S256"],
    })
}

/// Okta's own sample for the org server leaves client_credentials out, although service apps use
/// it there; a client must not rely on it.
fn grant_types(authority: &Authority) -> Vec<&'static str> {
    match authority {
        Authority::Org => vec!["authorization_code", "refresh_token"],
        Authority::Custom { .. } => {
            vec!["authorization_code", "refresh_token", "client_credentials"]
        }
    }
}

fn scopes(authority: &Authority) -> Vec<&str> {
    let openid = ["openid", "profile", "email", "address", "phone", "offline_access"];
    match authority {
        Authority::Org => openid.to_vec(),
        Authority::Custom { server, .. } => {
            openid.into_iter().chain(server.scopes.iter().map(String::as_str)).collect()
        }
    }
}

/// A day.
const METADATA_MAX_AGE_SECS: u32 = 86_400;
