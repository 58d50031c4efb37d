//! A flood of proofs by one key, beside clients that use theirs as they should.

use okta_introspect::checker::{Checker, Presented, Requirement, Verdict};
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, SigningKey};
use serde_json::json;

use crate::script::{Script, authorized, checker, proof};
use crate::support::start;

const URL: &str = "https://api.acme.example/orders";
const CAPACITY: usize = 1000;
const SHARE: usize = 100;
const OTHERS: usize = 8;
/// Twice as many as there is room for in all.
const FLOOD: usize = 2 * CAPACITY;

/// A client with a key of its own, and a token that is bound to it.
struct Sender {
    key: SigningKey,
    token: String,
    sent: u32,
}

impl Sender {
    fn new(script: &Script, token: String) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        script.active(&token, json!({"cnf": {"jkt": key.public_jwk().thumbprint()}}));
        Self { key, token, sent: 0 }
    }

    async fn check(&mut self, checker: &Checker) -> Result<Verdict, Error> {
        self.sent += 1;
        let proof = proof(&self.key, "GET", URL, &self.token, self.sent);
        let presented = Presented::dpop(&self.token, &proof, "GET", URL);
        checker.check(presented, &Requirement::new()).await
    }
}

#[test_support::test]
#[allow(clippy::print_stdout)] // the figures, for those who ask for them
async fn a_flood_of_proofs_by_one_key_leaves_the_others_served() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let checker = checker(&script, |config| {
        (config.proofs.capacity, config.proofs.max_per_key) = (CAPACITY, SHARE);
    });
    let mut greedy = Sender::new(&script, "greedy".to_owned());
    let mut others: Vec<_> =
        (0..OTHERS).map(|number| Sender::new(&script, format!("other-{number}"))).collect();
    let (mut let_in, mut served) = (0, 0);
    for round in 0..SHARE {
        for _ in 0..FLOOD / SHARE {
            match greedy.check(&checker).await {
                Ok(_) => let_in += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}"),
            }
        }
        for other in &mut others {
            authorized(other.check(&checker).await);
            served += 1;
        }
        assert!(round > 0 || let_in < SHARE, "the flood has not begun");
    }
    println!("of the flood's {FLOOD} proofs {let_in} let in; of the others' {served} all");
    assert_eq!((let_in, served), (SHARE, OTHERS * SHARE));
}
