//! What the tests of the library share: a time, a token, and clients of a peer.

#![allow(dead_code, unreachable_pub, unused_imports)] // each test file uses a part

use std::time::Duration;

use chrono::{DateTime, Utc};
use okta_introspect::{
    Algorithm, Client, ClientBuilder, Error, HttpConfig, Issuer, ManualClock, RetryConfig,
    SeededRandom, SigningKey, Token,
};
use test_support::Peer;

/// A presented token that must never show up anywhere.
pub const TOKEN: &str = "presented-t0ken.must-never.show";

/// The time at which every test begins.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_211_259, 0).unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn clock() -> ManualClock {
    ManualClock::new(start())
}

pub fn token() -> Token {
    Token::parse(TOKEN).unwrap()
}

/// The settings of a client of the server at `issuer`, with a key of its own.
pub fn builder(issuer: &str, clock: &ManualClock) -> ClientBuilder {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let mut http = HttpConfig::default();
    http.timeout = Duration::from_secs(20);
    Client::builder(Issuer::parse(issuer).unwrap(), "0oa-client", key)
        .clock(clock.clone())
        .random(SeededRandom::new(1))
        .http(http)
}

/// A client that makes one attempt per call.
pub fn client(peer: &Peer, clock: &ManualClock) -> Client {
    builder(&peer.issuer(), clock).retry(RetryConfig::off()).build().unwrap()
}

/// Lets every task run until it waits.
pub async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// Runs the tasks to their ends in [stepped](ManualClock::stepped) time, which moves only while all
/// that are not done wait, and so while no request is under way.
pub async fn run_stepped<F>(clock: &ManualClock, tasks: impl IntoIterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks: tokio::task::JoinSet<()> = tasks.into_iter().collect();
    while !tasks.is_empty() {
        tokio::select! {
            () = clock.step(tasks.len()) => {}
            Some(done) = tasks.join_next() => done.unwrap(),
        }
    }
}

/// Everything that an error can be made to say.
pub fn all_text(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {}", error.advice());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    if let Some(diagnosis) = error.diagnosis() {
        text.push_str(&format!(" {diagnosis} {diagnosis:?}"));
    }
    text
}

/// Panics if `text` has the presented token or an assertion that the peer received.
pub fn assert_no_secrets(text: &str, peer: &Peer, case: &str) {
    assert!(!text.contains(TOKEN), "{case}: the token shows in {text}");
    for request in peer.requests() {
        let assertion = request.form("client_assertion").unwrap_or_default();
        for part in assertion.split('.').filter(|part| part.len() > 16) {
            assert!(!text.contains(part), "{case}: the assertion shows in {text}");
        }
    }
}
