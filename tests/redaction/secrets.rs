//! Client secrets: what is sent of them comes back, and does not show.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use okta_introspect::*;
use test_support::secrets::Secrets;
use test_support::{Peer, Recorded};

use crate::capture::{listen, mark, since};
use crate::peers::answers;
use crate::said::{CLIENT, outcome, scopes, token};

/// With what URLs, JSON, HTML and Base64 write differently; the second one in letters of several
/// bytes as well.
const SECRETS: [&str; 2] = [
    "cl1ent/s3cret+w0rds%2B=of: s0me~length&\"'",
    "cl1\u{e9}nt/s3cr\u{e9}t+w\u{1f511}rds: s0m\u{e9}~l\u{e9}ngth\u{e9}",
];

fn methods(secret: &str) -> [ClientAuth; 3] {
    let own = || Secret::new(secret);
    [
        ClientAuth::ClientSecretBasic(own()),
        ClientAuth::ClientSecretPost(own()),
        ClientAuth::client_secret_jwt(own(), HmacAlgorithm::Hs256),
    ]
}

/// What a peer could write that has seen the request: the secret in the dresses in which it came, and
/// in others.
fn pieces(secret: &str, request: &Recorded) -> Vec<(&'static str, String)> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let header = request.header("authorization").unwrap_or_default();
    let json: String = secret
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    let half: String = secret.chars().take(20).collect();
    // What a JWT is signed with is not sent, so that nobody can send it back.
    let is_sent = request.form("client_assertion").is_none();
    let own = [
        ("the secret", secret.to_owned()),
        ("half the secret", half),
        ("the secret, form-encoded", encoded.clone()),
        ("the secret, form-encoded in small letters", encoded.to_ascii_lowercase()),
        ("the secret, form-encoded twice", encoded.replace('%', "%25")),
        ("the secret in Base64", STANDARD.encode(secret)),
        ("the secret in Base64 for URLs", URL_SAFE_NO_PAD.encode(format!("x{secret}"))),
        ("the encoded secret in Base64", STANDARD.encode(&encoded)),
        ("the secret in JSON", json),
    ];
    let mut pieces = vec![
        ("the body", request.body.clone()),
        ("the body in Base64", STANDARD.encode(&request.body)),
        ("the header", header.to_owned()),
        ("the header's value", header.trim_start_matches("Basic ").to_owned()),
        ("all headers", format!("{:?}", request.headers)),
    ];
    pieces.extend(own.into_iter().filter(|_| is_sent));
    pieces
}

#[test_support::test]
async fn peers_that_send_the_secret_back_do_not_make_us_show_it() {
    listen();
    let peer = Peer::answering(|_| Vec::new()).await;
    let mut leaks = BTreeMap::new();
    for secret in SECRETS {
        let mut secrets = Secrets::default();
        secrets.add("the client secret", secret);
        for auth in methods(secret) {
            let method = auth.method();
            let client = client_of(&peer, auth);
            for piece in 0.. {
                let mut last = None;
                for at in 0..answers("").len() {
                    let from = mark();
                    peer.answer(move |request| {
                        let pieces = pieces(secret, request);
                        let echo = pieces.get(piece).map_or("", |(_, echo)| echo);
                        answers(echo).swap_remove(at).1
                    });
                    let mut said = outcome(&client.introspect(&token(), None).await);
                    said += &outcome(&client.request_token(&scopes("okta.users.read")).await);
                    said += &format!("{client:?}{}", since(from));
                    let requests = peer.requests();
                    let request = requests.last().unwrap();
                    last = pieces(secret, request).get(piece).map(|(name, _)| *name).or(last);
                    if let Some(found) = secrets.find(&said) {
                        let (place, _) = answers("").swap_remove(at);
                        leaks.insert(format!("{method}: {last:?} in {place}"), found);
                    }
                    assert!(requests.iter().all(|request| !request.target.contains(['?', '@'])));
                }
                if last.is_none() {
                    break;
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
}

fn client_of(peer: &Peer, auth: ClientAuth) -> Client {
    Client::builder(peer.issuer().parse().unwrap(), CLIENT, auth)
        .clock(crate::support::clock())
        .retry(RetryConfig::off())
        .circuit(CircuitConfig::off())
        .build()
        .unwrap()
}
