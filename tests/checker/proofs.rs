//! The memory of used proofs: which of them take room in it, and a flood of proofs by one key beside
//! clients that use theirs as they should. And what counts as a use: proxies ask again.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use okta_introspect::checker::{
    Checker, CheckerConfig, Presented, ProofDenial, Reason, Replay, Requirement, Verdict,
};
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

    /// The next proof.
    fn proof(&mut self) -> String {
        self.sent += 1;
        proof(&self.key, "GET", URL, &self.token, self.sent)
    }

    async fn check(
        &mut self,
        checker: &Checker,
        requirement: &Requirement,
    ) -> Result<Verdict, Error> {
        let proof = self.proof();
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

/// A checker that has the answer about the sender's token already.
async fn knowing(clock: &ManualClock, set: impl FnOnce(&mut CheckerConfig)) -> (Checker, Sender) {
    let script = Script::new(clock);
    let checker = checker(&script, |config| {
        config.proofs.repeat_within = WINDOW;
        set(config);
    });
    let mut sender = Sender::new(&script, "bound".to_owned());
    authorized(sender.check(&checker, &Requirement::new()).await);
    (checker, sender)
}

const WINDOW: Duration = Duration::from_secs(2);
const MS: Duration = Duration::from_millis(1);

/// What becomes of a proof, by a name.
fn outcome(checker: &Checker, presented: Presented<'_>) -> &'static str {
    match checker.try_check(presented, &Requirement::new()).unwrap() {
        Ok(Verdict::Authorized(_)) => "good",
        Ok(Verdict::Denied(denied)) => match denied.reason() {
            Reason::Proof(ProofDenial::Replayed) => "replayed",
            Reason::Proof(ProofDenial::Mismatch) => "mismatch",
            reason => panic!("{reason:?}"),
        },
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
            "full"
        }
    }
}

#[test_support::test]
async fn a_proof_comes_again_within_the_window_by_way_of_the_same_proxy() {
    let clock = ManualClock::new(start());
    let (checker, mut sender) = knowing(&clock, |_| {}).await;
    for (later, expected) in [
        (Duration::ZERO, "good"),
        (WINDOW - MS, "good"),
        (WINDOW, "replayed"),
        (WINDOW + MS, "replayed"),
    ] {
        let proof = sender.proof();
        let presented = Presented::dpop(&sender.token, &proof, "GET", URL).through("edge");
        assert_eq!(outcome(&checker, presented), "good", "{later:?}");
        clock.advance(later);
        assert_eq!(outcome(&checker, presented), expected, "{later:?}");
    }
    let proof = sender.proof();
    let presented = Presented::dpop(&sender.token, &proof, "GET", URL).through("edge");
    for (step, expected) in [(0, "good"), (1500, "good"), (500, "replayed")] {
        clock.advance(step * MS);
        assert_eq!(outcome(&checker, presented), expected, "a repetition prolongs nothing");
    }
}

#[test_support::test]
async fn another_proxy_or_another_query_is_no_repetition() {
    let clock = ManualClock::new(start());
    let (checker, mut sender) = knowing(&clock, |_| {}).await;
    let (with_query, other_query) = (format!("{URL}?page=1"), format!("{URL}?page=2"));
    let first = sender.proof();
    let proof = |url| Presented::dpop(&sender.token, &first, "GET", url);
    assert_eq!(outcome(&checker, proof(&with_query).through("edge")), "good");
    assert_eq!(outcome(&checker, proof(&with_query).through("other")), "replayed");
    assert_eq!(outcome(&checker, proof(&with_query)), "replayed");
    assert_eq!(outcome(&checker, proof(&other_query).through("edge")), "replayed");
    assert_eq!(outcome(&checker, proof(URL).through("edge")), "replayed");
    assert_eq!(outcome(&checker, proof(&with_query).through("edge")), "good");
}

#[test_support::test]
async fn without_a_window_a_proof_is_good_once_whatever_the_proxy() {
    let clock = ManualClock::new(start());
    let zero = |config: &mut CheckerConfig| config.proofs.repeat_within = Duration::ZERO;
    let (checker, mut sender) = knowing(&clock, zero).await;
    let proof = sender.proof();
    let presented = Presented::dpop(&sender.token, &proof, "GET", URL).through("edge");
    assert_eq!([(); 2].map(|()| outcome(&checker, presented)), ["good", "replayed"]);
}

#[test_support::test]
async fn a_use_counts_as_the_check_says() {
    use Replay::{CheckOnly, Consume, Off};
    let clock = ManualClock::new(start());
    // One proof has been used, so that there is room for one more.
    let (checker, mut sender) = knowing(&clock, |config| config.proofs.capacity = 2).await;
    let (first, second) = (sender.proof(), sender.proof());
    for (proof, replay, expected) in [
        (&first, CheckOnly, "good"),
        (&first, CheckOnly, "good"),
        (&first, Off, "good"),
        (&first, Consume, "good"),
        (&first, CheckOnly, "replayed"),
        (&first, Consume, "replayed"),
        (&first, Off, "good"),
        (&second, Consume, "full"),
        (&second, CheckOnly, "good"),
        (&second, Off, "good"),
    ] {
        let presented = Presented::dpop(&sender.token, proof, "GET", URL).replay(replay);
        assert_eq!(outcome(&checker, presented), expected, "{replay:?}");
        let elsewhere = Presented::dpop(&sender.token, proof, "POST", URL).replay(replay);
        assert_eq!(outcome(&checker, elsewhere), "mismatch", "{replay:?}");
    }
    assert_eq!([Consume, CheckOnly, Off].map(Replay::as_str), Replay::NAMES);
    assert_eq!(Replay::NAMES.map(Replay::from_name), [Consume, CheckOnly, Off].map(Some));
    assert_eq!(Replay::from_name("OFF"), None);
}

#[test_support::test]
async fn of_many_proxies_at_once_one_gets_in_and_repeats_what_it_likes() {
    const PROXIES: usize = 8;
    const REPEATS: usize = 10;
    let clock = ManualClock::new(start());
    let (checker, mut sender) = knowing(&clock, |_| {}).await;
    for round in 0..20 {
        let proof = sender.proof();
        let (checker, token, begin) = (&checker, &sender.token, Barrier::new(PROXIES));
        let let_in = |proxy: usize| {
            let name = format!("proxy-{proxy}");
            let presented = Presented::dpop(token, &proof, "GET", URL).through(&name);
            begin.wait();
            (0..REPEATS).filter(|_| outcome(checker, presented) == "good").count()
        };
        let let_in = thread::scope(|scope| {
            let let_in = &let_in;
            let started: Vec<_> =
                (0..PROXIES).map(|proxy| scope.spawn(move || let_in(proxy))).collect();
            let mut counts: Vec<_> = started.into_iter().map(|one| one.join().unwrap()).collect();
            counts.sort_unstable();
            counts
        });
        let mut expected = vec![0; PROXIES - 1];
        expected.push(REPEATS);
        assert_eq!(let_in, expected, "{round}");
    }
}

#[test_support::test]
async fn two_checkers_may_remember_used_proofs_together() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let first = checker(&script, |_| {});
    let second = Checker::builder(script.clone()).clock(clock.clone()).proofs_of(&first);
    let (second, any) = (second.build().unwrap(), Requirement::new());
    let mut sender = Sender::new(&script, "token".to_owned());
    let proof = sender.proof();
    let presented = Presented::dpop(&sender.token, &proof, "GET", URL);
    authorized(first.check(presented, &any).await);
    let reason = denied(second.check(presented, &any).await);
    assert_eq!(reason, Reason::Proof(ProofDenial::Replayed));
}
