//! What a checker says on a computer that was suspended: by its boot clock, answers are as old as they
//! are, although the clock of timers stood still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use crate::checker::{
    AnswerSource, Answered, Checker, CheckerConfig, Requirement, SendTime, SignalMode, Upstream,
    Verdict,
};
use crate::clock::{Clock, Laptop};
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const BOUND: Duration = Duration::from_secs(30);

/// What the server says of every token.
#[derive(Clone, Copy, Debug)]
enum Says {
    Active,
    Inactive,
    Nothing,
}

#[derive(Clone, Debug)]
struct Server {
    issuer: Issuer,
    laptop: Laptop,
    says: Arc<Mutex<Says>>,
    calls: watch::Sender<usize>,
    /// How many answers have been let go.
    answers: watch::Sender<usize>,
}

impl Upstream for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let sent = send_time.record(self.laptop.monotonic());
            let says = *self.says.lock().unwrap();
            let number = *self.calls.borrow() + 1;
            self.calls.send_replace(number);
            self.answers.subscribe().wait_for(|answers| *answers >= number).await.unwrap();
            let active = match says {
                Says::Nothing => return Err(Error::new(ErrorKind::Unreachable, "no network")),
                says => matches!(says, Says::Active),
            };
            let introspection = serde_json::from_value(json!({ "active": active })).unwrap();
            Ok(Answered { introspection, sent })
        })
    }
}

struct World {
    server: Server,
    checker: Checker,
}

impl World {
    fn new(stale_if_error: Duration) -> Self {
        let laptop = Laptop::new();
        let server = Server {
            issuer: Issuer::parse("https://acme.okta.com").unwrap(),
            laptop: laptop.clone(),
            says: Arc::new(Mutex::new(Says::Active)),
            calls: watch::Sender::new(0),
            answers: watch::Sender::new(usize::MAX),
        };
        let config = CheckerConfig {
            stale_if_error,
            refresh_ahead: false,
            signals: SignalMode::Extend,
            ..CheckerConfig::default()
        };
        let checker =
            Checker::builder(server.clone()).config(config).clock(laptop).build().unwrap();
        Self { server, checker }
    }

    fn say(&self, says: Says) {
        *self.server.says.lock().unwrap() = says;
    }

    fn calls(&self) -> usize {
        *self.server.calls.borrow()
    }

    /// The source and the age of a yes; `None` for a no.
    async fn check(&self) -> Result<Option<(AnswerSource, Duration)>, Error> {
        let requirement = Requirement::new().max_age(BOUND).extended();
        Ok(match self.checker.check("a-token", &requirement).await? {
            Verdict::Authorized(yes) => Some((yes.source(), yes.age())),
            Verdict::Denied(_) => None,
        })
    }
}

#[test_support::test]
async fn after_a_suspend_no_yes_is_older_than_its_bound() {
    for (asleep, asks) in
        [(29 * SECOND, false), (BOUND, false), (BOUND + SECOND, true), (HOUR, true)]
    {
        let world = World::new(Duration::ZERO);
        assert!(world.check().await.unwrap().is_some());
        let running = world.server.laptop.running();
        world.say(Says::Inactive);
        world.server.laptop.suspend(asleep);
        assert_eq!(world.server.laptop.running(), running);
        let said = world.check().await.unwrap();
        let expected = (!asks).then_some((AnswerSource::Cache, asleep));
        assert_eq!(said, expected, "{asleep:?} asleep");
        assert_eq!(world.calls(), 1 + usize::from(asks), "{asleep:?} asleep");
    }
}

#[test_support::test]
async fn a_suspend_counts_in_the_age_of_what_signals_extend() {
    let limit = 300 * SECOND;
    for (asleep, told, expected) in [
        // Nothing was told since it fell asleep: the bound counts from there.
        (BOUND, false, Some(AnswerSource::Extended)),
        (BOUND + SECOND, false, None),
        // All was told when it woke up: the hard bound counts from when the server was asked.
        (limit - SECOND, true, Some(AnswerSource::Extended)),
        (limit, true, None),
    ] {
        let world = World::new(Duration::ZERO);
        let coverage = world.checker.coverage();
        coverage.begin(world.server.laptop.monotonic());
        world.check().await.unwrap();
        world.server.laptop.suspend(SECOND);
        coverage.advance(world.server.laptop.monotonic());
        world.say(Says::Inactive);
        world.server.laptop.suspend(asleep);
        if told {
            coverage.advance(world.server.laptop.monotonic());
        }
        let said = world.check().await.unwrap();
        let expected = expected.map(|source| (source, asleep + SECOND));
        assert_eq!(said, expected, "{asleep:?} asleep, {told}");
    }
}

#[test_support::test]
async fn a_suspend_uses_up_what_an_outage_allows() {
    let stale = 300 * SECOND;
    for (asleep, counts) in [(BOUND + stale, true), (BOUND + stale + SECOND, false)] {
        let world = World::new(stale);
        world.check().await.unwrap();
        world.say(Says::Nothing);
        world.server.laptop.suspend(asleep);
        let said = world.check().await;
        assert_eq!(said.is_ok(), counts, "{asleep:?} asleep");
        let stale = counts.then_some((AnswerSource::StaleOnError, asleep));
        assert_eq!(said.ok().flatten(), stale, "{asleep:?} asleep");
    }
}

#[test_support::test]
async fn an_answer_that_a_suspend_held_up_comes_too_late() {
    let world = Arc::new(World::new(Duration::ZERO));
    world.server.answers.send_replace(0);
    let check = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.check().await }
    });
    world.server.calls.subscribe().wait_for(|calls| *calls == 1).await.unwrap();
    // The server looked before the lid was closed, and the token was revoked meanwhile.
    world.say(Says::Inactive);
    world.server.laptop.suspend(HOUR);
    world.server.answers.send_replace(usize::MAX);
    assert_eq!(check.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(world.check().await.unwrap(), None);
}
