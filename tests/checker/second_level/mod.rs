//! Instances that share a store: how many calls they make together, and that no answer is older than
//! its reader allows, whatever the store does.

mod faults;
mod herd;
mod sharing;
pub(crate) mod store;

use std::time::Duration;

use okta_introspect::checker::{AnswerSource, Checker, CheckerConfig, Requirement, Verdict};
use okta_introspect::shared::{Shared, SharedSecret, SharedStore};
use okta_introspect::{Error, ManualClock, SeededRandom};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::script::{Script, authorized, builder, within};
use crate::support::{settle, start};
use store::Faulty;

pub(crate) const SECRET: &[u8] = b"S0bT8mQz3pYc7Wf1xKd9uHn5vRj2gLe6aBt4iZo8";

const TOKEN: &str = "t0ken";

/// A server, a store, and a clock for all. Each instance has a handle of its own, as in processes of
/// their own.
pub(crate) struct World {
    clock: ManualClock,
    script: Script,
    store: Faulty,
}

type Said = Result<Verdict, Error>;

impl World {
    fn new() -> Self {
        let clock = ManualClock::stepped(start());
        let (script, store) = (Script::new(&clock), Faulty::new(&clock));
        script.active(TOKEN, json!({"uid": "00u1"}));
        Self { clock, script, store }
    }

    fn instance(&self, number: u64) -> Checker {
        self.instance_with(number, |_| {})
    }

    fn instance_with(&self, number: u64, set: impl FnOnce(&mut CheckerConfig)) -> Checker {
        let shared = shared(self.store.clone(), number);
        builder(&self.script, set)
            .random(SeededRandom::new(number))
            .shared(&shared)
            .build()
            .unwrap()
    }

    /// As [`instance`](Self::instance), and it knows the store's clock already. So no answer counts as
    /// older than it is by more than some microseconds, for the next half minute.
    async fn warm_instance(&self, number: u64, set: impl FnOnce(&mut CheckerConfig)) -> Checker {
        let checker = self.instance_with(number, set);
        let before = self.script.calls();
        let other = format!("warm-{number}");
        assert!(checker.check(&*other, &Requirement::new()).await.is_ok());
        settle().await;
        assert_eq!(self.script.calls(), before + 1);
        checker
    }

    /// What comes of a check that does not have to wait for time to pass, and of what it starts.
    async fn check(&self, checker: &Checker, bound: Duration) -> (AnswerSource, Duration) {
        let said = checker.check(TOKEN, &within(bound)).await;
        settle().await;
        let answer = authorized(said);
        (answer.source(), answer.age())
    }

    /// A check in the background, which has gone as far as it can.
    async fn spawn(&self, checker: &Checker, requirement: Requirement) -> JoinHandle<Said> {
        let checker = checker.clone();
        let check = tokio::spawn(async move { checker.check(TOKEN, &requirement).await });
        settle().await;
        check
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }
}

pub(crate) fn shared(store: impl SharedStore + 'static, number: u64) -> Shared {
    let secret = SharedSecret::parse(SECRET).unwrap();
    Shared::builder(store, secret).random(SeededRandom::new(number)).build().unwrap()
}

/// Where an answer came from that is there by now.
async fn source(check: JoinHandle<Said>) -> AnswerSource {
    assert!(check.is_finished(), "it still waits");
    authorized(check.await.unwrap()).source()
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
