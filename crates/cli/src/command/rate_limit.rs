//! Waiting for the next rate-limit window, for commands that make many calls.

use std::time::Duration;

use okta_introspect::{Attempts, Error, ErrorKind};

/// How many windows are waited for before a refusal counts. Okta's last a minute, so that other
/// programs must be using up every one of them.
const MAX_WAITS: u32 = 10;

/// The wait where the server states none.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// How often one call may still wait for the next window, and what was tried so far.
#[derive(Debug)]
pub(crate) struct RateLimitWaits {
    left: u32,
    /// The attempts before this, and the waits between them.
    earlier: Attempts,
}

impl RateLimitWaits {
    pub(crate) fn new() -> Self {
        Self { left: MAX_WAITS, earlier: Attempts::default() }
    }

    /// How long to wait before the call is made again.
    ///
    /// # Errors
    ///
    /// The error itself with all attempts counted, if it is about another cause than the rate limit,
    /// or came once too often.
    pub(crate) fn after(&mut self, error: Error) -> Result<Duration, Error> {
        if error.kind() != ErrorKind::RateLimited || self.left == 0 {
            return Err(error.after_earlier(&self.earlier));
        }
        self.left -= 1;
        let wait = error.retry_after().unwrap_or(DEFAULT_WAIT);
        if let Some(attempts) = error.attempts() {
            self.earlier.count += attempts.count;
            self.earlier.elapsed = self.earlier.elapsed.saturating_add(attempts.elapsed);
        }
        self.earlier.elapsed = self.earlier.elapsed.saturating_add(wait);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox};
    use okta_introspect::{Algorithm, Client, Clock, ManualClock, SigningKey};

    #[test_support::test]
    async fn a_used_up_window_is_waited_for_and_the_call_made_again() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let sandbox = Sandbox::builder()
            .app(App::service("0oa1").key(key.public_jwk()))
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        sandbox.set_rate_limit(Bucket::Org, Some(4));
        let token = sandbox.issue(&Grant::to_client("0oa1")).unwrap();
        let builder = Client::builder(sandbox.issuer(), "0oa1", key).clock(clock.clone());
        let client = builder.build().unwrap();
        let mut waits = 0;
        for _ in 0..5 {
            let mut left = RateLimitWaits::new();
            while let Err(error) = client.introspect(&token, None).await {
                waits += 1;
                let wait = left.after(error).unwrap();
                clock.sleep_until(clock.monotonic() + wait).await;
            }
        }
        // Two in each window: the app has half of the four.
        assert_eq!(waits, 2);
        let refused = sandbox.requests().iter().filter(|request| request.status() == 429).count();
        assert_eq!(refused, 0);
    }

    #[test]
    fn other_errors_are_not_waited_for() {
        let refused = okta_introspect::Token::parse("").unwrap_err();
        assert!(RateLimitWaits::new().after(refused).is_err());
    }
}
