//! How long a key set is good: a pure function of the server's word and our bounds.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL};

use crate::error::Error;
use crate::error::bounds::within;
use crate::wire::server_numbers;
use crate::wire::transport::Answer;

/// How an issuer's keys are kept. Bounds are checked by
/// [`JwksBuilder::build`](crate::JwksBuilder::build).
///
/// # Example: withdrawn keys are believed for ten minutes at most
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::JwksConfig;
///
/// let mut config = JwksConfig::default();
/// config.max_age = Duration::from_secs(10 * 60);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct JwksConfig {
    /// How long fetched keys count as fresh at least, whatever the server says. Default:
    /// [`DEFAULT_MIN_AGE`](Self::DEFAULT_MIN_AGE). Bounds: one second to
    /// [`max_age`](Self::max_age).
    pub min_age: Duration,
    /// How long fetched keys count as fresh at most, whatever the server says: a key that was
    /// withdrawn in an emergency is believed no longer than this. Default:
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE). Bounds: at most
    /// [`max_stale_age`](Self::max_stale_age).
    pub max_age: Duration,
    /// How old the last good keys may grow while the server cannot be asked. Default:
    /// [`DEFAULT_MAX_STALE_AGE`](Self::DEFAULT_MAX_STALE_AGE). Bounds: from
    /// `max_age`, which switches it off, to 30 days.
    pub max_stale_age: Duration,
    /// After a fetch that did not bring the key a token named: how long to wait before another
    /// is made for a key that is not known. A rotation is picked up at once otherwise, and
    /// within this time while somebody sends made-up key ids. Default:
    /// [`DEFAULT_COOL_DOWN`](Self::DEFAULT_COOL_DOWN). Bounds: one second
    /// to 24 h.
    pub cool_down: Duration,
    /// After a fetch that failed: how long to leave the server alone. Default:
    /// [`DEFAULT_PAUSE_AFTER_FAILURE`](Self::DEFAULT_PAUSE_AFTER_FAILURE). Bounds: at most 24 h.
    pub pause_after_failure: Duration,
}

impl JwksConfig {
    /// One minute.
    pub const DEFAULT_MIN_AGE: Duration = Duration::from_secs(60);

    /// One hour. Okta names up to weeks, but says that it may rotate without notice.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(60 * 60);

    /// One day.
    pub const DEFAULT_MAX_STALE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

    /// Thirty seconds.
    pub const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(30);

    /// Ten seconds.
    pub const DEFAULT_PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

    /// Five minutes: how long keys are fresh if the server says nothing.
    pub const UNSTATED_AGE: Duration = Duration::from_secs(5 * 60);

    /// What [`max_stale_age`](Self::max_stale_age) can be at most, and with it the other ages.
    const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// What the pauses can be at most.
    const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

    /// Refuses settings that are out of bounds.
    pub(super) fn check(&self) -> Result<(), Error> {
        let second = Duration::from_secs(1);
        within("max_stale_age", self.max_stale_age, second..=Self::MAX_AGE)?;
        within("max_age", self.max_age, second..=self.max_stale_age)?;
        within("min_age", self.min_age, second..=self.max_age)?;
        within("cool_down", self.cool_down, second..=Self::MAX_PAUSE)?;
        within("pause_after_failure", self.pause_after_failure, Duration::ZERO..=Self::MAX_PAUSE)
    }

    /// How long keys are fresh, counted from when they were requested.
    pub(super) fn lifetime(&self, stated: Option<Duration>) -> Duration {
        stated.unwrap_or(Self::UNSTATED_AGE).clamp(self.min_age, self.max_age)
    }
}

impl Default for JwksConfig {
    fn default() -> Self {
        Self {
            min_age: Self::DEFAULT_MIN_AGE,
            max_age: Self::DEFAULT_MAX_AGE,
            max_stale_age: Self::DEFAULT_MAX_STALE_AGE,
            cool_down: Self::DEFAULT_COOL_DOWN,
            pause_after_failure: Self::DEFAULT_PAUSE_AFTER_FAILURE,
        }
    }
}

/// How long an answer may be kept by the server's word
/// ([RFC 9111 §4.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)); `None` if it says
/// nothing.
pub(super) fn stated_lifetime(answer: &Answer) -> Option<Duration> {
    let control = answer.header(CACHE_CONTROL)?;
    let age = answer.header(AGE).and_then(server_numbers::cache_age);
    max_age(control).map(|stated| stated.saturating_sub(age.unwrap_or_default()))
}

fn max_age(control: &str) -> Option<Duration> {
    let directives = || control.split(',').map(str::trim);
    if directives()
        .any(|name| ["no-store", "no-cache"].iter().any(|n| name.eq_ignore_ascii_case(n)))
    {
        return Some(Duration::ZERO);
    }
    directives().find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let age = server_numbers::cache_age(seconds.trim().trim_matches('"'))?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(age)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_read_as_servers_write_it() {
        for (control, seconds) in [
            ("max-age=3832304, must-revalidate", Some(3_832_304)),
            ("must-revalidate,MAX-AGE=\"60\"", Some(60)),
            ("no-cache, max-age=600", Some(0)),
            ("No-Store", Some(0)),
            ("max-age=-1", None),
            ("max-age", None),
            ("s-maxage=5, public", None),
            ("", None),
        ] {
            assert_eq!(max_age(control), seconds.map(Duration::from_secs), "{control}");
        }
    }

    #[test]
    fn a_stated_lifetime_stays_within_the_bounds() {
        let config = JwksConfig::default();
        for (stated, secs) in
            [(None, 300), (Some(0), 60), (Some(60), 60), (Some(3599), 3599), (Some(90_000), 3600)]
        {
            let lifetime = config.lifetime(stated.map(Duration::from_secs));
            assert_eq!(lifetime, Duration::from_secs(secs), "{stated:?}");
        }
    }
}
