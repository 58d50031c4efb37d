//! Checked tokens for tests, and a reader of JWTs that shares nothing with the signer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use okta_introspect::checker::{Answered, Authorized, CheckerConfig, SendTime, Upstream};
use okta_introspect::{
    BoxFuture, Checker, Clock as _, Error, ErrorKind, Issuer, ManualClock, Requirement, Token,
    Verdict,
};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use serde_json::Value;

use super::signer::JwtSigner;

/// When every test begins, in seconds since 1970.
pub(crate) const START: i64 = 1_795_211_259;

/// An authorization server that says what it is told to, and a checker that asks it.
pub(crate) struct Script {
    pub(crate) clock: ManualClock,
    pub(crate) checker: Checker,
    pub(crate) upstream: Scripted,
    count: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    issuer: Issuer,
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tokens: HashMap<String, Value>,
    failure: Option<(ErrorKind, Option<Duration>)>,
    calls: usize,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(set: impl FnOnce(&mut CheckerConfig)) -> Self {
        let clock = ManualClock::new(DateTime::from_timestamp(START, 0).unwrap());
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let upstream = Scripted { issuer, clock: clock.clone(), state: Arc::default() };
        let mut config = CheckerConfig::default();
        config.refresh_ahead = false;
        set(&mut config);
        let checker = Checker::builder(upstream.clone()).config(config).clock(clock.clone());
        Self { clock, checker: checker.build().unwrap(), upstream, count: AtomicUsize::new(0) }
    }

    /// A new token that is active, with these members.
    pub(crate) fn token(&self, mut members: Value) -> String {
        let token = format!("sample-t0ken-{}", self.count.fetch_add(1, Ordering::Relaxed));
        members["active"] = true.into();
        self.upstream.state.lock().unwrap().tokens.insert(token.clone(), members);
        token
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.upstream.state.lock().unwrap().tokens.remove(token);
    }

    pub(crate) fn fail(&self, kind: ErrorKind, retry_after: Option<Duration>) {
        self.upstream.state.lock().unwrap().failure = Some((kind, retry_after));
    }

    /// How often the server was asked.
    pub(crate) fn calls(&self) -> usize {
        self.upstream.state.lock().unwrap().calls
    }

    pub(crate) async fn check(&self, token: &str, max_age: u64) -> Authorized {
        let requirement = Requirement::new().max_age(Duration::from_secs(max_age));
        match self.checker.check(token, &requirement).await {
            Ok(Verdict::Authorized(authorized)) => authorized,
            other => panic!("not let in: {other:?}"),
        }
    }

    /// What a token with these members gives.
    pub(crate) async fn authorized(&self, members: Value) -> Authorized {
        self.check(&self.token(members), 30).await
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

impl Upstream for Scripted {
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
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            if let Some((kind, wait)) = state.failure {
                return Err(Error::from_upstream(kind, "the script says so", wait));
            }
            let inactive = || serde_json::json!({"active": false});
            let answer = state.tokens.get(token.expose()).cloned().unwrap_or_else(inactive);
            Ok(Answered { introspection: serde_json::from_value(answer).unwrap(), sent })
        })
    }
}

/// The header of a JWT.
pub(crate) fn header_of(jwt: &str) -> Value {
    decode(jwt.split('.').next().unwrap())
}

/// The claims of a JWT that verifies by one of the keys that the signer publishes.
pub(crate) fn claims_of(jwt: &str, signer: &JwtSigner) -> Value {
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let jwks: Value = serde_json::from_slice(&signer.jwks()).unwrap();
    let kid = &header_of(jwt)["kid"];
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| &key["kid"] == kid).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (key, signature) = match key["kty"].as_str().unwrap() {
        "EC" => (ec(key), der(&signature)),
        _ => (rsa(key), signature),
    };
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
    assert!(verifier.verify_oneshot(&signature, input.as_bytes()).unwrap(), "a bad signature");
    decode(input.split('.').nth(1).unwrap())
}

fn decode(segment: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

fn number(key: &Value, name: &str) -> BigNum {
    let bytes = URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    BigNum::from_slice(&bytes).unwrap()
}

fn ec(key: &Value) -> PKey<openssl::pkey::Public> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let (x, y) = (number(key, "x"), number(key, "y"));
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).unwrap();
    PKey::from_ec_key(key).unwrap()
}

fn rsa(key: &Value) -> PKey<openssl::pkey::Public> {
    let key = Rsa::from_public_components(number(key, "n"), number(key, "e")).unwrap();
    PKey::from_rsa(key).unwrap()
}

fn der(signature: &[u8]) -> Vec<u8> {
    let half = |bytes| BigNum::from_slice(bytes).unwrap();
    let (r, s) = signature.split_at(32);
    EcdsaSig::from_private_components(half(r), half(s)).unwrap().to_der().unwrap()
}
