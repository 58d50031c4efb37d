//! How long a revocation takes to be seen, for several bounds, in real time.
//!
//! `cargo run --example revocation_lag --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use std::time::Duration;

use okta_introspect::sandbox::{App, Grant, Sandbox};
use okta_introspect::{
    Algorithm, Checker, Client, Clock, Error, Requirement, SigningKey, SystemClock, Token, Verdict,
};

const BOUNDS_MS: [u64; 4] = [0, 100, 500, 2000];
const PAUSE: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .start()
        .await?;
    let client = Client::builder(sandbox.issuer(), "0oa1backend", key).build()?;
    println!("{:>10} {:>16} {:>8} {:>8}", "max_age", "seen after", "checks", "calls");
    for bound in BOUNDS_MS.map(Duration::from_millis) {
        // Each with a checker of its own, so that none learns from another.
        let checker = Checker::builder(client.clone()).build()?;
        let token = sandbox.issue(&Grant::to_client("0oa2portal"))?;
        let requirement = Requirement::new().max_age(bound);
        is_good(&checker, &token, &requirement).await?;
        sandbox.revoke(&token);
        let (revoked_at, mut checks) = (SystemClock.monotonic(), 1);
        while is_good(&checker, &token, &requirement).await? {
            checks += 1;
            SystemClock.sleep_until(SystemClock.monotonic() + PAUSE).await;
        }
        let lag = SystemClock.monotonic() - revoked_at;
        let calls = checker.metrics().upstream_calls;
        println!("{:>7} ms {:>13} ms {checks:>8} {calls:>8}", bound.as_millis(), lag.as_millis());
    }
    Ok(())
}

async fn is_good(
    checker: &Checker,
    token: &Token,
    requirement: &Requirement,
) -> Result<bool, Error> {
    Ok(matches!(checker.check(token, requirement).await?, Verdict::Authorized(_)))
}
