//! A checker whose client's key signs slowly.

use std::num::NonZeroU32;
use std::time::Duration;

use okta_introspect::checker::{Checker, CheckerConfig};
use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{
    Algorithm, AssertionConfig, BoxError, BoxFuture, Client, ErrorKind, ManualClock, Signer,
    SignerLimits, SigningKey,
};
use tokio::task::JoinSet;

use crate::script::{authorized, within};
use crate::support::{seconds, start};

/// Says that it makes four signatures a second.
#[derive(Debug)]
struct Slow(SigningKey);

impl Signer for Slow {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.0.key_id()
    }

    fn sign<'a>(&'a self, input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        self.0.sign(input)
    }

    fn limits(&self) -> SignerLimits {
        SignerLimits::default().max_per_second(NonZeroU32::new(4))
    }
}

/// How many of ten tokens are let in when all are checked at once, and the requests for them.
async fn let_in(reuse: Option<Duration>) -> (usize, usize) {
    let clock = ManualClock::stepped(start());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let mut assertion = AssertionConfig::default();
    assertion.reuse = reuse;
    let client = Client::builder(sandbox.issuer(), "0oa1backend", Slow(key))
        .clock(clock.clone())
        .assertion(assertion)
        .build()
        .unwrap();
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    let checker = Checker::builder(client).clock(clock.clone()).config(config).build().unwrap();
    let mut checks = JoinSet::new();
    for _ in 0..10 {
        let token = sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada")).unwrap();
        let checker = checker.clone();
        checks.spawn(async move { checker.check(&token, &within(seconds(30))).await });
    }
    let mut let_in = 0;
    for verdict in checks.join_all().await {
        match verdict {
            Ok(verdict) => {
                authorized(Ok(verdict));
                let_in += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::RateLimited);
                assert!(error.to_string().contains("the signer"), "{error}");
                assert!(error.retry_after().is_some());
            }
        }
    }
    (let_in, sandbox.requests().len())
}

#[test_support::test]
async fn no_more_introspections_begin_than_can_be_signed() {
    assert_eq!(let_in(None).await, (4, 4));
}

#[test_support::test]
async fn a_signature_that_is_reused_stands_in_nobody_s_way() {
    assert_eq!(let_in(Some(seconds(60))).await, (10, 10));
}
