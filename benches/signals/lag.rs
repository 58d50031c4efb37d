//! How long a revocation takes until every check refuses.

use std::future::IntoFuture;
use std::time::{Duration, Instant};

use axum::Router;
use okta_introspect::checker::{CheckerConfig, Invalidation};
use okta_introspect::sandbox::{App, Bucket, Channel, Grant, Sandbox, User};
use okta_introspect::signals::{Feed, Following, SignalReceiver, SystemLog, UniversalLogout};
use okta_introspect::{
    Algorithm, Checker, Client, Clock, Random, Requirement, Scopes, SigningKey, SystemClock,
    SystemRandom, Token, Verdict,
};

use super::Outcome;

const BACKEND: &str = "0oa1backend";
const PORTAL: &str = "0oa2portal";

/// How late the sandbox writes its log.
const LOG_LAG: Duration = Duration::from_millis(500);

/// How often every token is checked.
const STEP: Duration = Duration::from_millis(5);

/// A way by which a checker learns of a revocation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// The System Log, with so many per cent of its rate limit.
    Log(u8),
    Logout,
    Own,
}

pub(super) async fn run(numbers: &[u32]) -> Outcome {
    let revocations = numbers.first().copied().unwrap_or(1000) as usize;
    let seconds = numbers.get(1).copied().unwrap_or(180);
    println!("{revocations} revocations within {seconds} s, log {} ms late", LOG_LAG.as_millis());
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>14}",
        "learnt by", "p50 ms", "p99 ms", "max ms", "log calls/s"
    );
    for (name, way) in [
        ("System Log each 1 s", Way::Log(100)),
        ("…, half of 120 calls/min", Way::Log(50)),
        ("Universal Logout", Way::Logout),
        ("revoked by ourselves", Way::Own),
    ] {
        let world = World::new(revocations, way).await?;
        let started = SystemClock.monotonic();
        let mut lags = world.revoke(Duration::from_secs(seconds.into())).await?;
        let took = SystemClock.monotonic() - started;
        lags.sort();
        let at = |share: f64| lags[((lags.len() - 1) as f64 * share).round() as usize].as_millis();
        let calls = world.sandbox.requests();
        let calls = calls.iter().filter(|call| call.path() == "/api/v1/logs").count();
        let calls = calls as f64 / took.as_secs_f64();
        println!("{name:<28} {:>8} {:>8} {:>8} {calls:>14.2}", at(0.5), at(0.99), at(1.0));
    }
    Ok(())
}

/// Tokens of as many users, a checker that has asked about each, and what tells it.
struct World {
    sandbox: Sandbox,
    checker: Checker,
    tokens: Vec<Token>,
    way: Way,
    /// What follows the log, for as long as it is kept.
    _following: Option<Following>,
}

impl World {
    async fn new(users: usize, way: Way) -> Result<Self, Box<dyn std::error::Error>> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let app = App::service(BACKEND).key(key.public_jwk()).grant(SystemLog::SCOPE);
        let mut builder = Sandbox::builder().app(app).app(App::web(PORTAL)).log_lag(LOG_LAG);
        for user in 0..users {
            let email = format!("user{user}@acme.example");
            builder = builder.user(User::new(id(user), email));
        }
        let sandbox = builder.start().await?;
        sandbox.set_rate_limit(Bucket::Org, None);
        let client = Client::builder(sandbox.issuer(), BACKEND, key).build()?;
        let mut config = CheckerConfig::default();
        // So old that only a signal ends an answer.
        config.max_age = Duration::from_secs(600);
        let checker = Checker::builder(client.clone()).config(config).build()?;
        let feed = Feed::new([checker.clone()]);
        let following = match way {
            Way::Log(share) => {
                sandbox.set_client_share(BACKEND, Some(share));
                let logs = client.resource(Scopes::parse(SystemLog::SCOPE)?);
                let log =
                    SystemLog::builder(logs, feed).interval(Duration::from_secs(1)).build()?;
                Some(log.start())
            }
            Way::Logout => {
                receive(&sandbox, feed).await?;
                None
            }
            Way::Own => None,
        };
        let grant = |user| Grant::to_client(PORTAL).user(id(user));
        let tokens: Result<Vec<_>, _> =
            (0..users).map(|user| sandbox.issue(&grant(user))).collect();
        let world = Self { sandbox, checker, tokens: tokens?, way, _following: following };
        for token in &world.tokens {
            assert!(world.is_good(token).await?, "a new token");
        }
        world.sandbox.clear_requests();
        Ok(world)
    }

    /// Revokes every token at a random moment; from then until it was refused first.
    async fn revoke(&self, within: Duration) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
        let start = SystemClock.monotonic();
        let mut due: Vec<(Instant, usize)> = (0..self.tokens.len())
            .map(|token| (start + within.mul_f64(SystemRandom.fraction()), token))
            .collect();
        due.sort();
        let mut due = due.into_iter().peekable();
        let (mut revoked, mut lags) = (Vec::new(), Vec::new());
        while due.peek().is_some() || !revoked.is_empty() {
            while let Some((_, token)) = due.next_if(|(at, _)| *at <= SystemClock.monotonic()) {
                revoked.push((SystemClock.monotonic(), token));
                self.end(token).await?;
            }
            let mut waiting = Vec::new();
            for (at, token) in revoked {
                match self.is_good(&self.tokens[token]).await? {
                    true => waiting.push((at, token)),
                    false => lags.push(SystemClock.monotonic() - at),
                }
            }
            revoked = waiting;
            SystemClock.sleep_until(SystemClock.monotonic() + STEP).await;
        }
        Ok(lags)
    }

    async fn end(&self, token: usize) -> Outcome {
        match self.way {
            Way::Log(_) => {
                self.sandbox.revoke(&self.tokens[token]);
            }
            Way::Logout => {
                self.sandbox.universal_logout(&id(token))?;
            }
            Way::Own => {
                // A token of another app is not ours to revoke, so its owner's administrator does.
                self.sandbox.revoke_silently(&self.tokens[token]);
                self.checker.invalidate(Invalidation::Token(&self.tokens[token]));
            }
        }
        Ok(())
    }

    async fn is_good(&self, token: &Token) -> Result<bool, Box<dyn std::error::Error>> {
        let verdict = self.checker.check(token, &Requirement::new()).await?;
        Ok(matches!(verdict, Verdict::Authorized(_)))
    }
}

fn id(user: usize) -> String {
    format!("00u{user:017}")
}

/// Receives Universal Logout on loopback.
async fn receive(sandbox: &Sandbox, feed: Feed) -> Outcome {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/signals", listener.local_addr()?);
    let logout = UniversalLogout::new(sandbox.issuer(), BACKEND, &url)?;
    let receiver = SignalReceiver::builder(feed).universal_logout(logout).build()?;
    let router = Router::new().fallback_service(receiver);
    tokio::spawn(axum::serve(listener, router).into_future());
    sandbox.subscribe(Channel::universal_logout(&url, BACKEND))?;
    Ok(())
}
