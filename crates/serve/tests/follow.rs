//! The sidecar follows the System Log: what was revoked elsewhere, reloads, and what is counted.

use std::collections::BTreeSet;

use okta_introspect::ManualClock;
use okta_introspect::sandbox::Fault;
use okta_introspect_serve::Mode;
use tokio::task::yield_now;

use crate::world::{BACKEND, HOST, RULES, World, start_of_time};

const LOG: &str = "/api/v1/logs";

/// A sidecar that follows the log, in time that only the test moves.
struct Followed(World);

impl Followed {
    async fn start(more: &str) -> Self {
        Self::granted(more, true).await
    }

    async fn granted(more: &str, is_granted: bool) -> Self {
        let now = okta_introspect::Clock::now(&start_of_time());
        let mut world = World::org(ManualClock::stepped(now)).await;
        if is_granted {
            world.sandbox.grant(BACKEND, "okta.logs.read").unwrap();
        }
        world.write(&config(more));
        world.start().await.unwrap();
        world.ready().await;
        Self(world)
    }

    /// Lets the log be asked once more, and waits until what it told was applied.
    async fn turn(&self) {
        // When the second poll comes, the answer to the first was applied.
        for _ in 0..2 {
            let polls = self.polls();
            self.0.clock.step(1).await;
            while self.polls() == polls {
                yield_now().await;
            }
        }
    }

    fn polls(&self) -> usize {
        self.0.sandbox.requests().iter().filter(|request| request.path() == LOG).count()
    }

    async fn reload(&self, more: &str) {
        self.0.write(&config(more));
        self.0.reload().await;
    }

    async fn status(&self, token: &str) -> u16 {
        self.0.get(Mode::Nginx, "/orders", token).await.status
    }

    /// How often the log was begun.
    fn beginnings(&self) -> usize {
        let requests = self.0.sandbox.requests();
        let log = requests.iter().filter(|request| request.path() == LOG);
        log.filter(|request| request.query("since").is_some()).count()
    }
}

fn config(more: &str) -> String {
    format!("{RULES}origins: [{{url: \"https://{HOST}\"}}]\n{more}")
}

fn of_log(name: &str) -> String {
    format!("okta_introspect_signal_{name}{{source=\"system_log\"}}")
}

#[test_support::test]
async fn what_was_revoked_elsewhere_is_refused_once_the_log_tells_it() {
    let followed = Followed::start("signals: {poll: {interval: 1s}}\n").await;
    let (token, other) = (followed.0.token("orders.read"), followed.0.token("orders.read"));
    for token in [&token, &other] {
        assert_eq!(followed.status(token).await, 200);
    }
    followed.0.sandbox.revoke(token.as_str());
    followed.turn().await;
    assert_eq!((followed.status(&token).await, followed.status(&other).await), (401, 200));
    // About the other one nothing was told, so nothing was asked.
    assert_eq!(followed.0.asked(), 3);
    assert_eq!(followed.0.metric(&of_log("source_healthy")).await, 1.0);
    assert!(followed.0.metric(&of_log("lag_seconds")).await < 5.0);
    let told = followed.0.log.count("follows the System Log interval=1s mode=\"purge\"");
    assert_eq!(told, 1, "{}", followed.0.log.text());
}

#[test_support::test]
async fn the_log_is_followed_on_over_a_reload_and_the_new_checker_hears_of_it() {
    let poll = "signals: {poll: {}}\n";
    let followed = Followed::start(poll).await;
    followed.turn().await;
    followed.reload(&format!("{poll}checker: {{max_age: 29s}}\n")).await;
    let token = followed.0.token("orders.read");
    assert_eq!(followed.status(&token).await, 200);
    followed.0.sandbox.revoke(token.as_str());
    followed.turn().await;
    assert_eq!((followed.status(&token).await, followed.beginnings()), (401, 1));
    // Another way to follow it begins anew; none ends it.
    followed.reload("signals: {poll: {interval: 1s}}\n").await;
    followed.turn().await;
    assert_eq!(followed.beginnings(), 2);
    followed.reload("").await;
    let asked = followed.0.sandbox.requests().len();
    followed.0.clock.advance(std::time::Duration::from_secs(60));
    let token = followed.0.token("orders.read");
    assert_eq!(followed.status(&token).await, 200);
    assert_eq!(followed.0.sandbox.requests().len(), asked + 1);
}

#[test_support::test]
async fn what_the_log_does_not_name_stays_fresh_where_the_rule_says_so_and_the_log_is_read() {
    let signals = "signals: {mode: extend, poll: {}}\n";
    let extended = config(signals).replace("max_age: 30s}}", "max_age: 30s, signals: extend}}");
    let now = okta_introspect::Clock::now(&start_of_time());
    let mut world = World::org(ManualClock::stepped(now)).await;
    world.sandbox.grant(BACKEND, "okta.logs.read").unwrap();
    world.write(&extended);
    world.start().await.unwrap();
    world.ready().await;
    let followed = Followed(world);
    followed.turn().await;
    let token = followed.0.token("orders.read");
    let turns = async |count: usize| {
        for _ in 0..count {
            followed.turn().await;
        }
        (followed.status(&token).await, followed.0.asked())
    };
    assert_eq!(turns(0).await, (200, 1));
    // Two polls of 2 s each a turn: a minute and a half.
    assert_eq!(turns(23).await, (200, 1));
    let source = "okta_introspect_checks_total{verdict=\"authorized\",source=\"extended\"}";
    assert_eq!(followed.0.metric(source).await, 1.0);
    followed.0.sandbox.faults().set_outage(Some(Fault::html(500)));
    for _ in 0..6 {
        followed.turn().await;
    }
    followed.0.sandbox.faults().set_outage(None);
    assert_eq!((followed.status(&token).await, followed.0.asked()), (200, 2));
}

#[test_support::test]
async fn shadow_counts_what_dies_without_a_signal() {
    let followed = Followed::start("signals: {mode: shadow, poll: {}}\n").await;
    followed.turn().await;
    let token = followed.0.token("orders.read");
    assert_eq!(followed.status(&token).await, 200);
    followed.0.sandbox.revoke_silently(token.as_str());
    for _ in 0..9 {
        followed.turn().await;
    }
    assert_eq!(followed.status(&token).await, 401);
    // An event might still come.
    assert_eq!(followed.0.metric("okta_introspect_signal_misses_total").await, 0.0);
    followed.turn().await;
    assert_eq!(followed.0.metric("okta_introspect_signal_misses_total").await, 1.0);
}

#[test_support::test]
async fn a_log_that_cannot_be_read_is_counted_and_requests_are_answered_all_the_same() {
    let followed = Followed::granted("signals: {poll: {}}\n", false).await;
    while followed.0.log.count("cannot read the System Log") == 0 {
        yield_now().await;
    }
    let token = followed.0.token("orders.read");
    assert_eq!(followed.status(&token).await, 200);
    assert_eq!(followed.0.management("/readyz").await.status, 200);
    assert_eq!(followed.0.metric(&of_log("source_healthy")).await, 0.0);
    assert_eq!(followed.0.log.count("cannot read the System Log"), 1, "{}", followed.0.log.text());
}

#[test_support::test]
async fn the_dashboard_and_the_alerts_of_signals_ask_for_what_there_is() {
    let followed = Followed::start("signals: {mode: shadow, poll: {}}\n").await;
    followed.0.sandbox.revoke(followed.0.token("orders.read").as_str());
    followed.turn().await;
    // What has not failed yet is not there to be asked for.
    followed.0.sandbox.faults().set_outage(Some(Fault::html(500)));
    followed.turn().await;
    let metrics = followed.0.management("/metrics").await.body;
    let packaging = [
        include_str!("../../../packaging/grafana/okta-introspect-signals.json"),
        include_str!("../../../packaging/prometheus/signals.alerts.yml"),
    ];
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names: BTreeSet<&str> = packaging
        .iter()
        .flat_map(|text| text.split(|c| !is_name(c)))
        .filter(|word| word.starts_with("okta_introspect_"))
        .collect();
    assert!(names.len() >= 6, "{names:?}");
    let families: Vec<&str> = metrics.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let once: BTreeSet<&str> = families.iter().copied().collect();
    assert_eq!(families.len(), once.len(), "{metrics}");
    for name in names {
        let family = name.trim_end_matches("_total").trim_end_matches("_bucket");
        assert!(metrics.contains(&format!("# TYPE {family} ")), "{name} is not in\n{metrics}");
    }
}
