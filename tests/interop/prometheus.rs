//! Prometheus itself reads the example, draws the dashboard and raises the alerts: a fleet of services, each with an
//! outage of its own beside one that is well, so that each alert is seen to fire and to be silent in one run.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use okta_introspect::checker::CheckerConfig;
use okta_introspect::sandbox::{Bucket, Fault};
use okta_introspect::{Algorithm, Clock, SigningKey, SystemClock};
use serde_json::Value;
use tempfile::TempDir;

use crate::packaging::service::Service;
use crate::packaging::{path, rules, targets};

/// An alert, and the instance that it is about.
type Fired = BTreeSet<(String, Option<SocketAddr>)>;

/// Where a loaded machine is slow; the test as a whole has 50 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// So long everything is watched before what has not fired counts as silent.
const WATCHED: Duration = Duration::from_secs(8);

#[test_support::test(multi_thread)]
async fn prometheus_draws_the_dashboard_and_raises_the_alerts() {
    if !can_run() {
        return;
    }
    let fleet = Fleet::start().await;
    let prometheus = Prometheus::start(&fleet.addresses()).await;
    // It finds its targets after a few seconds, and then says at first that there are no metrics.
    while prometheus.fired().await.contains(&nothing()) || prometheus.up().await < 7 {
        fleet.call(Duration::from_secs(1)).await;
    }
    fleet.begin_outages();
    let expected = fleet.expected();
    let begun = SystemClock.monotonic();
    loop {
        fleet.call(Duration::from_secs(1)).await;
        let (fired, watched) = (prometheus.fired().await, SystemClock.monotonic() - begun);
        if fired == expected && watched > WATCHED {
            break;
        }
        assert!(fired.is_subset(&expected), "fired without a cause: {:#?}", &fired - &expected);
        assert!(watched < PATIENCE, "did not fire: {:#?}", &expected - &fired);
    }
    prometheus.draw_dashboard().await;
    drop(fleet);
    let begun = SystemClock.monotonic();
    while !prometheus.fired().await.contains(&nothing()) {
        assert!(SystemClock.monotonic() - begun < PATIENCE, "the end of all went unnoticed");
        pause(Duration::from_millis(500)).await;
    }
}

/// How long each alert waits, to the minute: in the run above none does.
#[test_support::test]
fn alerts_wait_as_long_as_their_rules_say() {
    if can_run() {
        for tests in [
            "alerts.test.yml",
            "shared.alerts.test.yml",
            "sidecar.alerts.test.yml",
            "signals.alerts.test.yml",
        ] {
            assert!(succeeds(
                Command::new("promtool")
                    .args(["test", "rules"])
                    .arg(path(&format!("prometheus/{tests}")))
            ));
        }
    }
}

fn can_run() -> bool {
    let is_there = ["prometheus", "promtool"].iter().all(|program| is_installed(program));
    if !is_there {
        println!("-- skipped: Prometheus (it is not installed)");
    }
    is_there
}

/// No service gives any metrics.
fn nothing() -> (String, Option<SocketAddr>) {
    ("OktaIntrospectNoMetrics".to_owned(), None)
}

/// Services by what goes wrong with them.
struct Fleet {
    well: Service,
    unanswered: Service,
    bridged: Service,
    refused: Service,
    limited: Service,
    small: Service,
    gone: Service,
    tokens: Vec<(SocketAddr, Vec<String>)>,
}

impl Fleet {
    async fn start() -> Self {
        let usual = CheckerConfig::default;
        let mut brief = usual();
        brief.max_age = Duration::from_secs(1);
        let mut bridging = brief.clone();
        bridging.stale_if_error = Duration::from_secs(600);
        let mut small = usual();
        small.capacity = 1;
        let [ours, another] = [0, 1].map(|_| SigningKey::generate(Algorithm::Es256).unwrap());
        let mut fleet = Self {
            well: Service::start(brief).await,
            unanswered: Service::start(usual()).await,
            bridged: Service::start(bridging).await,
            refused: Service::start_with(usual(), ours, &another).await,
            limited: Service::start(usual()).await,
            small: Service::start(small).await,
            gone: Service::start(usual()).await,
            tokens: Vec::new(),
        };
        // So few that the first introspections use most of it up.
        fleet.limited.sandbox.set_rate_limit(Bucket::Org, 20);
        let tokens = |service: &Service, count| {
            let token = |_| service.token().expose().to_owned();
            (service.address, (0..count).map(token).collect())
        };
        let counts = fleet.services().map(|service| tokens(service, 2));
        fleet.tokens = counts.into();
        fleet.tokens.push(tokens(&fleet.small, 30));
        fleet
    }

    fn services(&self) -> [&Service; 7] {
        let Self { well, unanswered, bridged, refused, limited, small, gone, .. } = self;
        [well, unanswered, bridged, refused, limited, small, gone]
    }

    fn addresses(&self) -> Vec<String> {
        self.services().map(|service| service.address.to_string()).into()
    }

    fn begin_outages(&self) {
        for service in [&self.unanswered, &self.bridged] {
            service.sandbox.faults().set_outage(Some(Fault::empty(503)));
        }
        self.gone.stop();
    }

    fn expected(&self) -> Fired {
        let of = |alert: &str, service: &Service| {
            (format!("OktaIntrospect{alert}"), Some(service.address))
        };
        Fired::from([
            of("ServerNotAnswering", &self.unanswered),
            of("ServerNotAnswering", &self.bridged),
            of("AnswersNearBound", &self.bridged),
            of("CredentialsRefused", &self.refused),
            of("RateLimitNearlyUsedUp", &self.limited),
            of("CacheTooSmall", &self.small),
            of("NoMetrics", &self.gone),
        ])
    }

    /// Calls all services for so long.
    async fn call(&self, span: Duration) {
        let until = SystemClock.monotonic() + span;
        let mut callers = tokio::task::JoinSet::new();
        for (address, tokens) in self.tokens.clone() {
            callers.spawn(async move {
                // One token is read with alone, and so its answer gets old.
                let (reader, others) = tokens.split_first().unwrap();
                for token in others.iter().cycle() {
                    Service::request(address, "GET /orders", Some(reader)).await;
                    Service::round(address, token).await;
                    pause(Duration::from_millis(50)).await;
                    if SystemClock.monotonic() > until {
                        break;
                    }
                }
            });
        }
        callers.join_all().await;
    }
}

/// A Prometheus with the rules of `packaging/`, at once instead of after their `for`.
struct Prometheus {
    url: String,
    child: Child,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    async fn start(targets: &[String]) -> Self {
        let alerts = path("prometheus/alerts.yml");
        assert!(succeeds(Command::new("promtool").args(["check", "rules"]).arg(alerts)));
        let folder = TempDir::new().unwrap();
        let at_once = |line: &str| match line.trim_start().starts_with("for: ") {
            true => String::new(),
            false => format!("{line}\n"),
        };
        let rules: String = rules().lines().map(at_once).collect();
        assert!(!rules.contains(" for: "), "{rules}");
        std::fs::write(folder.path().join("alerts.yml"), rules).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\n\
             scrape_configs: [{{job_name: backend, static_configs: [{{targets: {targets:?}}}]}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let address = free_address();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self { url: address.to_string(), child, _folder: folder };
        let begun = SystemClock.monotonic();
        while Service::request(address, "GET /-/ready", None).await.0 != 200 {
            assert!(SystemClock.monotonic() - begun < PATIENCE, "Prometheus does not start");
            pause(Duration::from_millis(100)).await;
        }
        started
    }

    async fn api(&self, path: &str) -> Value {
        let address = self.url.parse().unwrap();
        let (status, body) = Service::request(address, &format!("GET /api/v1/{path}"), None).await;
        assert_eq!(status, 200, "{path}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["data"].clone()
    }

    /// How many services it reads.
    async fn up(&self) -> usize {
        let data = self.api("query?query=up==1").await;
        data["result"].as_array().unwrap().len()
    }

    /// The alerts that fire now.
    async fn fired(&self) -> Fired {
        let data = self.api("alerts").await;
        let firing = data["alerts"].as_array().unwrap().iter().map(|alert| {
            assert_eq!(alert["state"], "firing");
            let text = |name: &str| alert["labels"][name].as_str().map(str::to_owned);
            let instance = text("instance").map(|instance| instance.parse().unwrap());
            (text("alertname").unwrap(), instance)
        });
        firing.collect()
    }

    /// Each query of the dashboard has values, and something happened wherever something can.
    async fn draw_dashboard(&self) {
        for target in targets() {
            let expr = target.expr.replace("$__rate_interval", "1m");
            let expr = expr.replace("$job", ".*").replace("$instance", ".*");
            let query: String = url::form_urlencoded::byte_serialize(expr.as_bytes()).collect();
            let data = self.api(&format!("query?query={query}")).await;
            let values = data["result"].as_array().unwrap().iter();
            let values: Vec<f64> = values
                .map(|series| series["value"][1].as_str().unwrap().parse().unwrap())
                .collect();
            println!("{:<45} {:>3} series", target.panel, values.len());
            let least = if target.panel == "Calls under way" { 0.0 } else { f64::MIN_POSITIVE };
            assert!(values.iter().any(|value| *value >= least && value.is_finite()), "{target:?}");
        }
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn is_installed(program: &str) -> bool {
    succeeds(Command::new(program).arg("--version").stderr(Stdio::null()))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

async fn pause(span: Duration) {
    SystemClock.sleep_until(SystemClock.monotonic() + span).await;
}
