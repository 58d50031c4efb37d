//! Keys and secrets that change while requests are under way: none of them fails, and none is sent
//! more often than it takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::{
    Algorithm, Client, ClientAuth, Error, ErrorKind, HmacAlgorithm, Issuer, KeyFile, KeyOptions,
    ManualClock, RotatingSigner, SecretFile, SigningKey,
};
use serde_json::Value;
use test_support::{Act, Peer, Recorded, reply};
use tokio::sync::Barrier;

use crate::support::{clock, seconds, token};

const KID: &str = "The client_assertion JWT kid is invalid.";
const AUDIENCE: &str =
    "The audience claim for client_assertion must be the endpoint invoked for the request.";

fn key(id: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()))
}

fn active() -> Act {
    Act::Write(reply(200, "application/json", r#"{"active":true}"#))
}

fn refusal(description: &str) -> Act {
    let body = format!(r#"{{"error":"invalid_client","error_description":"{description}"}}"#);
    Act::Write(reply(401, "application/json", &body))
}

/// The key id in the assertion of a request.
fn kid(request: &Recorded) -> String {
    let assertion = request.form("client_assertion").unwrap();
    let header = assertion.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn kids(peer: &Peer) -> Vec<String> {
    peer.requests().iter().map(kid).collect()
}

/// Takes these key ids, and refuses others with this description.
async fn taking(good: &'static [&'static str], description: &'static str) -> Peer {
    Peer::deciding(move |request| async move {
        match good.contains(&kid(&request).as_str()) {
            true => active(),
            false => refusal(description),
        }
    })
    .await
}

fn client(peer: &Peer, clock: &ManualClock, auth: impl Into<ClientAuth>) -> Client {
    Client::builder(Issuer::parse(&peer.issuer()).unwrap(), "0oa-client", auth)
        .clock(clock.clone())
        .max_in_flight(200)
        .build()
        .unwrap()
}

async fn ask(client: &Client) -> Result<bool, Error> {
    Ok(client.introspect(&token(), None).await?.active)
}

#[test_support::test]
async fn a_refused_key_is_replaced_by_the_other_once_and_for_all_further_requests() {
    for words in [KID, "The client_assertion signature is invalid.", "Client authentication failed"]
    {
        let (peer, clock) = (taking(&["k2"], words).await, clock());
        let client = client(&peer, &clock, RotatingSigner::new(key("k1"), key("k2")));
        for _ in 0..3 {
            assert!(ask(&client).await.unwrap());
        }
        assert_eq!(kids(&peer), ["k1", "k2", "k2", "k2"], "{words}");
    }
}

#[test_support::test]
async fn when_both_are_refused_the_servers_error_is_told_after_one_request_with_each() {
    let (peer, clock) = (taking(&[], KID).await, clock());
    let client = client(&peer, &clock, RotatingSigner::new(key("k1"), key("k2")));
    let error = ask(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused);
    assert_eq!(error.refusal().unwrap().description.as_deref(), Some(KID));
    assert_eq!(error.diagnosis().unwrap().sent.as_deref(), Some("k2"), "that of the last one");
    assert_eq!(kids(&peer), ["k1", "k2"]);
    assert!(ask(&client).await.is_err());
    assert_eq!(kids(&peer), ["k1", "k2", "k2", "k1"]);
}

#[test_support::test]
async fn what_is_not_the_keys_fault_changes_no_key_and_repeats_no_request() {
    let (peer, clock) = (taking(&["k2"], AUDIENCE).await, clock());
    let client = client(&peer, &clock, RotatingSigner::new(key("k1"), key("k2")));
    assert!(ask(&client).await.is_err());
    assert_eq!(kids(&peer), ["k1"]);
}

#[test_support::test]
async fn one_key_is_refused_once() {
    let (peer, clock) = (taking(&[], KID).await, clock());
    let client = client(&peer, &clock, key("k1"));
    let error = ask(&client).await.unwrap_err();
    assert_eq!(error.diagnosis().unwrap().sent.as_deref(), Some("k1"));
    assert_eq!(kids(&peer), ["k1"]);
}

/// A server that takes `k1` until 100 requests with it are there, and refuses all of them.
async fn switching(callers: usize) -> Peer {
    let barrier = Arc::new(Barrier::new(callers));
    Peer::deciding(move |request| {
        let barrier = Arc::clone(&barrier);
        async move {
            if kid(&request) != "k1" {
                return active();
            }
            barrier.wait().await;
            refusal(KID)
        }
    })
    .await
}

async fn ask_at_once(client: &Client, callers: usize) {
    let calls = (0..callers).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { ask(&client).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap());
    }
}

#[test_support::test]
async fn a_hundred_requests_at_the_switch_go_through_with_two_requests_each() {
    const CALLERS: usize = 100;
    let (peer, clock) = (switching(CALLERS).await, clock());
    let client = client(&peer, &clock, RotatingSigner::new(key("k1"), key("k2")));
    ask_at_once(&client, CALLERS).await;
    let count = |id: &str| kids(&peer).iter().filter(|kid| *kid == id).count();
    assert_eq!((count("k1"), count("k2")), (CALLERS, CALLERS));
    assert!(ask(&client).await.unwrap());
    assert_eq!((count("k1"), count("k2")), (CALLERS, CALLERS + 1));
}

#[test_support::test]
async fn a_hundred_requests_find_the_new_key_in_the_file() {
    const CALLERS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.jwk");
    key("k1").write_new_jwk_file(&path).unwrap();
    let (peer, clock) = (switching(CALLERS).await, clock());
    let file = KeyFile::open(&path, KeyOptions::default()).unwrap().with_clock(clock.clone());
    let client = client(&peer, &clock, file);
    let next = folder.path().join("next.jwk");
    key("k2").write_new_jwk_file(&next).unwrap();
    fs::rename(next, &path).unwrap();
    ask_at_once(&client, CALLERS).await;
    let count = |id: &str| kids(&peer).iter().filter(|kid| *kid == id).count();
    assert_eq!((count("k1"), count("k2")), (CALLERS, CALLERS));
}

#[test_support::test]
async fn an_assertion_that_is_reused_ends_with_its_key() {
    let (peer, clock) = (taking(&["k2"], KID).await, clock());
    let mut config = okta_introspect::AssertionConfig::default();
    config.reuse = Some(seconds(60));
    let keys = RotatingSigner::new(key("k1"), key("k2"));
    let client = Client::builder(Issuer::parse(&peer.issuer()).unwrap(), "0oa-client", keys)
        .clock(clock.clone())
        .assertion(config)
        .build()
        .unwrap();
    for _ in 0..3 {
        assert!(ask(&client).await.unwrap());
    }
    assert_eq!(kids(&peer), ["k1", "k2", "k2", "k2"]);
    let assertions: BTreeSet<_> =
        peer.requests().iter().map(|request| request.form("client_assertion")).collect();
    assert_eq!(assertions.len(), 2);
}

/// A server with a secret that can be changed, for all methods that send one.
async fn with_secret(secret: &Arc<Mutex<&'static str>>) -> Peer {
    let secret = Arc::clone(secret);
    Peer::deciding(move |request| {
        let secret = *secret.lock().unwrap();
        let basic =
            base64::engine::general_purpose::STANDARD.encode(format!("0oa-client:{secret}"));
        let is_good = request.form("client_secret").as_deref() == Some(secret)
            || request.header("authorization") == Some(&format!("Basic {basic}"));
        async move {
            if is_good {
                active()
            } else {
                refusal("The client secret supplied for a confidential client is invalid.")
            }
        }
    })
    .await
}

fn replace(path: &Path, content: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(draft, path).unwrap();
}

#[test_support::test]
async fn a_secret_file_that_is_replaced_is_taken_up_after_a_refusal_and_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for file in [SecretFile::basic(&path), SecretFile::post(&path)] {
        replace(&path, "first-secret\n");
        let secret = Arc::new(Mutex::new("first-secret"));
        let (peer, clock) = (with_secret(&secret).await, clock());
        let client = client(&peer, &clock, ClientAuth::SecretFile(file));
        assert!(ask(&client).await.unwrap());
        // The server refuses the first one, and the file has the second.
        *secret.lock().unwrap() = "second-secret";
        replace(&path, "second-secret\n");
        assert!(ask(&client).await.unwrap());
        assert_eq!(peer.requests().len(), 3);
        // Taken before it is needed.
        replace(&path, "third-secret");
        clock.advance(SecretFile::DEFAULT_INTERVAL);
        *secret.lock().unwrap() = "third-secret";
        assert!(ask(&client).await.unwrap());
        assert_eq!(peer.requests().len(), 4);
        // What is none is not taken, and then the refusal is the server's, once.
        replace(&path, "two\nlines");
        *secret.lock().unwrap() = "fourth-secret";
        assert_eq!(ask(&client).await.unwrap_err().kind(), ErrorKind::ClientRefused);
        assert_eq!(peer.requests().len(), 5);
    }
}

#[test_support::test]
async fn a_secret_that_signs_is_taken_from_its_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    replace(&path, &"1".repeat(32));
    let (peer, clock) = (Peer::always(active()).await, clock());
    let auth = ClientAuth::SecretFile(SecretFile::jwt(&path, HmacAlgorithm::Hs256));
    let client = client(&peer, &clock, auth);
    replace(&path, &"2".repeat(31));
    clock.advance(SecretFile::DEFAULT_INTERVAL);
    assert!(ask(&client).await.unwrap(), "too short, so the one before");
    replace(&path, &"3".repeat(32));
    clock.advance(SecretFile::DEFAULT_INTERVAL);
    assert!(ask(&client).await.unwrap());
}

#[test]
fn a_secret_file_that_is_none_is_an_error_of_the_configuration() {
    let issuer = || Issuer::parse("https://acme.okta.com/oauth2/default").unwrap();
    for path in ["/no/such/file", "/dev/zero", "/"] {
        let auth = ClientAuth::SecretFile(SecretFile::basic(path));
        let error = Client::builder(issuer(), "0oa1", auth).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{path}");
    }
}
