//! How long a revocation by somebody else takes to be seen, for several bounds, in real time: without
//! signals, with Okta's System Log polled each second, and with Universal Logout.
//!
//! `cargo run --example revocation_lag --features axum,sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use std::future::IntoFuture;
use std::time::Duration;

use axum::Router;
use okta_introspect::checker::CheckerConfig;
use okta_introspect::sandbox::{App, Channel, Grant, Sandbox, User};
use okta_introspect::signals::{Feed, Following, SignalReceiver, SystemLog, UniversalLogout};
use okta_introspect::{
    Algorithm, Checker, Client, Clock, Error, Requirement, Scopes, SigningKey, SystemClock, Token,
    Verdict,
};

const BACKEND: &str = "0oa1backend";
const PORTAL: &str = "0oa2portal";
const USER: &str = "00u1ada";
const BOUNDS_MS: [u64; 4] = [0, 100, 500, 2000];
const PAUSE: Duration = Duration::from_millis(5);

/// Older answers than anybody would take, so that only a signal ends them.
const LONG: Duration = Duration::from_secs(300);

/// How late the sandbox writes its log, as Okta does by a while.
const LOG_LAG: Duration = Duration::from_millis(500);

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let world = World::new().await?;
    println!("{:<28} {:>10} {:>14} {:>8} {:>8}", "", "max_age", "seen after", "checks", "calls");
    for bound in BOUNDS_MS.map(Duration::from_millis) {
        // Each with a checker of its own, so that none learns from another.
        world.measure("no signals", &world.checker()?, bound).await?;
    }
    let checker = world.checker()?;
    let _followed = world.follow_the_log(&checker).await?;
    world.measure("System Log, each second", &checker, LONG).await?;
    let checker = world.checker()?;
    world.receive_logouts(&checker).await?;
    world.measure("Universal Logout", &checker, LONG).await
}

/// An org, with an app that asks about the tokens of another.
struct World {
    sandbox: Sandbox,
    client: Client,
}

impl World {
    async fn new() -> Result<Self, Failure> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let app = App::service(BACKEND).key(key.public_jwk()).grant(SystemLog::SCOPE);
        let sandbox = Sandbox::builder()
            .app(app)
            .app(App::web(PORTAL))
            .user(User::new(USER, "ada@acme.example"))
            .log_lag(LOG_LAG)
            .start()
            .await?;
        let client = Client::builder(sandbox.issuer(), BACKEND, key).build()?;
        Ok(Self { sandbox, client })
    }

    fn checker(&self) -> Result<Checker, Error> {
        let mut config = CheckerConfig::default();
        config.max_age_limit = LONG;
        Checker::builder(self.client.clone()).config(config).build()
    }

    /// Follows the System Log, for as long as what this gives is kept.
    async fn follow_the_log(&self, checker: &Checker) -> Result<Following, Failure> {
        let logs = self.client.resource(Scopes::parse(SystemLog::SCOPE)?);
        let feed = Feed::new([checker.clone()]);
        let mut log = SystemLog::builder(logs, feed).interval(Duration::from_secs(1)).build()?;
        log.poll().await;
        Ok(log.start())
    }

    /// Receives Universal Logout, at an endpoint that the org knows.
    async fn receive_logouts(&self, checker: &Checker) -> Result<(), Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/signals", listener.local_addr()?);
        let logout = UniversalLogout::new(self.sandbox.issuer(), PORTAL, &url)?;
        let feed = Feed::new([checker.clone()]);
        let receiver = SignalReceiver::builder(feed).universal_logout(logout).build()?;
        let router = Router::new().fallback_service(receiver);
        tokio::spawn(axum::serve(listener, router).into_future());
        self.sandbox.subscribe(Channel::universal_logout(url, PORTAL))?;
        Ok(())
    }

    /// Ends a token, and tells how long it still gets in.
    async fn measure(&self, how: &str, checker: &Checker, bound: Duration) -> Result<(), Failure> {
        let token = self.sandbox.issue(&Grant::to_client(PORTAL).user(USER))?;
        let requirement = Requirement::new().max_age(bound);
        is_good(checker, &token, &requirement).await?;
        match how {
            "Universal Logout" => drop(self.sandbox.universal_logout(USER)?),
            _ => drop(self.sandbox.revoke(&token)),
        }
        let (revoked_at, mut checks) = (SystemClock.monotonic(), 1);
        while is_good(checker, &token, &requirement).await? {
            checks += 1;
            SystemClock.sleep_until(SystemClock.monotonic() + PAUSE).await;
        }
        let lag = SystemClock.monotonic() - revoked_at;
        let (bound, lag) = (bound.as_millis(), lag.as_millis());
        let calls = checker.metrics().upstream_calls;
        println!("{how:<28} {bound:>7} ms {lag:>11} ms {checks:>8} {calls:>8}");
        Ok(())
    }
}

async fn is_good(
    checker: &Checker,
    token: &Token,
    requirement: &Requirement,
) -> Result<bool, Error> {
    Ok(matches!(checker.check(token, requirement).await?, Verdict::Authorized(_)))
}
