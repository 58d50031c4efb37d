//! HTTP at the sandbox: methods, hosts, paths and what browsers send.

use okta_introspect::ErrorKind;
use okta_introspect::sandbox::{AppKey, Grant};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::org::{Answer, CLIENT, Org};

const TOKEN: &str = "/oauth2/v1/token";

/// What the server says to these bytes before it closes the connection.
async fn said(org: &Org, bytes: &str) -> String {
    let mut stream = TcpStream::connect(org.sandbox.address()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test_support::test]
async fn head_is_answered_like_get_without_the_body() {
    let org = Org::start().await;
    for path in ["/oauth2/default/v1/keys", "/.well-known/openid-configuration"] {
        let get = org.get(path).await;
        let head = Answer::of(org.http.head(org.url(path))).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.text.len().to_string(), "{path}");
    }
    assert_eq!(Answer::of(org.http.head(org.url(TOKEN))).await.status, 405);
}

#[test_support::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let org = Org::start().await;
    assert_eq!(org.get(TOKEN).await.header("allow"), "POST");
    let answer = Answer::of(org.http.delete(org.url("/oauth2/v1/keys"))).await;
    assert_eq!((answer.status, answer.header("allow").as_str()), (405, "GET, HEAD"));
}

#[test_support::test]
async fn a_request_of_http_1_1_names_its_host_once() {
    let org = Org::start().await;
    for (request, status) in [
        ("GET /oauth2/v1/keys HTTP/1.1\r\nhost: a\r\n", "HTTP/1.1 200"),
        ("GET /oauth2/v1/keys HTTP/1.1\r\n", "HTTP/1.1 400"),
        ("GET /oauth2/v1/keys HTTP/1.1\r\nhost: a\r\nhost: a\r\n", "HTTP/1.1 400"),
        ("GET /oauth2/v1/keys HTTP/1.0\r\n", "HTTP/1.0 200"),
    ] {
        let answer = said(&org, &format!("{request}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with(status), "{request}: {answer}");
    }
}

#[test_support::test]
async fn slashes_too_many_lead_nowhere_but_at_the_begin() {
    let org = Org::start().await;
    for (path, status) in [
        ("//oauth2/v1/keys", 200),
        ("/oauth2/v1/keys/", 404),
        ("/oauth2//v1/keys", 404),
        ("/.well-known/openid-configuration/", 404),
        ("/oauth2/default/v1/keys/", 404),
    ] {
        assert_eq!(org.get(path).await.status, status, "{path}");
    }
    let answer = org.post_form(&format!("{TOKEN}/"), &org.form(TOKEN, &[])).await;
    assert_eq!((answer.status, answer.member("errorCode").as_str()), (404, "E0000007"));
}

#[test_support::test]
async fn a_browser_is_sent_to_another_flow() {
    let org = Org::start().await;
    let form = [("grant_type", "client_credentials"), ("scope", "okta.users.read")];
    let answer = org.post_with(TOKEN, &form, &[("origin", "https://app.example")]).await;
    let pkce =
        "Browser requests to the token endpoint must use Proof Key for Code Exchange.".to_owned();
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned(), pkce));
    let introspect = "/oauth2/v1/introspect";
    let origin = [("origin", "https://app.example")];
    assert_eq!(org.post_with(introspect, &[("token", "x")], &origin).await.status, 200);
}

#[test_support::test]
async fn scopes_are_words_between_single_blanks() {
    let org = Org::start().await;
    for scope in [
        "okta.users.read\tokta.logs.read",
        "okta.users.read  okta.logs.read",
        " okta.users.read",
        "okta.users.read\n",
    ] {
        let answer = org.token(TOKEN, scope).await;
        assert_eq!((answer.status, answer.member("error").as_str()), (400, "invalid_scope"));
        let answer = org.token("/oauth2/default/v1/token", &scope.replace("okta.", "")).await;
        assert_eq!((answer.status, answer.member("error").as_str()), (400, "invalid_scope"));
    }
    assert_eq!(org.token(TOKEN, "okta.users.read okta.logs.read").await.status, 200);
}

#[test_support::test]
async fn what_cannot_be_used_has_the_kind_of_its_fault() {
    let org = Org::start().await;
    let kind = |error: okta_introspect::sandbox::Error| okta_introspect::Error::from(error).kind();
    let private = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"});
    for jwk in [private, json!({"kty": "RSA"}), json!("key")] {
        assert_eq!(kind(AppKey::from_jwk(&jwk).unwrap_err()), ErrorKind::Key);
    }
    let unknown = org.sandbox.add_key("0oa9", org.key.public_jwk()).unwrap_err();
    assert_eq!(kind(unknown), ErrorKind::Input);
    assert_eq!(kind(org.sandbox.deactivate_key(CLIENT, "k9").unwrap_err()), ErrorKind::Input);
    let error = org.sandbox.issue(&Grant::to_client("0oa9")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
}

/// Keys with which anybody could sign are not registered.
#[test_support::test]
async fn weak_rsa_keys_are_not_registered() {
    const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let read = |n: &str, e: &str| AppKey::from_jwk(&json!({"kty": "RSA", "n": n, "e": e}));
    assert!(read(MODULUS, "AQAB").is_ok());
    // 1, 2, 65536, and 65537 times 2⁶⁴ plus 1
    for exponent in ["AQ", "Ag", "AQAA", "AQABAAAAAAAAAAE"] {
        assert!(read(MODULUS, exponent).is_err(), "{exponent}");
    }
    let even = format!("{}g", MODULUS.strip_suffix("gw").unwrap()) + "A";
    assert!(read(&even, "AQAB").is_err());
}
