//! The memory of used proofs: which of them take room in it, and a flood of proofs by one key beside
//! clients that use theirs as they should.

use okta_introspect::checker::{Checker, Presented, Reason, Requirement, Verdict};
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, SigningKey};
use serde_json::json;

use crate::script::{Script, authorized, checker, denied, proof};
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
        let cnf = json!({"jkt": key.public_jwk().thumbprint()});
        script.active(&token, json!({"scope": "read", "cnf": cnf}));
        Self { key, token, sent: 0 }
    }

    async fn check(
        &mut self,
        checker: &Checker,
        requirement: &Requirement,
    ) -> Result<Verdict, Error> {
        self.sent += 1;
        let proof = proof(&self.key, "GET", URL, &self.token, self.sent);
        let presented = Presented::dpop(&self.token, &proof, "GET", URL);
        checker.check(presented, requirement).await
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
    let (any, mut let_in, mut served) = (Requirement::new(), 0, 0);
    for round in 0..SHARE {
        for _ in 0..FLOOD / SHARE {
            match greedy.check(&checker, &any).await {
                Ok(_) => let_in += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}"),
            }
        }
        for other in &mut others {
            authorized(other.check(&checker, &any).await);
            served += 1;
        }
        assert!(round > 0 || let_in < SHARE, "the flood has not begun");
    }
    println!("of the flood's {FLOOD} proofs {let_in} let in; of the others' {served} all");
    assert_eq!((let_in, served), (SHARE, OTHERS * SHARE));
}

#[test_support::test]
async fn requests_that_are_denied_anyway_take_no_room_for_their_proofs() {
    let script = Script::new(&ManualClock::new(start()));
    let checker = checker(&script, |config| config.proofs.capacity = 1);
    let mut sender = Sender::new(&script, "bound".to_owned());
    let [write, read] = ["write", "read"].map(|scope| Requirement::new().scope(scope));
    for _ in 0..3 {
        let reason = denied(sender.check(&checker, &write).await);
        assert!(matches!(reason, Reason::Scope { .. }), "{reason:?}");
    }
    authorized(sender.check(&checker, &read).await);
    let full = sender.check(&checker, &read).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::RateLimited, "it is full");
}
