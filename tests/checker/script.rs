//! What the tests of the checker share: an upstream that is told what to say, and counts.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use okta_introspect::checker::{
    Answered, Authorized, Checker, CheckerBuilder, CheckerConfig, Reason, Requirement, SendTime,
    Upstream, Verdict,
};
use okta_introspect::{
    BoxFuture, Clock, Error, ErrorKind, Introspection, Issuer, ManualClock, SeededRandom,
    SigningKey, Token,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{seconds, start};

pub const ISSUER: &str = "https://acme.okta.com";

/// An authorization server that says what it is told to. Clones are one server.
#[derive(Clone, Debug)]
pub struct Script {
    issuer: Issuer,
    /// As whom it shares its answers.
    pub shared_as: &'static str,
    clock: ManualClock,
    state: Arc<Mutex<State>>,
    /// Calls wait while this is set.
    held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    tokens: HashMap<String, Value>,
    failure: Option<ErrorKind>,
    calls: Vec<String>,
    errors: usize,
}

impl Script {
    pub fn new(clock: &ManualClock) -> Self {
        Self::of(ISSUER, clock)
    }

    pub fn of(issuer: &str, clock: &ManualClock) -> Self {
        Self {
            issuer: Issuer::parse(issuer).unwrap(),
            shared_as: "script",
            clock: clock.clone(),
            state: Arc::default(),
            held: watch::Sender::new(false),
        }
    }

    /// From now on this token is active, with these members.
    pub fn active(&self, token: &str, mut members: Value) {
        members["active"] = true.into();
        self.state().tokens.insert(token.to_owned(), members);
    }

    pub fn revoke(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// Whether this token is active.
    pub fn holds(&self, token: &str) -> bool {
        self.state().tokens.contains_key(token)
    }

    pub fn fail(&self, kind: impl Into<Option<ErrorKind>>) {
        self.state().failure = kind.into();
    }

    /// Lets calls wait after the server has looked, or lets them go.
    pub fn hold(&self, hold: bool) {
        self.held.send_replace(hold);
    }

    pub fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// How often each token was asked about, those that were.
    pub fn calls_by_token(&self) -> HashMap<String, usize> {
        let mut calls = HashMap::new();
        for token in &self.state().calls {
            *calls.entry(token.clone()).or_default() += 1;
        }
        calls
    }

    /// How many stand for this server.
    pub fn clones(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    pub fn errors(&self) -> usize {
        self.state().errors
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn look(&self, token: &str) -> Result<Introspection, Error> {
        let mut state = self.state();
        state.calls.push(token.to_owned());
        if let Some(kind) = state.failure {
            state.errors += 1;
            return Err(Error::from_upstream(kind, "the script says so", Some(seconds(7))));
        }
        let answer = state.tokens.get(token).cloned().unwrap_or_else(|| json!({"active": false}));
        Ok(serde_json::from_value(answer).unwrap())
    }
}

impl Upstream for Script {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let sent = send_time.record(self.clock.monotonic());
            let answer = self.look(token.expose());
            let mut held = self.held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
            answer.map(|introspection| Answered { introspection, sent })
        })
    }

    fn shared_as(&self) -> Option<String> {
        Some(self.shared_as.to_owned())
    }
}

/// A proof as a client makes it.
pub fn proof(key: &SigningKey, method: &str, url: &str, token: &str, jti: u32) -> String {
    let iat = start().timestamp();
    let claims = json!({"htm": method, "htu": url, "iat": iat, "jti": jti.to_string()});
    let sign = |input: &[u8]| key.sign_blocking(input).unwrap();
    test_support::dpop_proof(&key.public_jwk().to_json(), claims, token, sign)
}

/// A checker of this server, with these settings.
pub fn checker(script: &Script, set: impl FnOnce(&mut CheckerConfig)) -> Checker {
    builder(script, set).build().unwrap()
}

/// The same, to be gone on with.
pub fn builder(script: &Script, set: impl FnOnce(&mut CheckerConfig)) -> CheckerBuilder {
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    set(&mut config);
    Checker::builder(script.clone())
        .config(config)
        .clock(script.clock.clone())
        .random(SeededRandom::new(1))
}

pub fn within(max_age: Duration) -> Requirement {
    Requirement::new().max_age(max_age)
}

pub fn authorized(verdict: Result<Verdict, Error>) -> Authorized {
    match verdict {
        Ok(Verdict::Authorized(authorized)) => authorized,
        other => panic!("not let in: {other:?}"),
    }
}

pub fn denied(verdict: Result<Verdict, Error>) -> Reason {
    match verdict {
        Ok(Verdict::Denied(denied)) => denied.reason().clone(),
        other => panic!("not denied: {other:?}"),
    }
}
