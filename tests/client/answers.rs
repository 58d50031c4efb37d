//! What the client makes of a server's answers: a word for each, and never a guess at `active`.

use std::time::Duration;

use okta_introspect::{ErrorKind, Scopes};
use test_support::{Act, Peer, reply, reply_with};

use crate::support::{TOKEN, all_text, assert_no_secrets, client, clock, token};

const JSON: &str = "application/json";

#[test_support::test]
async fn an_answer_that_is_not_one_is_malformed_and_never_a_verdict() {
    let huge = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let exactly_at_the_cap = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(1024 * 1024 - 22));
    for (name, status, content_type, body, says) in [
        (
            "HTML with 200",
            200,
            "text/html",
            "<html><body>Sign In</body></html>",
            "not JSON but text/html",
        ),
        ("empty body", 200, JSON, "", "is empty"),
        ("truncated JSON", 200, JSON, r#"{"active":tr"#, "ends in the middle"),
        ("active as a string", 200, JSON, r#"{"active":"true"}"#, "expected members"),
        ("active as a number", 200, JSON, r#"{"active":1}"#, "expected members"),
        ("active as null", 200, JSON, r#"{"active":null}"#, "expected members"),
        ("no active", 200, JSON, r#"{"scope":"a"}"#, "expected members"),
        ("active twice", 200, JSON, r#"{"active":false,"active":true}"#, "expected members"),
        ("JSON array", 200, JSON, r#"[{"active":true}]"#, "expected members"),
        ("JSON string", 200, JSON, r#""active""#, "expected members"),
        ("two documents", 200, JSON, r#"{"active":true}{"active":true}"#, "not valid JSON"),
        ("wrong content type", 200, "text/plain", r#"{"active":true}"#, "not JSON but text/plain"),
        ("10 MB", 200, JSON, &huge, "longer than"),
        ("204", 204, JSON, "", "not one of the protocol"),
        ("redirect", 302, JSON, "", "redirect"),
        ("404 page", 404, "text/html", "<html>", "not one of the protocol"),
    ] {
        let peer = Peer::start([Act::Write(reply(status, content_type, body))]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert_eq!(peer.requests().len(), 1, "{name}");
        assert_no_secrets(&all_text(&error), &peer, name);
    }
    let peer = Peer::start([Act::Write(reply(200, JSON, &exactly_at_the_cap))]).await;
    assert!(client(&peer, &clock()).introspect(&token(), None).await.unwrap().active);
}

#[test_support::test]
async fn a_refusal_of_our_credentials_is_ours_and_names_its_cause() {
    for (description, about) in [
        (
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
            "aud",
        ),
        ("The client_assertion JWT kid is invalid.", "kid"),
        ("The client_assertion signature is invalid.", "key"),
        ("The client_assertion JWT signature algorithm is invalid.", "alg"),
        ("The client_assertion token is expired.", "exp"),
        ("The client_assertion token has an expiration too far into the future.", "exp"),
        ("The client_assertion token must be issued before the current time.", "iat"),
        ("The client_assertion must contain the 'exp' claim as seconds since epoch.", "exp"),
        ("The client_assertion token has already been used.", "jti"),
        ("The issuer claim for client_assertion is not a valid client_id.", "iss"),
        ("The subject claim for client_assertion is not a valid client_id.", "sub"),
        ("The parsing of the client_assertion failed.", "assertion"),
        (
            "The client does not have a JWKSet configured, but the client_assertion requires one.",
            "key",
        ),
        ("The client JWKSet is invalid.", "key"),
        (
            "The public key being used for client assertion has an invalid 'use' parameter. It must be 'sig'.",
            "key",
        ),
        ("The client_assertion needs to be signed using a signing key.", "key"),
        ("The client JWKSet from jwks_uri must contain at least one key.", "jwks_uri"),
        ("All keys in the client JWKSet from jwks_uri must have a unique kid.", "jwks_uri"),
        ("Error retrieving the client JWKSet from jwks_uri.", "jwks_uri"),
        ("The 'jku' in JWT and 'jwks_uri' doesn't match.", "jwks_uri"),
        ("No client credentials found.", "assertion"),
        (
            "Client authentication failed. Either the client or the client credentials are invalid.",
            "authentication method",
        ),
        ("Invalid value for 'client_id' parameter.", "iss"),
        (
            "Client Credentials requests to the Org Authorization Server must use the private_key_jwt \
             token_endpoint_auth_method.",
            "authentication method",
        ),
        (
            "Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the \
             Org Authorization Server.",
            "app type",
        ),
    ] {
        let body = serde_json::json!({"error": "invalid_client", "error_description": description})
            .to_string();
        let peer = Peer::start([Act::Write(reply(401, JSON, &body))]).await;
        let error =
            client(&peer, &clock()).introspect(&token(), None).await.expect_err(description);
        assert_eq!(error.kind(), ErrorKind::ClientRefused, "{description}");
        let diagnosis = error.diagnosis().expect(description);
        assert_eq!(diagnosis.about, about, "{description}");
        assert!(error.to_string().contains(description), "{error}");
        assert!(error.advice().contains(&diagnosis.cure), "{description}");
        assert_no_secrets(&all_text(&error), &peer, description);
    }
}

#[test_support::test]
async fn the_diagnosis_says_what_was_sent() {
    for (description, sent) in [
        (
            "The audience claim for client_assertion must be the endpoint invoked.",
            "/oauth2/v1/introspect",
        ),
        ("The client_assertion JWT kid is invalid.", "k1"),
        ("The issuer claim for client_assertion is not a valid client_id.", "0oa-client"),
        ("The client_assertion token is expired.", "2026-11-20T21:52:39Z"),
        ("The client_assertion JWT signature algorithm is invalid.", "ES256"),
    ] {
        let body = serde_json::json!({"error": "invalid_client", "error_description": description})
            .to_string();
        let peer = Peer::start([Act::Write(reply(401, JSON, &body))]).await;
        let error =
            client(&peer, &clock()).introspect(&token(), None).await.expect_err(description);
        let said =
            error.diagnosis().and_then(|diagnosis| diagnosis.sent.clone()).expect(description);
        assert!(said.contains(sent), "{description}: {said}");
    }
}

#[test_support::test]
async fn a_refusal_of_scopes_names_those_that_were_sent() {
    let long = format!("orders.read {}", "Q1w2".repeat(20));
    for (description, requested, sent) in [
        ("One or more scopes are not configured for the authorization server.", "a.b c", "a.b c"),
        ("Something else.", "okta.users.reed", "okta.users.reed"),
        ("Something else.", &long, "[masked] orders.read"),
    ] {
        let body = serde_json::json!({"error": "invalid_scope", "error_description": description});
        let peer = Peer::start([Act::Write(reply(400, JSON, &body.to_string()))]).await;
        let requested = Scopes::parse(requested).unwrap();
        let error = client(&peer, &clock()).request_token(&requested).await.unwrap_err();
        let diagnosis = error.diagnosis().unwrap();
        assert_eq!((diagnosis.about.as_str(), diagnosis.sent.as_deref()), ("scope", Some(sent)));
        let words = format!("(we sent scope: {sent})");
        assert!(error.advice().contains(&words), "{}", error.advice());
    }
}

#[test_support::test]
async fn other_refusals_have_the_kind_that_says_what_to_do() {
    let oauth = |error: &str, description: &str| {
        serde_json::json!({"error": error, "error_description": description}).to_string()
    };
    let api = |code: &str| {
        serde_json::json!({"errorCode": code, "errorSummary": "s", "errorLink": code, "errorId": "i", "errorCauses": []})
            .to_string()
    };
    for (name, status, body, kind) in [
        (
            "scope not granted",
            400,
            oauth("consent_required", "You are not allowed any of the requested scopes."),
            ErrorKind::RequestRefused,
        ),
        (
            "policy",
            401,
            oauth("access_denied", "Policy evaluation failed for this request"),
            ErrorKind::RequestRefused,
        ),
        (
            "zone",
            403,
            oauth("access_denied", "outside the client's permitted network zones"),
            ErrorKind::RequestRefused,
        ),
        (
            "old status of invalid_client",
            400,
            oauth("invalid_client", "x"),
            ErrorKind::ClientRefused,
        ),
        ("API-shaped 429", 429, api("E0000047"), ErrorKind::RateLimited),
        ("API-shaped 401", 401, api("invalid_client"), ErrorKind::ClientRefused),
        ("feature off", 401, api("E0000015"), ErrorKind::RequestRefused),
        ("unknown server id", 404, api("E0000007"), ErrorKind::Malformed),
        ("500", 500, oauth("server_error", "x"), ErrorKind::ServerFailed),
        ("503 read-only", 503, api("E0000010"), ErrorKind::ServerFailed),
        ("overload as 400", 400, oauth("temporarily_unavailable", "x"), ErrorKind::ServerFailed),
        ("401 without a body", 401, String::new(), ErrorKind::ClientRefused),
        ("502 page", 502, "<html>".to_owned(), ErrorKind::ServerFailed),
    ] {
        let peer = Peer::start([Act::Write(reply(status, JSON, &body))]).await;
        let scopes = Scopes::parse("okta.users.read").unwrap();
        let error = client(&peer, &clock()).request_token(&scopes).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert_eq!(error.refusal().unwrap().status, status, "{name}");
        assert!(!error.advice().is_empty(), "{name}");
    }
}

#[test_support::test]
async fn a_server_that_repeats_our_secrets_does_not_get_them_into_errors() {
    let peer = Peer::start([Act::Silence]).await;
    let quick = client(&peer, &clock());
    let call = tokio::spawn(async move { quick.introspect(&token(), None).await });
    peer.received(1).await;
    call.abort();
    let request = peer.requests().remove(0);

    let echo = serde_json::json!({"error": TOKEN, "error_description": request.body}).to_string();
    for (status, content_type, body) in [
        (400, JSON, echo.as_str()),
        (200, "text/plain", &request.body),
        (200, JSON, &request.body),
        (500, JSON, &echo),
    ] {
        let peer = Peer::start([Act::Write(reply(status, content_type, body))]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.unwrap_err();
        let text = all_text(&error);
        assert!(!text.contains(TOKEN), "{text}");
        let assertion = request.form("client_assertion").unwrap();
        assert!(assertion.split('.').all(|part| !text.contains(part)), "{text}");
    }
}

#[test_support::test]
async fn no_answer_is_a_timeout_exactly_at_the_deadline() {
    let peer = Peer::start([Act::Silence]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let call = tokio::spawn(async move { client.introspect(&token(), None).await });
    peer.received(1).await;
    clock.advance(Duration::from_millis(19_999));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.kind().is_temporary());
}

#[test_support::test]
async fn a_broken_connection_is_unreachable() {
    let half = reply(200, JSON, r#"{"active":true}"#);
    for (name, act) in [
        ("reset at once", Act::ResetAtOnce),
        ("closed without an answer", Act::Write(Vec::new())),
        ("reset in the answer", Act::WriteAndReset(half[..half.len() - 3].to_vec())),
        ("closed in the answer", Act::Write(half[..half.len() - 3].to_vec())),
        ("not HTTP", Act::Write(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
    ] {
        let peer = Peer::start([act]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{name}: {error}");
        assert_no_secrets(&all_text(&error), &peer, name);
    }
}

#[test_support::test]
async fn nobody_listening_is_unreachable() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let client =
        crate::support::builder(&format!("http://127.0.0.1:{port}"), &clock()).build().unwrap();
    let error = client.introspect(&token(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("127.0.0.1"));
}

#[test_support::test]
async fn secrets_travel_in_the_body_alone() {
    let peer = Peer::start([
        Act::Write(reply(200, JSON, r#"{"active":false}"#)),
        Act::Write(reply(200, JSON, "")),
        Act::Write(reply(
            200,
            JSON,
            r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
        )),
    ])
    .await;
    let client = client(&peer, &clock());
    client.introspect(&token(), None).await.unwrap();
    client.revoke(&token(), None).await.unwrap();
    client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
    let requests = peer.requests();
    let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, ["/oauth2/v1/introspect", "/oauth2/v1/revoke", "/oauth2/v1/token"]);
    for request in &requests {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("cookie"), None);
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("okta-introspect/"));
        assert_eq!(request.form("client_id"), None);
        let assertion = request.form("client_assertion").unwrap();
        for (name, value) in &request.headers {
            assert!(!value.contains(TOKEN) && !value.contains(&assertion), "{name}");
        }
    }
    assert_eq!(requests[0].form("token").as_deref(), Some(TOKEN));
}

#[test_support::test]
async fn revocation_believes_no_page_of_a_proxy() {
    let peer = Peer::start([Act::Write(reply(200, "text/html", "<html>Sign In</html>"))]).await;
    let error = client(&peer, &clock()).revoke(&token(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

/// Old servers answer so about a token that is not good.
#[test_support::test]
async fn an_error_about_the_token_is_neither_a_verdict_nor_a_refusal_of_ours() {
    for status in [400, 401] {
        for header in [false, true] {
            let peer = Peer::answering(move |_| {
                let json =
                    r#"{"error":"invalid_token","error_description":"Token was not recognised"}"#;
                let challenge =
                    r#"Bearer error="invalid_token", error_description="Token was not recognised""#;
                match header {
                    false => reply(status, "application/json", json),
                    true => reply_with(status, &[("WWW-Authenticate", challenge)], ""),
                }
            })
            .await;
            let client = client(&peer, &clock());
            let errors = [
                client.introspect(&token(), None).await.unwrap_err(),
                client.revoke(&token(), None).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), ErrorKind::Malformed, "{status}: {error}");
                assert!(error.advice().contains("about the token asked about"), "{error}");
                assert_eq!(error.refusal().unwrap().status, status);
                assert!(error.diagnosis().is_none());
            }
        }
    }
}
