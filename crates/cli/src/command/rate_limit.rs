//! Waiting for the next rate-limit window, for commands that make many calls.

use std::time::Duration;

use okta_introspect::{Error, ErrorKind};

/// How often a call is put off before its refusal counts. Okta's windows last a minute, so that
/// somebody else must be using up every one of them.
const MAX_WAITS: u32 = 10;

/// What is waited when the server does not say how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// What is left of somebody's patience with one call.
#[derive(Debug)]
pub(crate) struct Patience {
    waits_left: u32,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { waits_left: MAX_WAITS }
    }

    /// How long to wait before the call is made again.
    ///
    /// Gives the error back if it is another than "one too many", and when there is no patience
    /// left.
    pub(crate) fn wait_after(&mut self, error: Error) -> Result<Duration, Error> {
        if error.kind() != ErrorKind::RateLimited || self.waits_left == 0 {
            return Err(error);
        }
        self.waits_left -= 1;
        Ok(error.retry_after().unwrap_or(DEFAULT_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox};
    use okta_introspect::{Algorithm, Client, Clock, ManualClock, SigningKey};

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
        let mut waits = 0;
        for _ in 0..5 {
            let mut patience = Patience::new();
            while let Err(error) = client.introspect(&token, None).await {
                waits += 1;
                let wait = patience.wait_after(error).unwrap();
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
        assert!(Patience::new().wait_after(refused).is_err());
    }
}
