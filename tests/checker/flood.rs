//! A flood of made-up tokens while real ones are in use, at a sandbox with a rate limit. Client,
//! checker and sandbox share one clock.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::checker::{Checker, CheckerConfig, Verdict};
use okta_introspect::sandbox::{Bucket, Grant, Sandbox};
use okta_introspect::{Jwks, ManualClock, Token, Verifier};
use serde_json::json;
use tokio::task::JoinSet;

use crate::custom::{AUDIENCE, custom_server};
use crate::script::within;
use crate::support::{seconds, start};

const REAL: usize = 1000;
const MADE_UP: usize = 50_000;
const PER_MINUTE: u32 = 1200;
const BOUND: u64 = 90;
/// How long the flood lasts: so that each real token has to be asked about twice.
const FLOOD: u64 = 180;

struct World {
    clock: ManualClock,
    sandbox: Sandbox,
    checker: Checker,
}

async fn world() -> World {
    let clock = ManualClock::stepped(start());
    let (sandbox, client) = custom_server(&clock).await;
    sandbox.set_rate_limit(Bucket::Custom, PER_MINUTE);
    sandbox.set_app_share(100);
    let issuer = sandbox.custom_issuer("default").unwrap();
    let keys = Jwks::builder(issuer.clone()).clock(clock.clone()).build().unwrap();
    let verifier = Verifier::access_token(issuer.clone(), AUDIENCE)
        .keys(keys)
        .clock(clock.clone())
        .build()
        .unwrap();
    let mut config = CheckerConfig::default();
    config.inactive_capacity = 4096;
    let checker = Checker::builder(client)
        .verifier(verifier)
        .config(config)
        .clock(clock.clone())
        .build()
        .unwrap();
    World { clock, sandbox, checker }
}

/// What a flood is made of: those that the edge can refuse, and those that look opaque.
fn made_up(number: usize, real: &Token) -> String {
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, payload) = real.expose().rsplit_once('.').unwrap().0.split_once('.').unwrap();
    match number % 4 {
        0 => format!("opaque-{number}"),
        1 => {
            format!("{header}.{}.c2ln", encode(json!({"iss": "https://evil.example", "n": number})))
        }
        2 => {
            let claims = URL_SAFE_NO_PAD.decode(payload).unwrap();
            let mut claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            claims["exp"] = 1.into();
            claims["n"] = number.into();
            format!("{header}.{}.c2ln", encode(claims))
        }
        _ => format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(format!("{number:0>256}"))),
    }
}

impl World {
    /// Checks all of these at once: how many were let in, how many not.
    async fn check(&self, tokens: impl Iterator<Item = String>) -> (usize, usize) {
        let mut checks = JoinSet::new();
        for token in tokens {
            let checker = self.checker.clone();
            checks.spawn(async move {
                let verdict = checker.check(&*token, &within(seconds(BOUND))).await;
                matches!(verdict, Ok(Verdict::Authorized(answer)) if answer.age() <= seconds(BOUND))
            });
        }
        let verdicts = checks.join_all().await;
        let good = verdicts.iter().filter(|good| **good).count();
        (good, verdicts.len() - good)
    }
}

#[test_support::test]
async fn a_flood_of_made_up_tokens_takes_nothing_from_real_ones() {
    let world = world().await;
    let grant = Grant::to_client("0oa2portal").server("default");
    let real: Vec<Token> = (0..REAL).map(|_| world.sandbox.issue(&grant).unwrap()).collect();
    let texts =
        |from: usize| real.iter().skip(from).step_by(3).map(|token| token.expose().to_owned());
    // The real ones come into use over a minute and a half.
    for chunk in real.chunks(REAL.div_ceil(BOUND as usize)) {
        let (_, bad) = world.check(chunk.iter().map(|token| token.expose().to_owned())).await;
        assert_eq!(bad, 0);
        world.clock.advance(seconds(1));
    }
    // Then the flood comes, before the real ones in each second. Each of those is checked every
    // three seconds.
    let (mut good, mut bad, mut let_in) = (0, 0, 0);
    for second in 0..FLOOD {
        let numbers = (MADE_UP as u64 * second / FLOOD)..(MADE_UP as u64 * (second + 1) / FLOOD);
        let flood = numbers.map(|number| made_up(number as usize, &real[0]));
        let_in += world.check(flood).await.0;
        let (well, badly) = world.check(texts(second as usize % 3)).await;
        (good, bad) = (good + well, bad + badly);
        world.clock.advance(seconds(1));
    }
    let share = good as f64 / (good + bad) as f64;
    let metrics = world.checker.metrics();
    let requests = world.sandbox.requests();
    let asked = |request: &okta_introspect::sandbox::RecordedRequest| {
        request.form("token").map(str::to_owned)
    };
    let refused = requests.iter().filter(|request| request.status() == 429).count();
    let real: HashSet<_> = real.iter().map(|token| token.expose().to_owned()).collect();
    let foreign: Vec<_> =
        requests.iter().filter_map(asked).filter(|token| !real.contains(token)).collect();
    let edge = foreign.iter().filter(|token| !token.starts_with("opaque-")).count();
    println!("real checks in time: {good} of {} ({:.3} %)", good + bad, share * 100.0);
    println!(
        "calls: {} real, {} made up, {edge} of those for the edge",
        requests.len() - foreign.len(),
        foreign.len()
    );
    println!("answers of 429: {refused}; denied at the edge: {:?}", metrics.denied_at_edge);
    println!(
        "refused by the governor: {}; inactive entries: {}",
        metrics.governor_refusals, metrics.inactive_entries
    );
    assert!(share >= 0.999, "{share}");
    assert_eq!((refused, edge, let_in), (0, 0, 0));
    assert_eq!(metrics.active_entries, REAL);
    assert!(metrics.inactive_entries <= 4096, "{}", metrics.inactive_entries);
    assert_eq!(metrics.active_evictions, 0);
    assert!(metrics.governor_refusals > 0, "nothing had to be refused");
}
