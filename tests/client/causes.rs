//! The cause that an error names is the cause.

use http::Method;
use okta_introspect::{ErrorKind, ResourceCall, Scopes};
use test_support::{Act, Peer, reply};

use crate::support::{all_text, assert_no_secrets, builder, client, clock, token};

const JSON: &str = "application/json";

#[test_support::test]
async fn words_with_several_causes_are_answered_with_all_of_them() {
    for (description, candidates) in [
        (
            "Client authentication failed. Either the client or the client credentials are invalid.",
            &["deactivated", "another method", "one of its keys"][..],
        ),
        ("Client authentication failed", &["unknown or inactive", "another method", "registered"]),
    ] {
        let body = serde_json::json!({"error": "invalid_client", "error_description": description})
            .to_string();
        let peer = Peer::start([Act::Write(reply(401, JSON, &body))]).await;
        let error =
            client(&peer, &clock()).introspect(&token(), None).await.expect_err(description);
        let cause = &error.diagnosis().unwrap().cause;
        assert!(candidates.iter().all(|candidate| cause.contains(candidate)), "{cause}");
    }
}

#[test_support::test]
async fn an_api_error_says_what_is_wrong_with_which_member() {
    let causes = |list: serde_json::Value| {
        let body = serde_json::json!({"errorCode": "E0000001", "errorSummary": "Api validation failed: login",
            "errorLink": "E0000001", "errorId": "oae1", "errorCauses": list});
        body.to_string()
    };
    let many = vec![serde_json::json!({"errorSummary": "x".repeat(10_000)}); 100];
    for (name, body, says) in [
        (
            "one",
            causes(serde_json::json!([{"errorSummary": "login: already exists"}])),
            "[login: already exists]",
        ),
        (
            "two, one of another shape between them",
            causes(serde_json::json!([{"errorSummary": "a"}, 5, {"errorSummary": "b"}])),
            "[a; b]",
        ),
        ("of another shape", causes(serde_json::json!("s")), "validation failed: login)"),
        ("a secret", causes(serde_json::json!([{"errorSummary": "got t1-s3cret"}])), "[masked]"),
        ("very many", causes(many.into()), "xxx"),
    ] {
        let granted = r#"{"access_token":"t1-s3cret","token_type":"Bearer","expires_in":3600}"#;
        let peer = Peer::start([
            Act::Write(reply(200, JSON, granted)),
            Act::Write(reply(400, JSON, &body)),
        ])
        .await;
        let users = client(&peer, &clock()).resource(Scopes::parse("okta.users.manage").unwrap());
        let call = ResourceCall::json(Method::POST, "/api/v1/users", "{}");
        let error = users.call(&call).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::RequestRefused, "{name}");
        let line = error.to_string();
        assert!(line.contains(says), "{name}: {line}");
        assert!(line.len() < 4_000, "{name}: {} bytes", line.len());
        assert!(!all_text(&error).contains("t1-s3cret"), "{name}");
        // As it came, unless it repeats a secret of the request.
        let body = (name != "a secret").then_some(body.as_bytes());
        assert_eq!(error.body(), body, "{name}");
        assert_no_secrets(&all_text(&error), &peer, name);
    }
}

#[test_support::test]
async fn what_is_not_http_is_said_to_be_none_and_once() {
    let headers = "x-filler: 1\r\n".repeat(150);
    let crowded = format!(
        "HTTP/1.1 200 OK\r\n{headers}content-type: {JSON}\r\ncontent-length: 15\r\n\r\n{{\"active\":true}}"
    );
    for (name, answer, says) in [
        ("150 headers", crowded.into_bytes(), "more headers than are read"),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), "not HTTP"),
        ("SMTP", b"220 mail.example ESMTP\r\n".to_vec(), "not HTTP"),
        ("a TLS alert", vec![21, 3, 3, 0, 2, 2, 70], "not HTTP"),
        ("a header that is none", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_vec(), "not HTTP"),
    ] {
        let peer = Peer::always(Act::Write(answer)).await;
        let client = builder(&peer.issuer(), &clock()).build().unwrap();
        let error = client.introspect(&token(), None).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert_eq!(error.attempts().unwrap().count, 1, "{name}");
        assert_eq!(peer.requests().len(), 1, "{name}: tried again in vain");
        assert_no_secrets(&all_text(&error), &peer, name);
    }
}
