//! Waiting for the next rate-limit window, for commands that make many calls.

use std::time::Duration;

use okta_introspect::{Clock, Error, ErrorKind};

/// How often a call is put off before its refusal counts. Okta's windows last a minute, so that
/// somebody else must be using up every one of them.
const MAX_WAITS: u32 = 10;

/// What is waited when the server does not say how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// Makes a call, and again after the wait that is asked for, until it is not one too many.
/// `on_wait` is told how long it takes.
pub(crate) async fn patiently<T>(
    clock: &dyn Clock,
    mut call: impl AsyncFnMut() -> Result<T, Error>,
    on_wait: impl Fn(Duration),
) -> Result<T, Error> {
    let mut waits = 0;
    loop {
        match call().await {
            Err(error) if error.kind() == ErrorKind::RateLimited && waits < MAX_WAITS => {
                waits += 1;
                let wait = error.retry_after().unwrap_or(DEFAULT_WAIT);
                on_wait(wait);
                clock.sleep_until(clock.monotonic() + wait).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    use chrono::DateTime;
    use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox};
    use okta_introspect::{Algorithm, Client, ManualClock, SigningKey};

    #[tokio::test]
    async fn a_used_up_window_is_waited_for_and_the_call_made_again() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let sandbox = Sandbox::builder()
            .app(App::service("0oa1").key(key.public_jwk()))
            .clock(std::sync::Arc::new(clock.clone()))
            .start()
            .await
            .unwrap();
        sandbox.set_rate_limit(Bucket::Org, Some(4));
        let token = sandbox.issue(&Grant::to_client("0oa1")).unwrap();
        let builder = Client::builder(sandbox.issuer(), "0oa1", key).clock(clock.clone());
        let client = builder.build().unwrap();
        let waits = Cell::new(0);
        for _ in 0..5 {
            let call = async || client.introspect(&token, None).await;
            let answer = patiently(&clock, call, |_| waits.set(waits.get() + 1)).await;
            assert!(answer.unwrap().active);
        }
        // Two in each window: the app has half of the four.
        assert_eq!(waits.get(), 2);
    }

    #[tokio::test]
    async fn other_errors_are_not_waited_for_and_patience_ends() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let calls = Cell::new(0);
        let refused = okta_introspect::Token::parse("").unwrap_err();
        let call = async || {
            calls.set(calls.get() + 1);
            Err::<(), _>(refused.clone())
        };
        assert!(patiently(&clock, call, |_| {}).await.is_err());
        assert_eq!(calls.get(), 1);
    }
}
