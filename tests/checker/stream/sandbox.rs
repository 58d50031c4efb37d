//! Two instances at the sandbox, with the log of Okta's that it keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use okta_introspect::checker::{Checker, CheckerConfig, Reason, SignalMode};
use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::shared::{InProcessStore, Shared, SharedSecret};
use okta_introspect::signals::{Feed, SharedSignals, SystemLog};
use okta_introspect::{Algorithm, Client, ManualClock, Scopes, SigningKey, Token};

use crate::script::{authorized, denied, within};
use crate::support::{seconds, settle, start};

const BACKEND: &str = "0oa1backend";

struct Instance {
    checker: Checker,
    feed: Feed,
    signals: Option<SharedSignals>,
    /// How many revocations it has heard of.
    heard: Arc<AtomicUsize>,
}

struct Org {
    clock: ManualClock,
    sandbox: Sandbox,
    instances: Vec<Instance>,
}

async fn org() -> Org {
    let clock = ManualClock::stepped(start());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let backend = App::service(BACKEND).grant(SystemLog::SCOPE).key(key.public_jwk());
    let sandbox = Sandbox::builder().app(backend).app(App::web("0oa2portal"));
    let sandbox = sandbox.user(User::new("00u1ada", "ada@acme.example")).clock(clock.clone());
    let sandbox = sandbox.start().await.unwrap();
    let store = InProcessStore::new(clock.clone());
    let instance = || {
        let shared = Shared::builder(store.clone(), SharedSecret::of_key(&key).unwrap());
        instance(&clock, &sandbox, &key, &shared.build().unwrap())
    };
    let instances = vec![instance(), instance()];
    Org { clock, sandbox, instances }
}

fn instance(clock: &ManualClock, sandbox: &Sandbox, key: &SigningKey, shared: &Shared) -> Instance {
    let client = Client::builder(sandbox.issuer(), BACKEND, key.clone()).clock(clock.clone());
    let client = client.build().unwrap();
    let mut config = CheckerConfig::default();
    (config.refresh_ahead, config.signals) = (false, SignalMode::Extend);
    let checker = Checker::builder(client.clone()).clock(clock.clone()).config(config);
    let checker = checker.build().unwrap();
    let heard = Arc::<AtomicUsize>::default();
    let own = Arc::clone(&heard);
    let feed = Feed::builder([checker.clone()]).on_signal(move |signal, _| {
        own.fetch_add(usize::from(signal.kind.contains("revoke")), Ordering::SeqCst);
    });
    let feed = feed.build();
    let logs = client.resource(Scopes::parse(SystemLog::SCOPE).unwrap());
    let log = SystemLog::builder(logs, feed.clone()).interval(seconds(1)).build().unwrap();
    let signals = SharedSignals::builder(shared, &feed, client.issuer()).log(log).start();
    Instance { checker, feed, signals: Some(signals), heard }
}

impl Org {
    fn token(&self) -> Token {
        let grant = Grant::to_client("0oa2portal").user("00u1ada");
        Token::parse(self.sandbox.issue(&grant).unwrap().expose()).unwrap()
    }

    /// Polls that were told by those that run.
    fn polls(&self) -> u64 {
        let running = self.instances.iter().filter_map(|instance| instance.signals.as_ref());
        running.map(|signals| signals.status().commits["done"]).sum()
    }

    fn leader(&self) -> Option<usize> {
        let leads = |instance: &Instance| {
            instance.signals.as_ref().is_some_and(|signals| signals.status().leads)
        };
        self.instances.iter().position(leads)
    }

    /// A second passes. Where there is a leader the log is polled meanwhile.
    async fn turn(&self) {
        settle().await;
        let polls = self.polls();
        self.clock.advance(seconds(1));
        settle().await;
        let mut waited = 0;
        while self.leader().is_some() && self.polls() == polls {
            settle().await;
            waited += 1;
            // The log may have to be read less often for a while.
            if waited % 100 == 0 {
                self.clock.advance(seconds(1) / 10);
            }
        }
        settle().await;
    }
}

#[test_support::test]
async fn what_is_revoked_at_the_sandbox_all_hear_of_and_so_they_do_of_what_no_leader_has_seen() {
    let mut org = org().await;
    for _ in 0..3 {
        org.turn().await;
    }
    let (first, second) = (org.token(), org.token());
    for instance in &org.instances {
        for token in [&first, &second] {
            authorized(instance.checker.check(token, &within(seconds(60))).await);
        }
    }
    let polls = org.polls();
    assert!(org.sandbox.revoke(first.expose()));
    org.turn().await;
    assert_eq!(org.polls(), polls + 1, "one poll for both");
    for instance in &org.instances {
        let verdict = instance.checker.check(&first, &within(seconds(60))).await;
        assert_eq!(denied(verdict), Reason::Inactive);
        assert_eq!(instance.heard.load(Ordering::SeqCst), 1);
    }
    let leader = org.leader().unwrap();
    org.instances[leader].signals = None;
    assert!(org.sandbox.revoke(second.expose()));
    let other = &org.instances[1 - leader];
    let mut waited = 0;
    while other.heard.load(Ordering::SeqCst) < 2 {
        org.turn().await;
        waited += 1;
        assert!(waited <= 12, "two leases");
    }
    assert_eq!(org.leader(), Some(1 - leader));
    let verdict = other.checker.check(&second, &within(seconds(60))).await;
    assert_eq!(denied(verdict), Reason::Inactive);
    let [status] = &other.feed.status()[..] else { panic!("{:?}", other.feed.status()) };
    assert_eq!((status.gaps, status.healthy), (0, Some(true)), "{status:?}");
}
