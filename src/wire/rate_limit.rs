//! Rate limits: what the server states, and what is left now.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName};

use crate::wire::server_numbers::{MAX_LIMIT, MAX_WINDOW, count, epoch_time};

/// A rate limit, as Okta's headers `X-Rate-Limit-Limit`, `-Remaining` and `-Reset` state it.
///
/// An answer may state several, one for the org and one for the app; this is the one with the
/// least left.
///
/// # Example: how much room is there?
///
/// ```
/// use okta_introspect::{Client, Endpoint};
///
/// fn report(client: &Client) {
///     if let Some(stated) = client.rate_limit(Endpoint::Introspection) {
///         println!("{} of {} left until {}", stated.remaining, stated.limit, stated.reset);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RateLimit {
    /// How many requests a window allows; Okta's windows last one minute.
    pub limit: u64,
    /// How many are left in this window.
    pub remaining: u64,
    /// When the next window begins, by the server's clock.
    pub reset: DateTime<Utc>,
}

impl RateLimit {
    /// Whether this is Okta's way of saying "too many at once": both figures are zero, and
    /// `reset` is no more than a hint.
    pub fn is_concurrency(&self) -> bool {
        self.limit == 0 && self.remaining == 0
    }

    /// The tightest of [all](Self::all) that the headers state, of equally tight ones that which
    /// lasts longer.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let stated = Self::all(headers).into_iter();
        stated.min_by_key(|stated| (stated.remaining, std::cmp::Reverse(stated.reset)))
    }

    /// Reads the headers, each figure no larger than the highest that is believed; nothing unless
    /// all three are there with as many values each.
    pub(crate) fn all(headers: &HeaderMap) -> Vec<Self> {
        Self::read(headers).unwrap_or_default()
    }

    fn read(headers: &HeaderMap) -> Option<Vec<Self>> {
        let limits = values(headers, &LIMIT, count)?;
        let remaining = values(headers, &REMAINING, count)?;
        let resets = values(headers, &RESET, epoch_time)?;
        if limits.len() != remaining.len() || limits.len() != resets.len() {
            return None;
        }
        let stated = limits.into_iter().zip(remaining).zip(resets);
        let stated = stated.map(|((limit, remaining), reset)| Self { limit, remaining, reset });
        Some(stated.collect())
    }
}

/// What is left of a rate limit now.
///
/// # Example: an upstream with a limit of its own
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::Remaining;
///
/// let remaining = Remaining::new(600, 120, Duration::from_secs(42));
/// assert_eq!((remaining.limit(), remaining.left()), (600, 120));
/// assert_eq!(remaining.renews_in(), Duration::from_secs(42));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remaining {
    limit: u64,
    left: u64,
    renews_in: Duration,
}

impl Remaining {
    /// So many of so many left, for so long: at most a thousand million requests, and five minutes.
    /// Larger values count as these.
    pub fn new(limit: u64, left: u64, renews_in: Duration) -> Self {
        Self {
            limit: limit.min(MAX_LIMIT),
            left: left.min(MAX_LIMIT),
            renews_in: renews_in.min(MAX_WINDOW),
        }
    }

    /// How many requests a window allows.
    pub fn limit(self) -> u64 {
        self.limit
    }

    /// How many are left in this window. Requests whose answers have not come are not yet taken
    /// away.
    pub fn left(self) -> u64 {
        self.left
    }

    /// How long this window lasts yet.
    pub fn renews_in(self) -> Duration {
        self.renews_in
    }
}

const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// All values of a header, whether on lines of their own or joined by commas.
fn values<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let lines = headers.get_all(name).into_iter().map(|value| value.to_str().ok());
    let joined = lines.collect::<Option<Vec<_>>>()?.join(",");
    joined.split(',').map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &'static str)]) -> Option<(u64, u64, i64)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        RateLimit::from_headers(&headers)
            .map(|stated| (stated.limit, stated.remaining, stated.reset.timestamp()))
    }

    const NAMES: [&str; 3] = ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"];

    #[test]
    fn of_several_statements_the_tightest_counts() {
        let [limit, remaining, reset] = NAMES;
        let joined = [(limit, "1200, 600"), (remaining, "900,17"), (reset, "60,61")];
        let lines = [
            (limit, "1200"),
            (limit, "600"),
            (remaining, "900"),
            (remaining, "17"),
            (reset, "60"),
            (reset, "61"),
        ];
        assert_eq!(read(&joined), Some((600, 17, 61)));
        assert_eq!(read(&lines), Some((600, 17, 61)));
    }

    #[test]
    fn of_equally_tight_ones_the_one_that_lasts_longer_counts() {
        let [limit, remaining, reset] = NAMES;
        assert_eq!(read(&[(limit, "9,9"), (remaining, "0,0"), (reset, "60,90")]), Some((9, 0, 90)));
    }

    #[test]
    fn a_statement_that_is_not_whole_is_none() {
        let [limit, remaining, reset] = NAMES;
        for (name, lines) in [
            ("nothing", vec![]),
            ("one header missing", vec![(limit, "1"), (remaining, "1")]),
            ("not a number", vec![(limit, "1"), (remaining, "many"), (reset, "60")]),
            ("negative", vec![(limit, "1"), (remaining, "-1"), (reset, "60")]),
            ("values do not pair", vec![(limit, "1,2"), (remaining, "1"), (reset, "60")]),
            ("no such time", vec![(limit, "1"), (remaining, "1"), (reset, "18446744073709551615")]),
        ] {
            assert_eq!(read(&lines), None, "{name}");
        }
    }

    #[test]
    fn figures_that_cannot_be_are_the_largest() {
        let [limit, remaining, reset] = NAMES;
        let most = "18446744073709551615";
        let lines = [(limit, most), (remaining, most), (reset, "60")];
        assert_eq!(read(&lines), Some((MAX_LIMIT, MAX_LIMIT, 60)));
        let remaining = Remaining::new(u64::MAX, u64::MAX, Duration::MAX);
        assert_eq!((remaining.limit(), remaining.left()), (MAX_LIMIT, MAX_LIMIT));
        assert_eq!(remaining.renews_in(), MAX_WINDOW);
    }
}
