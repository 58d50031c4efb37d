//! Bodies: packed ones, and JSON that is not what was asked for.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use okta_introspect::{ErrorKind, ResourceCall, Scopes};
use test_support::{Act, Peer, reply};

use crate::support::{all_text, assert_no_secrets, client, clock, token};

const JSON: &str = "application/json";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn packed(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\ncontent-encoding: {coding}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test_support::test]
async fn answers_are_asked_for_as_they_are() {
    let granted = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#;
    let peer = Peer::start([
        Act::Write(reply(200, JSON, granted)),
        Act::Write(reply(200, JSON, "[]")),
        Act::Write(reply(404, JSON, "{}")),
        Act::Write(reply(404, JSON, "{}")),
        Act::Write(reply(404, JSON, "{}")),
    ])
    .await;
    let client = client(&peer, &clock());
    let scopes = Scopes::parse("okta.users.read").unwrap();
    client.resource(scopes).call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    client.metadata().await.unwrap_err();
    assert_eq!(peer.requests().len(), 5);
    for request in peer.requests() {
        let asked: Vec<_> =
            request.headers.iter().filter(|(name, _)| name == "accept-encoding").collect();
        assert_eq!(asked.len(), 1, "{}", request.target);
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{}", request.target);
    }
}

#[test_support::test]
async fn gzip_that_comes_all_the_same_is_read_within_the_bound() {
    let answer = gzip(br#"{"active":true,"sub":"ada"}"#);
    for coding in ["gzip", "x-gzip", "GZip"] {
        let peer = Peer::start([Act::Write(packed(coding, &answer))]).await;
        let verdict = client(&peer, &clock()).introspect(&token(), None).await.unwrap();
        assert!(verdict.active && verdict.sub.as_deref() == Some("ada"), "{coding}");
    }
    let bomb = gzip(&vec![b' '; 32 * 1024 * 1024]);
    for (name, body, says) in [
        ("a bomb", packed("gzip", &bomb), "longer than"),
        ("what is not gzip", packed("gzip", br#"{"active":true}"#), "packed (gzip)"),
        ("another packing", packed("br", br#"{"active":true}"#), "packed (br)"),
    ] {
        let peer = Peer::start([Act::Write(body)]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{name}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!error.to_string().contains("begins"), "{name}: {error}");
        assert_eq!(peer.requests().len(), 1, "{name}");
    }
}

#[test_support::test]
async fn of_json_the_member_is_named_and_no_value_quoted() {
    let rest = r#""sub":"ada","username":"ada@acme.example""#;
    let deep = format!(r#""active":true,"x":{}{}"#, "[".repeat(200), "]".repeat(200));
    for (body, says) in [
        (r#""active":true,"scope":["a"]"#, "`scope` is an array, expected a string"),
        (r#""active":"ada""#, "`active` is a string, expected a boolean"),
        (r#""active":true,"exp":"ada""#, "`exp` is a string"),
        (r#""active":true,"aud":[["ada"]]"#, "`aud[0]` is an array"),
        (r#""active":true,"cnf":{"jkt":["ada"]}"#, "`cnf.jkt` is an array, expected a string"),
        (r#""scope":"ada""#, "`active` is missing"),
        (r#""active":true,"active":true"#, "has a member twice"),
        (&deep, "is nested too deep"),
    ] {
        let peer = Peer::start([Act::Write(reply(200, JSON, &format!("{{{body},{rest}}}")))]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.expect_err(body);
        assert!(error.to_string().contains(says), "{body}: {error}");
        assert!(!all_text(&error).contains("ada"), "{body}: {}", all_text(&error));
    }
}

#[test_support::test]
async fn what_parses_or_begins_as_json_is_never_quoted_and_other_bodies_are() {
    let whole = r#"{"active":true,"username":"ada@acme.example"}"#;
    for (name, status, content_type, body, is_quoted) in [
        ("JSON as text", 200, "text/plain", whole, false),
        ("JSON with another status", 204 + 2, JSON, whole, false),
        ("JSON with 404", 404, JSON, whole, false),
        ("a list", 200, JSON, r#"["ada@acme.example"]"#, false),
        ("JSON cut off", 200, JSON, &whole[..whole.len() - 2], false),
        ("a page", 200, "text/html", "<p>ada@acme.example</p>", true),
        ("no JSON", 200, JSON, "<p>ada@acme.example</p>", true),
    ] {
        let peer = Peer::start([Act::Write(reply(status, content_type, body))]).await;
        let error = client(&peer, &clock()).introspect(&token(), None).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{name}");
        assert_eq!(all_text(&error).contains("ada@"), is_quoted, "{name}: {error}");
        assert_no_secrets(&all_text(&error), &peer, name);
    }
}

#[test_support::test]
async fn a_token_answer_that_does_not_fit_shows_no_token() {
    for (body, says) in [
        (
            r#"{"access_token":"s3cret-t0ken","token_type":"Bearer","expires_in":"s3cret"}"#,
            "`expires_in` is a string",
        ),
        (r#"{"access_token":"s3cret t0ken","token_type":"Bearer"}"#, "`access_token` is a string"),
        (r#"{"access_token":["s3cret"],"token_type":"Bearer"}"#, "`access_token` is an array"),
        (r#"{"access_token":"s3cret-t0ken"}"#, "`token_type` is missing"),
    ] {
        let peer = Peer::start([Act::Write(reply(200, JSON, body))]).await;
        let scopes = Scopes::parse("a").unwrap();
        let error = client(&peer, &clock()).request_token(&scopes).await.expect_err(body);
        assert!(error.to_string().contains(says), "{body}: {error}");
        assert!(!all_text(&error).contains("s3cret"), "{body}: {}", all_text(&error));
    }
}
