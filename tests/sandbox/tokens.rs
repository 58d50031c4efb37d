//! Tokens of the sandbox: granting, introspecting, revoking.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::Token;
use okta_introspect::sandbox::{App, AppStatus, CustomServer, Grant, UserStatus};
use serde_json::json;

use crate::org::{CLIENT, NOW, Org, USER, decode, sign};

const TOKEN: &str = "/oauth2/v1/token";
const INTROSPECT: &str = "/oauth2/v1/introspect";
const REVOKE: &str = "/oauth2/v1/revoke";
const CUSTOM_TOKEN: &str = "/oauth2/default/v1/token";
const CUSTOM_INTROSPECT: &str = "/oauth2/default/v1/introspect";
const INACTIVE: &str = r#"{"active":false}"#;

#[test_support::test]
async fn the_org_server_grants_an_opaque_token_for_an_hour() {
    let org = Org::start().await;
    let answer = org.token(TOKEN, "okta.users.read").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-cache, no-store");
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["scope"], "okta.users.read");
    let (header, claims) = decode(body["access_token"].as_str().unwrap());
    assert_eq!(header["typ"], "application/okta-internal-at+jwt");
    assert_eq!(claims["iss"], org.url(""));
    assert_eq!(claims["aud"], org.url(""));
    let keys = org.get("/oauth2/v1/keys").await.json();
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["kid"] != header["kid"]));
}

#[test_support::test]
async fn a_custom_server_grants_a_jwt_signed_with_a_published_key() {
    let org = Org::start_with(|builder, _| {
        let server = CustomServer::new("short").scope("read").audience("api://short");
        builder.server(server.token_lifetime_secs(300))
    })
    .await;
    let body = org.token("/oauth2/short/v1/token", "read").await.json();
    assert_eq!(body["expires_in"], 300);
    let token = body["access_token"].as_str().unwrap();
    let (header, claims) = decode(token);
    assert_eq!(header.as_object().unwrap().len(), 2, "{header}");
    assert_eq!(header["alg"], "RS256");
    let jti = claims["jti"].as_str().unwrap();
    assert!(jti.starts_with("AT."), "{jti}");
    let expected = json!({
        "ver": 1, "jti": jti, "iss": org.url("/oauth2/short"), "aud": "api://short",
        "iat": NOW, "exp": NOW + 300, "cid": CLIENT, "scp": ["read"], "sub": CLIENT,
    });
    assert_eq!(claims, expected);
    let keys = org.get("/oauth2/short/v1/keys").await;
    assert_eq!(keys.header("cache-control"), "max-age=3832304, must-revalidate");
    let keys = keys.json();
    let jwk = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    assert!(verifies(token, jwk.expect("the key is published")));
    let other = org.get("/oauth2/default/v1/keys").await.json();
    assert!(!verifies(token, &other["keys"][0]), "servers share a key");
}

pub(crate) fn verifies(token: &str, jwk: &serde_json::Value) -> bool {
    let jwk = josekit::jwk::Jwk::from_bytes(jwk.to_string()).unwrap();
    let verifier = josekit::jws::RS256.verifier_from_jwk(&jwk).unwrap();
    josekit::jws::deserialize_compact(token, &verifier).is_ok()
}

/// Name, path, form, status, error, description.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str, &'a str);

#[test_support::test]
async fn token_requests_are_judged() {
    let org = Org::start_with(|builder, key| {
        builder
            .app(App::web("0oa2web").key(key.public_jwk()).grant("okta.users.read"))
            .server(CustomServer::new("closed").scope("read").client("0oa9"))
    })
    .await;
    let grant = ("grant_type", "client_credentials");
    let configured = "One or more scopes are not configured for the authorization server resource.";
    let cases: [Case<'_>; 12] = [
        (
            "no grant type",
            TOKEN,
            &[("scope", "okta.users.read")],
            400,
            "invalid_request",
            "The token request must specify a 'grant_type'. Valid values: [client_credentials]",
        ),
        (
            "other grant",
            TOKEN,
            &[("grant_type", "password")],
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server. Configured grant types: [client_credentials].",
        ),
        ("no scope", TOKEN, &[grant], 400, "invalid_scope", "No scopes were requested."),
        (
            "no scope at a custom server",
            CUSTOM_TOKEN,
            &[grant],
            400,
            "invalid_scope",
            "The authorization server resource does not have any configured default scopes, 'scope' must be provided.",
        ),
        (
            "ungranted scope",
            TOKEN,
            &[grant, ("scope", "okta.groups.read")],
            400,
            "consent_required",
            "You are not allowed any of the requested scopes.",
        ),
        (
            "custom scope at the org server",
            TOKEN,
            &[grant, ("scope", "read")],
            400,
            "invalid_scope",
            "Custom scopes are not allowed for this request.",
        ),
        (
            "Okta scope at a custom server",
            CUSTOM_TOKEN,
            &[grant, ("scope", "okta.users.read")],
            400,
            "invalid_scope",
            configured,
        ),
        (
            "unknown scope",
            CUSTOM_TOKEN,
            &[grant, ("scope", "red")],
            400,
            "invalid_scope",
            configured,
        ),
        (
            "openid",
            TOKEN,
            &[grant, ("scope", "openid")],
            400,
            "invalid_scope",
            "Cannot request 'openid' scopes using client credentials.",
        ),
        (
            "openid at a custom server",
            CUSTOM_TOKEN,
            &[grant, ("scope", "read openid")],
            400,
            "invalid_scope",
            "Cannot request 'openid' scopes using client credentials.",
        ),
        (
            ".self scope",
            TOKEN,
            &[grant, ("scope", "okta.users.read.self")],
            400,
            "client_credentials_self_scope_requested",
            "The 'client_credentials' grant type may not request .self scopes.",
        ),
        (
            "no policy for the client",
            "/oauth2/closed/v1/token",
            &[grant, ("scope", "read")],
            401,
            "access_denied",
            "Policy evaluation failed for this request, please check the policy configurations.",
        ),
    ];
    for (name, path, members, status, error, description) in cases {
        let answer = org.post(path, members).await;
        let expected = (status, error.to_owned(), description.to_owned());
        assert_eq!(answer.refusal(), expected, "{name}");
    }
}

#[test_support::test]
async fn only_service_apps_get_tokens_from_the_org_server() {
    let org = Org::start().await;
    let web = App::web(CLIENT).key(org.key.public_jwk()).grant("okta.users.read");
    org.sandbox.register(web);
    let answer = org.token(TOKEN, "okta.users.read").await;
    let description = "Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server.";
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned(), description.to_owned()));
    assert_eq!(org.token(CUSTOM_TOKEN, "read").await.status, 200);
}

#[test_support::test]
async fn granted_scopes_are_given_and_others_left_out() {
    let org = Org::start().await;
    let answer = org.token(TOKEN, "okta.groups.read okta.users.read").await;
    assert_eq!(answer.member("scope"), "okta.users.read");
    org.sandbox.grant(CLIENT, "okta.groups.read").unwrap();
    let answer = org.token(TOKEN, "okta.groups.read okta.users.read").await;
    assert_eq!(answer.member("scope"), "okta.groups.read okta.users.read");
}

#[test_support::test]
async fn an_app_that_demands_dpop_gets_no_bearer_token() {
    let org = Org::start().await;
    let app = App::service(CLIENT).key(org.key.public_jwk()).grant("okta.users.read");
    org.sandbox.register(app.dpop_required(true));
    let answer = org.token(TOKEN, "okta.users.read").await;
    let description = "The DPoP proof JWT header is missing.";
    assert_eq!(answer.refusal(), (400, "invalid_dpop_proof".to_owned(), description.to_owned()));
}

#[test_support::test]
async fn a_service_token_introspects_with_its_client_as_subject() {
    let org = Org::start().await;
    let token = org.token(TOKEN, "okta.users.read").await.member("access_token");
    let (_, claims) = decode(&token);
    let expected = json!({
        "active": true, "scope": "okta.users.read", "client_id": CLIENT, "sub": CLIENT,
        "aud": org.url(""), "iss": org.url(""), "jti": claims["jti"],
        "exp": NOW + 3600, "iat": NOW, "token_type": "Bearer",
    });
    assert_eq!(org.introspect(INTROSPECT, &token).await.json(), expected);
}

#[test_support::test]
async fn a_users_token_introspects_with_login_and_id() {
    let org = Org::start().await;
    let grant = Grant::to_client(CLIENT).user(USER).server("default").scope("read");
    let token = org.sandbox.issue(&grant).unwrap();
    let body = org.introspect(CUSTOM_INTROSPECT, token.expose()).await.json();
    assert_eq!(body["username"], "ada@example.test");
    assert_eq!(body["sub"], "ada@example.test");
    assert_eq!(body["uid"], USER);
    assert_eq!(body["aud"], "api://default");
}

#[test_support::test]
async fn whatever_is_not_a_good_token_of_this_server_is_inactive() {
    let org = Org::start().await;
    let good = org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap();
    let custom = org.sandbox.issue(&Grant::to_client(CLIENT).server("default")).unwrap();
    let dead = org.sandbox.issue(&Grant::to_client(CLIENT).lifetime(Duration::ZERO)).unwrap();
    let forged = sign(&org.key, &json!({"alg": "ES256"}), &org.claims(TOKEN));
    let cases = [
        ("garbage", "x".to_owned()),
        ("quoted", format!("\"{}\"", good.expose())),
        ("cut", good.expose()[..good.expose().len() - 1].to_owned()),
        ("with its scheme", format!("Bearer {}", good.expose())),
        ("of a custom server", custom.expose().to_owned()),
        ("expired", dead.expose().to_owned()),
        ("forged", forged),
    ];
    for (name, token) in cases {
        let answer = org.introspect(INTROSPECT, &token).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, INACTIVE), "{name}");
    }
    assert!(org.introspect(INTROSPECT, good.expose()).await.json()["active"] == true);
    let elsewhere = org.introspect(CUSTOM_INTROSPECT, good.expose()).await;
    assert_eq!(elsewhere.text, INACTIVE);
}

#[test_support::test]
async fn a_token_dies_at_its_second() {
    let org = Org::start().await;
    let grant = Grant::to_client(CLIENT).lifetime(Duration::from_secs(60));
    let token = org.sandbox.issue(&grant).unwrap();
    for (step, active) in [(59, true), (1, false)] {
        org.clock.advance(Duration::from_secs(step));
        let body = org.introspect(INTROSPECT, token.expose()).await.json();
        assert_eq!(body["active"], active);
    }
}

#[test_support::test]
async fn a_token_dies_with_its_user_or_client() {
    let org = Org::start_with(|builder, _| builder.app(App::web("0oa2web"))).await;
    let token = org.sandbox.issue(&Grant::to_client("0oa2web").user(USER)).unwrap();
    let active = async || org.introspect(INTROSPECT, token.expose()).await.json()["active"] == true;
    assert!(active().await);
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    assert!(!active().await);
    org.sandbox.set_user_status(USER, UserStatus::Active).unwrap();
    assert!(active().await);
    org.sandbox.set_app_status("0oa2web", AppStatus::Inactive).unwrap();
    assert!(!active().await);
    org.sandbox.set_app_status("0oa2web", AppStatus::Active).unwrap();
    assert!(!active().await);
}

#[test_support::test]
async fn a_client_revokes_its_own_tokens_only() {
    let org = Org::start_with(|builder, _| builder.app(App::service("0oa2other"))).await;
    let own = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    let custom = org.sandbox.issue(&Grant::to_client(CLIENT).server("default")).unwrap();
    let other = org.sandbox.issue(&Grant::to_client("0oa2other")).unwrap();
    for token in [own.expose(), custom.expose(), other.expose(), "garbage", own.expose()] {
        let answer = org.post(REVOKE, &[("token", token)]).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }
    assert_eq!(org.introspect(INTROSPECT, own.expose()).await.text, INACTIVE);
    assert_eq!(org.introspect(INTROSPECT, other.expose()).await.json()["active"], true);
    assert_eq!(org.introspect(CUSTOM_INTROSPECT, custom.expose()).await.json()["active"], true);
    let answer = org.post(REVOKE, &[]).await;
    assert_eq!(answer.refusal().2, "The 'token' parameter is required.");
}

#[test_support::test]
async fn an_administrator_revokes_any_token_once() {
    let org = Org::start().await;
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    assert!(org.sandbox.revoke(&token));
    assert!(!org.sandbox.revoke(&token));
    assert!(!org.sandbox.revoke(&Token::parse("unknown").unwrap()));
    assert_eq!(org.introspect(INTROSPECT, token.expose()).await.text, INACTIVE);
}

#[test_support::test]
async fn the_system_log_tells_of_grants_and_revocations() {
    let org = Org::start().await;
    let token = org.token(CUSTOM_TOKEN, "read").await.member("access_token");
    org.token(TOKEN, "okta.groups.read").await;
    org.post("/oauth2/default/v1/revoke", &[("token", &token)]).await;
    let log = org.sandbox.log();
    let told: Vec<_> = log.iter().map(|e| (e.event_type, e.outcome.result)).collect();
    let expected = [
        ("app.oauth2.as.token.grant.access_token", "SUCCESS"),
        ("app.oauth2.token.grant", "FAILURE"),
        ("app.oauth2.as.token.revoke", "SUCCESS"),
    ];
    assert_eq!(told, expected);
    assert_eq!(log[1].outcome.reason.as_deref(), Some("consent_required"));
    let hash = STANDARD.encode(openssl::sha::sha256(token.as_bytes()));
    assert_eq!(log[2].target[0].detail_entry["hash"], hash);
    assert_eq!(log[2].target[0].id, decode(&token).1["jti"]);
    assert_eq!(log[2].actor.id, CLIENT);
}

#[test_support::test]
async fn what_does_not_exist_gets_no_token() {
    let org = Org::start().await;
    for grant in [
        Grant::to_client("0oa9"),
        Grant::to_client(CLIENT).user("00u9"),
        Grant::to_client(CLIENT).server("none"),
    ] {
        assert!(org.sandbox.issue(&grant).is_err(), "{grant:?}");
    }
}
