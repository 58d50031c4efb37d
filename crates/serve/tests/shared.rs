//! Two sidecars that share a real Redis: answers, signals, and what becomes of both without it.

use std::pin::pin;
use std::time::Duration;

use okta_introspect::sandbox::Channel;
use okta_introspect::{Clock as _, ManualClock, SystemClock};
use okta_introspect_serve::Mode;
use okta_introspect_serve::life::Signal;
use tokio::task::yield_now;

use crate::redis::Redis;
use crate::world::{BACKEND, HOST, PORTAL, RULES, USER, World, start_of_time};

const LOG: &str = "/api/v1/logs";

/// Two sidecars before one org, in time that only the test moves. The first one is a [`World`] as
/// others, and owns the log.
struct Fleet {
    one: World,
    other: World,
}

impl Fleet {
    /// Each with `shared` and what else is told.
    async fn start(shared: &str, one: &str, other: &str) -> Self {
        let clock = ManualClock::stepped(start_of_time().now());
        Self::by(clock, shared, one, other).await
    }

    async fn by(clock: ManualClock, shared: &str, one: &str, other: &str) -> Self {
        let mut first = World::org(clock).await;
        first.sandbox.grant(BACKEND, "okta.logs.read").unwrap();
        let mut second = first.beside();
        for (world, more) in [(&mut first, one), (&mut second, other)] {
            world.write(&config(shared, more));
            world.start().await.unwrap();
            world.ready().await;
        }
        Self { one: first, other: second }
    }

    /// Does something while time passes, as for Redis, whose waits are real ones; but slower after
    /// a stall of this computer, so that nobody's patience ends by that.
    async fn passing<T>(&self, work: impl Future<Output = T>) -> T {
        self.passing_at_most(Duration::from_millis(5), work).await
    }

    /// Lets time pass until something is so.
    async fn until(&self, what: impl AsyncFn() -> bool) {
        let most = Duration::from_millis(250);
        while !self.passing_at_most(most, what()).await {
            let soon = SystemClock.monotonic() + Duration::from_millis(4);
            self.passing_at_most(most, SystemClock.sleep_until(soon)).await;
        }
    }

    async fn passing_at_most<T>(&self, most: Duration, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let before = SystemClock.monotonic();
            let soon = before + Duration::from_millis(2);
            let done = tokio::select! {
                biased;
                done = &mut work => Some(done),
                () = SystemClock.sleep_until(soon) => None,
            };
            let passed = SystemClock.monotonic() - before;
            self.one.clock.advance(passed.min(most));
            if let Some(done) = done {
                return done;
            }
        }
    }
}

fn config(shared: &str, more: &str) -> String {
    format!("{RULES}origins: [{{url: \"https://{HOST}\"}}]\n{shared}\n{more}")
}

/// One line.
fn line(redis: &Redis) -> String {
    format!("shared: {}", redis.url())
}

async fn status(world: &World, token: &str) -> u16 {
    world.get(Mode::Nginx, "/orders", token).await.status
}

async fn outcome(world: &World, of: &str, outcome: &str) -> f64 {
    world.metric(&format!("okta_introspect_shared_{of}_total{{outcome=\"{outcome}\"}}")).await
}

/// Whether this sidecar has the lead.
async fn leads(world: &World) -> bool {
    stream(world, "leads").await == 1.0
}

async fn stream(world: &World, name: &str) -> f64 {
    let org = world.sandbox.issuer().org().to_owned();
    world.metric(&format!("okta_introspect_signal_stream_{name}{{org=\"{org}\"}}")).await
}

/// How many batches of others were applied.
async fn heard(world: &World) -> f64 {
    let org = world.sandbox.issuer().org().to_owned();
    let name = "okta_introspect_signal_stream_entries_total";
    world.metric(&format!("{name}{{org=\"{org}\",outcome=\"applied\"}}")).await
}

/// All answers that were to be put have been, or could not be.
async fn puts(world: &World) -> f64 {
    let mut puts = 0.0;
    for of in ["done", "failed", "dropped"] {
        puts += outcome(world, "puts", of).await;
    }
    puts
}

/// Checks a token, and waits until what was learnt was put.
async fn learn(world: &World, token: &str) -> u16 {
    let before = puts(world).await;
    let status = status(world, token).await;
    while puts(world).await == before {
        yield_now().await;
    }
    status
}

#[test_support::test]
async fn what_one_sidecar_has_learnt_the_other_does_not_ask_for() {
    let Some(redis) = Redis::start("sidecars that share answers", &[]) else { return };
    let fleet = Fleet::start(&line(&redis), "", "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    let token = one.token("orders.read");
    assert_eq!(learn(one, &token).await, 200);
    assert_eq!((status(other, &token).await, one.asked()), (200, 1));
    let source = "okta_introspect_checks_total{verdict=\"authorized\",source=\"shared\"}";
    assert_eq!(
        (other.metric(source).await, outcome(other, "looks", "hit_active").await),
        (1.0, 1.0)
    );
    // The rule that asks for each request is told nothing by others.
    assert_eq!(other.get(Mode::Nginx, "/now", &token).await.status, 200);
    assert_eq!(one.asked(), 2);
    // A token that is not active, too, and one that another app may not use.
    assert_eq!(
        (learn(one, "no.such.token").await, status(other, "no.such.token").await),
        (401, 401)
    );
    assert_eq!(one.asked(), 3);
    assert_eq!(one.log.count("shares what it learns with other sidecars"), 2);
    assert!(!one.log.text().contains(&redis.url()), "{}", one.log.text());
}

#[test_support::test]
async fn sidecars_with_other_secrets_share_nothing_and_with_the_one_before_they_do() {
    let Some(redis) = Redis::start("sidecars whose secret changes", &[]) else { return };
    let url = redis.url();
    let [old, new] = [
        "b2xkIHNlY3JldCBvZiB0aGUgZmxlZXQhISEhISEhISE",
        "bmV3IHNlY3JldCBvZiB0aGUgZmxlZXQhISEhISEhISE",
    ];
    let with = |secret: &str, previous: Option<&str>| {
        let previous = previous.map(|it| format!(", previous_secret: {it}")).unwrap_or_default();
        format!("shared: {{url: \"{url}\", secret: {secret}{previous}}}")
    };
    let fleet = Fleet::start(&with(old, None), "", "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    other.write(&config(&with(new, None), ""));
    other.reload().await;
    let token = one.token("orders.read");
    assert_eq!((learn(one, &token).await, learn(other, &token).await), (200, 200));
    assert_eq!(one.asked(), 2, "they share nothing");
    // Step by step: first all open the new one, then it is put with, then the old one is left out.
    let mut turns = 0;
    for (of_one, of_other) in [
        (with(old, Some(new)), with(old, None)),
        (with(old, Some(new)), with(old, Some(new))),
        (with(new, Some(old)), with(old, Some(new))),
        (with(new, Some(old)), with(new, Some(old))),
        (with(new, None), with(new, Some(old))),
        (with(new, None), with(new, None)),
    ] {
        for (first, second) in
            [((one, &of_one), (other, &of_other)), ((other, &of_other), (one, &of_one))]
        {
            turns += 1;
            // In another spelling, so that the store is opened anew: time stands still here and passes
            // for Redis, so that one who has looked at its clock before takes these answers for future ones.
            let port = format!("{}/{}", redis.url(), &"0"[turns % 2..]);
            for ((world, shared), url) in [(first, redis.url()), (second, port)] {
                world.write(&config(&shared.replace(&redis.url(), &url), ""));
                world.reload().await;
            }
            let (token, before) = (one.token("orders.read"), one.asked());
            assert_eq!((learn(first.0, &token).await, status(second.0, &token).await), (200, 200));
            assert_eq!(one.asked(), before + 1, "{} {}", first.1, second.1);
        }
    }
}

#[test_support::test]
async fn a_reload_keeps_the_connection_unless_the_store_is_another() {
    let Some(redis) = Redis::start("a sidecar that is reloaded", &[]) else { return };
    let fleet = Fleet::start(&line(&redis), "", "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    assert_eq!(learn(one, &one.token("orders.read")).await, 200);
    // Another checker, and the same store.
    one.write(&config(&line(&redis), "checker: {max_age: 29s}"));
    one.reload().await;
    assert_eq!(outcome(one, "puts", "done").await, 1.0);
    // Another name of it.
    let renamed = line(&redis).replace("127.0.0.1", "localhost");
    one.write(&config(&renamed, "checker: {max_age: 29s}"));
    one.reload().await;
    assert_eq!(outcome(one, "puts", "done").await, 0.0);
    let token = one.token("orders.read");
    // Time stands still here and passes for Redis: the one that has looked at its clock before is first.
    assert_eq!((learn(other, &token).await, status(one, &token).await), (200, 200));
    assert_eq!(one.asked(), 2);
    learn(one, &one.token("orders.read")).await;
    // A store that cannot be one leaves everything as it is.
    one.write(&config("shared: ftp://redis", ""));
    one.reload().await;
    assert_eq!(outcome(one, "puts", "done").await, 1.0);
    // None.
    one.write(&config("", ""));
    one.reload().await;
    assert!(!one.management("/metrics").await.body.contains("okta_introspect_shared_"));
    assert_eq!((status(one, &token).await, one.asked()), (200, 4));
}

#[test_support::test]
async fn what_one_sidecar_is_pushed_the_other_hears_at_once() {
    let Some(redis) = Redis::start("sidecars that share what is pushed", &[]) else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("http://127.0.0.1:{port}/signals");
    let receive = format!(
        "signals: {{receive: {{listen: {{tcp: \"127.0.0.1:{port}\"}}, public_url: \"{url}\", \
         universal_logout: {{client_id: {PORTAL}}}}}}}"
    );
    let fleet = Fleet::by(start_of_time(), &line(&redis), &receive, "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    let token = one.token("orders.read");
    assert_eq!((learn(one, &token).await, status(other, &token).await), (200, 200));
    assert_eq!(one.asked(), 1);
    let subscription = one.sandbox.subscribe(Channel::universal_logout(&url, PORTAL)).unwrap();
    one.sandbox.universal_logout(USER).unwrap();
    subscription.settled().await;
    // No time passes.
    while heard(other).await == 0.0 {
        yield_now().await;
    }
    assert_eq!((status(other, &token).await, status(one, &token).await), (401, 401));
}

#[test_support::test]
async fn one_sidecar_reads_the_log_for_both_and_the_other_goes_on_when_it_ends() {
    let Some(redis) = Redis::start("sidecars that share the log", &[]) else { return };
    let poll = "signals: {poll: {interval: 1s}}\ndrain: 0";
    let mut fleet = Fleet::start(&line(&redis), poll, poll).await;
    let polls = |world: &World| {
        world.sandbox.requests().iter().filter(|request| request.path() == LOG).count()
    };
    fleet.until(async || leads(&fleet.one).await || leads(&fleet.other).await).await;
    let before = polls(&fleet.one);
    fleet.until(async || polls(&fleet.one) > before + 3).await;
    let of_one = leads(&fleet.one).await;
    assert_ne!(of_one, leads(&fleet.other).await);
    let token = fleet.one.token("orders.read");
    for world in [&fleet.one, &fleet.other] {
        assert_eq!(fleet.passing(status(world, &token)).await, 200);
    }
    fleet.one.sandbox.revoke(token.as_str());
    for world in [&fleet.one, &fleet.other] {
        fleet.until(async || status(world, &token).await == 401).await;
    }
    let token = fleet.one.token("orders.read");
    // The leader ends, and what happens meanwhile is not lost.
    let stays = if of_one { &fleet.other } else { &fleet.one };
    assert_eq!(fleet.passing(status(stays, &token)).await, 200);
    let ends = if of_one { &mut fleet.one } else { &mut fleet.other };
    ends.signals.send(Signal::Stop).await.unwrap();
    ends.ended().await;
    ends.sandbox.revoke(token.as_str());
    let stays = if of_one { &fleet.other } else { &fleet.one };
    fleet.until(async || leads(stays).await).await;
    fleet.until(async || status(stays, &token).await == 401).await;
    assert_eq!(stream(stays, "gaps_total").await, 0.0);
    let requests = stays.sandbox.requests();
    assert_eq!(stays.log.count("reads the log for all instances"), 2, "{}", stays.log.text());
    let log = requests.iter().filter(|request| request.path() == LOG);
    // It went on where the other one was.
    assert_eq!(log.filter(|request| request.query("since").is_some()).count(), 1);
}

#[test_support::test]
async fn without_redis_each_goes_on_alone_and_once_it_is_back_they_share_again() {
    let Some(mut redis) = Redis::start("sidecars whose Redis ends", &[]) else { return };
    let fleet = Fleet::start(&line(&redis), "", "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    assert_eq!(learn(one, &one.token("orders.read")).await, 200);
    redis.kill();
    for _ in 0..8 {
        let (token, before) = (one.token("orders.read"), one.asked());
        assert_eq!((status(one, &token).await, status(other, &token).await), (200, 200));
        assert_eq!(one.asked(), before + 2);
    }
    for world in [one, other] {
        assert_eq!(world.management("/readyz").await.status, 200);
    }
    let lost = "the shared store fails: this instance asks for itself meanwhile";
    assert_eq!(one.log.count(lost), 2, "{}", one.log.text());
    let text = one.log.text();
    let told = text.lines().find(|line| line.contains(lost)).unwrap();
    assert!(told.contains("cause=\"") && told.contains("127.0.0.1"), "{told}");
    redis.start_again();
    let before = outcome(other, "looks", "hit_active").await;
    fleet
        .until(async || {
            let token = one.token("orders.read");
            assert_eq!((learn(one, &token).await, status(other, &token).await), (200, 200));
            outcome(other, "looks", "hit_active").await > before
        })
        .await;
    let (token, before) = (one.token("orders.read"), one.asked());
    let both = async { (learn(one, &token).await, status(other, &token).await) };
    assert_eq!((fleet.passing(both).await, one.asked()), ((200, 200), before + 1));
    assert_eq!(one.log.count(lost), 2, "{}", one.log.text());
    assert_eq!(one.log.count("the shared store answers again"), 2, "{}", one.log.text());
}

#[test_support::test]
async fn what_is_counted_is_explained_and_dashboard_and_alerts_ask_for_it() {
    let Some(redis) = Redis::start("metrics of sidecars that share", &[]) else { return };
    let poll = "signals: {poll: {interval: 1s}}";
    let fleet = Fleet::start(&line(&redis), poll, poll).await;
    assert_eq!(fleet.passing(learn(&fleet.one, &fleet.one.token("orders.read"))).await, 200);
    fleet.until(async || heard(&fleet.one).await > 0.0).await;
    let metrics = fleet.one.management("/metrics").await.body;
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE okta_introspect_"));
    let families: Vec<(&str, &str)> = families.filter_map(|line| line.split_once(' ')).collect();
    let is_ours = |name: &&str| name.starts_with("shared_") || name.starts_with("signal_stream_");
    let documents = include_str!("../../../docs/redis.md");
    let packaging = [
        include_str!("../../../packaging/grafana/okta-introspect-shared.json"),
        include_str!("../../../packaging/prometheus/shared.alerts.yml"),
    ];
    let ours: Vec<_> = families.iter().filter(|(name, _)| is_ours(name)).collect();
    assert_eq!(ours.len(), 17, "{ours:?}");
    for (name, kind) in ours {
        let name = if *kind == "counter" { format!("{name}_total") } else { (*name).to_owned() };
        assert!(documents.contains(&format!("`{name}`")), "{name}");
        assert!(packaging[0].contains(&name), "{name} is not on the dashboard");
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = packaging.iter().flat_map(|text| text.split(|c| !is_name(c)));
    for word in words.filter_map(|word| word.strip_prefix("okta_introspect_")) {
        let family = word.trim_end_matches("_total").trim_end_matches("_bucket");
        assert!(families.iter().any(|(name, _)| *name == family), "{word} is not in\n{metrics}");
    }
}

#[test_support::test]
async fn a_sidecar_starts_and_is_ready_without_its_redis() {
    let Some(mut redis) = Redis::start("a sidecar that starts before Redis", &[]) else { return };
    redis.kill();
    let fleet = Fleet::start(&line(&redis), "", "").await;
    assert_eq!(status(&fleet.one, &fleet.one.token("orders.read")).await, 200);
    assert_eq!(fleet.one.management("/readyz").await.status, 200);
}

#[test_support::test]
async fn a_password_is_needed_and_shown_nowhere() {
    const PASSWORD: &str = "s3cret-0123456789";
    let options = ["--requirepass", PASSWORD];
    let Some(redis) = Redis::start("a Redis with a password", &options) else { return };
    let with =
        |password: &str| format!("shared: {{url: \"{}\", password: {password}}}", redis.url());
    let fleet = Fleet::start(&with(PASSWORD), "", "").await;
    let (one, other) = (&fleet.one, &fleet.other);
    let token = one.token("orders.read");
    assert_eq!((learn(one, &token).await, status(other, &token).await), (200, 200));
    assert_eq!(one.asked(), 1);
    // A password alone is another store, though it is shown the same.
    one.write(&config(&with("wr0ng-0123456789"), ""));
    one.reload().await;
    assert_eq!((learn(one, &token).await, one.asked()), (200, 2));
    assert_eq!(outcome(one, "puts", "done").await, 0.0);
    let said = one.log.text() + &one.management("/metrics").await.body;
    assert!(!said.contains(PASSWORD) && !said.contains("wr0ng"), "{said}");
}
