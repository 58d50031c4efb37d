//! Peers that send back what they were sent, in every place of an answer and in every notation, do
//! not make us show it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::*;
use openssl::pkey::{PKey, Private};
use serde_json::{Value, json};
use test_support::secrets::Secrets;
use test_support::{Peer, Recorded, reply, reply_with};

use crate::capture::{listen, mark, since};
use crate::said::{
    CLIENT, JSON, PASSPHRASE, TOKEN, add_sent, ec_key, outcome, presented, scopes, signing_key,
    token, told,
};

/// What a peer could pick from a request, and the notations in which it could write that.
fn pieces(request: &Recorded) -> Vec<(String, String)> {
    let mut pieces = vec![("the body".to_owned(), request.body.clone())];
    let decoded: Vec<_> = url::form_urlencoded::parse(request.body.as_bytes()).collect();
    pieces.push(("the form".to_owned(), format!("{decoded:?}")));
    if let Some(token) = presented(request) {
        let numbers = token.bytes().map(|b| format!("%{b:02x}")).collect();
        pieces.push(("the token".to_owned(), token.clone()));
        pieces.push(("half the token".to_owned(), token[..token.len() / 2].to_owned()));
        pieces.push(("the token, URL-encoded throughout".to_owned(), numbers));
        pieces.push(("the token in Base64".to_owned(), STANDARD.encode(&token)));
    }
    let assertion = request.form("client_assertion");
    for (name, jwt) in [("assertion", assertion.as_deref()), ("proof", request.header("dpop"))] {
        let Some(jwt) = jwt else { continue };
        let parts: Vec<_> = jwt.split('.').collect();
        pieces.push((format!("the {name}"), jwt.to_owned()));
        pieces.push((format!("the payload of the {name}"), parts[1].to_owned()));
        pieces.push((format!("the signature of the {name}"), parts[2].to_owned()));
        pieces.push((format!("a part of the {name}"), parts[2][10..35].to_owned()));
    }
    pieces.push(("the body in Base64".to_owned(), STANDARD.encode(&request.body)));
    pieces.push(("all headers".to_owned(), format!("{:?}", request.headers)));
    pieces
}

/// The answers into which a peer could write it.
pub(crate) fn answers(echo: &str) -> Vec<(&'static str, Vec<u8>)> {
    let entity = |c: char| match c {
        '<' | '>' | '&' | '"' | '/' | '+' | '=' => format!("&#x{:X};", c as u32),
        c => c.to_string(),
    };
    let html = format!("<html><p>{}</p></html>", echo.chars().map(entity).collect::<String>());
    let slashed = json!({"message": echo}).to_string().replace('/', "\\/");
    let oauth =
        |code: &str, text: &str| json!({"error": code, "error_description": text}).to_string();
    let api = |code: &str, text: &str| json!({"errorCode": code, "errorSummary": text}).to_string();
    let headed = |status, name: &str, value: &str| {
        let body = oauth("invalid_request", "no");
        reply_with(status, &[("content-type", JSON), (name, value)], &body)
    };
    let typed = |content_type: &str| reply(200, content_type, "text");
    let ok = |body: Value| reply(200, JSON, &body.to_string());
    vec![
        ("error", reply(400, JSON, &oauth(echo, "no"))),
        ("error_description", reply(401, JSON, &oauth("invalid_client", echo))),
        (
            "description with a known cause",
            reply(401, JSON, &oauth("invalid_client", &format!("token is expired {echo}"))),
        ),
        ("errorCode", reply(403, JSON, &api(echo, "no"))),
        ("errorSummary", reply(403, JSON, &api("E0000006", echo))),
        ("a refusal that is repeated", reply(503, JSON, &oauth("temporarily_unavailable", echo))),
        (
            "rate limit",
            reply_with(429, &[("x-okta-request-id", echo), ("retry-after", echo)], echo),
        ),
        ("HTML", reply(200, "text/html", &html)),
        ("HTML of a failure", reply(500, "text/html", &html)),
        ("text", reply(404, "text/plain", echo)),
        ("JSON with other escapes", reply(200, JSON, &slashed)),
        ("array", ok(json!([echo]))),
        ("only text", ok(json!(echo))),
        ("text for a boolean", ok(json!({"active": echo, "access_token": [echo]}))),
        (
            "text for a number",
            ok(
                json!({"active": true, "exp": echo, "expires_in": echo, "access_token": "x", "token_type": "Bearer"}),
            ),
        ),
        (
            "text for an object",
            ok(json!({"active": true, "cnf": echo, "access_token": {"x": echo}})),
        ),
        (
            "unknown token type",
            ok(json!({"active": 1, "access_token": "a-t0ken-of-n0-use", "token_type": echo})),
        ),
        ("broken JSON", reply(200, JSON, &format!("{{\"error\":\"{echo}"))),
        ("redirect", reply_with(302, &[("location", &format!("/?{echo}"))], &html)),
        ("redirect elsewhere", reply_with(307, &[("location", &format!("https://{echo}"))], "")),
        ("x-okta-request-id", headed(400, "x-okta-request-id", echo)),
        ("x-okta-request-id, repeated", headed(503, "x-okta-request-id", echo)),
        ("dpop-nonce", headed(400, "dpop-nonce", echo)),
        ("www-authenticate", headed(401, "www-authenticate", &format!("Bearer error=\"{echo}\""))),
        ("date", headed(400, "date", echo)),
        ("x-rate-limit-limit", headed(429, "x-rate-limit-limit", echo)),
        ("content-type", typed(echo)),
        ("content-type with parameters", typed(&format!("text/plain; charset={echo}"))),
        ("status line", format!("HTTP/1.1 400 {echo}\r\ncontent-length: 0\r\n\r\n").into_bytes()),
        ("no HTTP", format!("{echo}\r\n\r\n").into_bytes()),
        (
            "broken chunks",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{echo}\r\n").into_bytes(),
        ),
        ("broken header", format!("HTTP/1.1 200 OK\r\n{echo}\r\n\r\n").into_bytes()),
    ]
}

/// A client of the peer that sends proofs, and sends what may be sent again once more.
fn client_of(peer: &Peer, key: &PKey<Private>) -> Client {
    let mut retry = RetryConfig::default();
    retry.max_attempts = 2;
    Client::builder(peer.issuer().parse().unwrap(), CLIENT, signing_key(key, "k1"))
        .clock(crate::support::clock())
        .retry(retry)
        .circuit(CircuitConfig::off())
        .dpop(DpopConfig::new(DpopMode::Always))
        .build()
        .unwrap()
}

#[test_support::test]
async fn peers_that_send_everything_back_do_not_make_us_show_it() {
    listen();
    let (peer, key) = (Peer::answering(|_| Vec::new()).await, ec_key());
    let mut leaks = BTreeMap::new();
    let granted = json!({"access_token": TOKEN, "token_type": "DPoP", "expires_in": 3600});
    let granted = reply(200, JSON, &granted.to_string());
    for call in ["token", "introspect", "resource", "revoke"] {
        for piece in 0.. {
            let (mut secrets, mut last) = (Secrets::default(), String::new());
            let client = client_of(&peer, &key);
            let users = client.resource(scopes("okta.users.read"));
            for at in 0..answers("").len() {
                let from = mark();
                let granted = granted.clone();
                peer.answer(move |request| {
                    if call == "resource" && request.target.ends_with("/token") {
                        return granted.clone();
                    }
                    let pieces = pieces(request);
                    let echo = pieces.get(piece).map_or("", |(_, echo)| echo);
                    answers(echo).swap_remove(at).1
                });
                let mut said = match call {
                    "token" => outcome(&client.request_token(&scopes("okta.users.read")).await),
                    "introspect" => outcome(&client.introspect(&token(), None).await),
                    "resource" => outcome(&users.call(&ResourceCall::get("/api/v1/users")).await),
                    _ => outcome(&client.revoke(&token(), None).await),
                };
                said += &format!("{client:?}{}", since(from));
                let requests = peer.requests();
                let request = requests.last().unwrap();
                last = pieces(request).get(piece).map_or(last, |(name, _)| name.clone());
                add_sent(&mut secrets, &requests);
                if let Some(found) = secrets.find(&said) {
                    leaks.insert(format!("{call}: {last} in {}", answers("")[at].0), found);
                }
                assert!(requests.iter().all(|request| !request.target.contains('?')));
            }
            // Revocation is introspection but for what counts as an answer.
            if last.is_empty() || (call == "revoke" && last == "the token") {
                break;
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
}

#[test_support::test]
async fn proxies_that_refuse_do_not_make_us_show_their_password() {
    listen();
    let (from, proxy) = (mark(), Peer::answering(|_| Vec::new()).await);
    proxy.answer(|request| {
        let seen = format!("{:?}", request.headers);
        reply_with(407, &[("proxy-authenticate", "Basic"), ("x-seen", &seen)], &seen)
    });
    let server = ProxyServer::new(proxy.issuer()).credentials("ada", Secret::new(PASSPHRASE));
    let mut http = HttpConfig::default();
    http.proxy = Proxy::Server(server);
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let builder = Client::builder(issuer, CLIENT, signing_key(&ec_key(), "k1"));
    let builder = builder.http(http).clock(crate::support::clock());
    let mut said = said!(builder);
    let client = builder.build().unwrap();
    said += &told(&client.introspect(&token(), None).await.unwrap_err());
    said += &said!(client);
    said += &since(from);
    let mut secrets = Secrets::default();
    secrets.add("the proxy's password", PASSPHRASE);
    secrets.add("the token", TOKEN);
    secrets.assert_absent("a proxy", &said);
    let asked = proxy.requests();
    assert!(asked.iter().any(|request| request.header("proxy-authorization").is_some()));
    assert!(asked.iter().all(|request| request.method == "CONNECT"), "{asked:?}");
}
