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

/// The metadata of [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2), at all the
/// places where Okta has it.
pub(crate) fn oauth(call: &Call<'_>) -> Result<Answer, Refusal> {
    check_client(call)?;
    Ok(answer(&document(&call.authority, &call.request.base)))
}

/// The metadata of OpenID Connect Discovery 1.0 §3: the same and more.
pub(crate) fn openid(call: &Call<'_>) -> Result<Answer, Refusal> {
    check_client(call)?;
    let (authority, base) = (&call.authority, &call.request.base);
    let mut document = document(authority, base);
    document["userinfo_endpoint"] = format!("{}/userinfo", authority.endpoints(base)).into();
    document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    Ok(answer(&document))
}

/// The org as a transmitter of the Shared Signals Framework. Streams are set up through the handle
/// ([`Sandbox::subscribe`](crate::Sandbox::subscribe)): behind the endpoints for that is nothing.
pub(crate) fn shared_signals(call: &Call<'_>) -> Result<Answer, Refusal> {
    let base = &call.request.base;
    let stream = format!("{base}/api/v1/ssf/stream");
    let document = json!({
        "issuer": base,
        "jwks_uri": format!("{base}/oauth2/v1/keys"),
        "spec_version": "1_0-ID3",
        "delivery_methods_supported": [
            "https://schemas.openid.net/secevent/risc/delivery-method/push",
            "urn:ietf:rfc:8935",
        ],
        "default_subjects": "ALL",
        "configuration_endpoint": stream,
        "status_endpoint": format!("{stream}/status"),
        "verification_endpoint": format!("{stream}/verification"),
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
    });
    Ok(answer(&document))
}

fn answer(document: &Value) -> Answer {
    Answer::json(StatusCode::OK, document).cacheable(METADATA_MAX_AGE_SECS)
}

fn check_client(call: &Call<'_>) -> Result<(), Refusal> {
    let unknown = |id: &str| call.world.state().app(id).is_none();
    match call.request.query("client_id").is_some_and(unknown) {
        true => Err(Refusal::api(
            StatusCode::BAD_REQUEST,
            "invalid_client",
            "Invalid value for 'client_id' parameter.",
        )),
        false => Ok(()),
    }
}

/// Like Okta's documents it names endpoints for users too, because clients demand them; the
/// sandbox has no users that sign in, and answers 404 there.
fn document(authority: &Authority, base: &str) -> Value {
    let endpoint = |name: &str| format!("{}/{name}", authority.endpoints(base));
    json!({
        "issuer": authority.issuer(base),
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        // Clients register at the org, whichever server they use.
        "registration_endpoint": format!("{base}/oauth2/v1/clients"),
        "jwks_uri": endpoint("keys"),
        "introspection_endpoint": endpoint("introspect"),
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint": endpoint("revoke"),
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "end_session_endpoint": endpoint("logout"),
        "device_authorization_endpoint": endpoint("device/authorize"),
        "pushed_authorization_request_endpoint": endpoint("par"),
        "backchannel_token_delivery_modes_supported": ["poll"],
        "backchannel_authentication_request_signing_alg_values_supported": SIGNING_ALGORITHMS,
        "request_parameter_supported": true,
        "request_object_signing_alg_values_supported": SIGNING_ALGORITHMS,
        "response_types_supported": [
            "code", "id_token", "code id_token", "code token", "id_token token",
            "code id_token token",
        ],
        "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
        "grant_types_supported": grant_types(authority),
        "subject_types_supported": ["public"],
        "scopes_supported": scopes(authority),
        "claims_supported": claims(authority),
        "code_challenge_methods_supported": ["S256"],
    })
}

const AUTH_METHODS: [&str; 5] =
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];

const SIGNING_ALGORITHMS: [&str; 9] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

/// The org server's ID tokens are about people; what a custom server's hold is up to the org.
fn claims(authority: &Authority) -> Vec<&'static str> {
    let mut claims =
        vec!["iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp"];
    if authority.id().is_none() {
        claims.extend(["nonce", "name", "preferred_username", "given_name", "family_name"]);
        claims.extend(["email", "email_verified", "at_hash"]);
    }
    claims
}

/// Okta's own sample for the org server leaves client_credentials out, although service apps use
/// it there; a client must not rely on it.
fn grant_types(authority: &Authority) -> Vec<&'static str> {
    match authority {
        Authority::Org => {
            vec!["authorization_code", "implicit", "refresh_token", "password", DEVICE]
        }
        Authority::Custom { .. } => {
            vec![
                "authorization_code",
                "implicit",
                "refresh_token",
                "password",
                "client_credentials",
                DEVICE,
            ]
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

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A day.
const METADATA_MAX_AGE_SECS: u32 = 86_400;
