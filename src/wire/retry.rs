//! What may be tried again, and how long to wait before.

use std::time::Duration;

use reqwest::StatusCode;

use crate::error::Error;
use crate::support::random::Random;
use crate::wire::bounds;

/// How a call that failed for no lasting reason is repeated.
///
/// Repeated are attempts that found no connection or lost it, and those answered with 429, 502,
/// 503, 504 or the code `temporarily_unavailable`; every attempt carries a new assertion. After a
/// 429 that says nothing sensible of how long to wait, the pause is a second at least. A 400 or 401 is never
/// repeated, but for two, which are not counted here: after a clock error, and after a demand for a
/// DPoP proof or nonce. All of it happens within
/// [`HttpConfig::timeout`](crate::HttpConfig::timeout).
///
/// # Example: more patience with a server that is often busy
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::RetryConfig;
///
/// let mut retry = RetryConfig::default();
/// retry.max_attempts = 5;
/// retry.max_pause = Duration::from_secs(30);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// How many attempts in all, the first one included. Default: 3, as in Okta's SDKs. Bounds: 1
    /// to 10; 1 repeats nothing.
    pub max_attempts: u32,
    /// The upper end of the first random pause; it doubles with every attempt. Default: 250 ms.
    /// Bounds: at most one hour.
    pub base_pause: Duration,
    /// The upper end of every random pause. Default: 10 s. Bounds: at most one hour.
    pub max_pause: Duration,
}

impl RetryConfig {
    /// One attempt and no more.
    pub fn off() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=10).contains(&self.max_attempts) {
            let what = format!("a call cannot have {} attempts", self.max_attempts);
            return Err(
                Error::configuration(what).advise("choose between 1 and 10; 3 is the default")
            );
        }
        bounds::check("the retries' base_pause", self.base_pause, bounds::PAUSE)?;
        bounds::check("the retries' max_pause", self.max_pause, bounds::PAUSE)
    }

    /// The pause after attempt number `attempt` (counted from 1), or `None` to give up.
    ///
    /// The random part is anything from nothing to its upper end ("full jitter"), so that many
    /// clients which failed together do not come back together. What the server asked for is
    /// waited in full, and the random part after it.
    pub(crate) fn pause(
        &self,
        attempt: u32,
        setback: Setback,
        random: &dyn Random,
    ) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doubled = self.base_pause.saturating_mul(1 << (attempt - 1).min(16));
        let jitter = doubled.min(self.max_pause).mul_f64(random.fraction());
        match setback {
            Setback::Lasting => None,
            Setback::Passing { wait } => Some(wait.unwrap_or_default().saturating_add(jitter)),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_pause: Duration::from_millis(250),
            max_pause: Duration::from_secs(10),
        }
    }
}

/// Why an attempt failed, as far as repeating it goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Setback {
    /// The same again would fail again.
    Lasting,
    /// It may work later; the server may have said when.
    Passing { wait: Option<Duration> },
}

impl Setback {
    /// What an answer's status and OAuth code say about repeating the request.
    pub(crate) fn of_answer(
        status: StatusCode,
        code: Option<&str>,
        wait: Option<Duration>,
    ) -> Self {
        match status.as_u16() {
            429 | 502..=504 => Self::Passing { wait },
            _ if code == Some("temporarily_unavailable") => Self::Passing { wait },
            _ => Self::Lasting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always the same fraction.
    #[derive(Debug)]
    struct Fixed(f64);

    impl Random for Fixed {
        fn fill(&self, _: &mut [u8]) {}

        fn fraction(&self) -> f64 {
            self.0
        }
    }

    const PASSING: Setback = Setback::Passing { wait: None };

    fn millis(config: &RetryConfig, attempt: u32, setback: Setback, fraction: f64) -> Option<u128> {
        config.pause(attempt, setback, &Fixed(fraction)).map(|pause| pause.as_millis())
    }

    #[test]
    fn the_upper_end_doubles_up_to_its_bound_and_the_pause_may_be_nothing() {
        let config = RetryConfig { max_attempts: 10, ..RetryConfig::default() };
        let ends: Vec<_> =
            (1..=9).filter_map(|attempt| millis(&config, attempt, PASSING, 1.0)).collect();
        assert_eq!(ends, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
        assert_eq!(millis(&config, 5, PASSING, 0.0), Some(0));
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let config = RetryConfig::default();
        assert_eq!(millis(&config, 2, PASSING, 0.0), Some(0));
        assert_eq!(millis(&config, 3, PASSING, 0.0), None);
        assert_eq!(millis(&RetryConfig::off(), 1, PASSING, 0.0), None);
    }

    #[test]
    fn what_the_server_asked_for_is_waited_in_full() {
        let setback = Setback::Passing { wait: Some(Duration::from_secs(42)) };
        assert_eq!(millis(&RetryConfig::default(), 1, setback, 0.5), Some(42_125));
    }

    #[test]
    fn lasting_failures_are_not_repeated() {
        assert_eq!(millis(&RetryConfig::default(), 1, Setback::Lasting, 0.0), None);
        for (status, code, again) in [
            (400, Some("invalid_request"), false),
            (400, Some("temporarily_unavailable"), true),
            (401, Some("invalid_client"), false),
            (403, None, false),
            (404, None, false),
            (408, None, false),
            (413, None, false),
            (429, None, true),
            (500, None, false),
            (501, None, false),
            (502, None, true),
            (503, None, true),
            (504, None, true),
            (505, None, false),
        ] {
            let setback = Setback::of_answer(StatusCode::from_u16(status).unwrap(), code, None);
            assert_eq!(setback != Setback::Lasting, again, "{status} {code:?}");
        }
    }

    #[test]
    fn attempts_out_of_bounds_are_refused() {
        for (max_attempts, fine) in [(0, false), (1, true), (10, true), (11, false)] {
            let config = RetryConfig { max_attempts, ..RetryConfig::default() };
            assert_eq!(config.check().is_ok(), fine, "{max_attempts}");
        }
    }
}
