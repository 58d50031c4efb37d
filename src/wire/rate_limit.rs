//! What the server says about its rate limits.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName};

/// A rate limit, as Okta's headers `X-Rate-Limit-Limit`, `-Remaining` and `-Reset` state it.
///
/// An answer may state several, one for the org and one for the app; this is the one with the
/// least left.
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

    /// Reads the headers; `None` unless all three are there with as many values each.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let (limits, remaining) = (numbers(headers, &LIMIT)?, numbers(headers, &REMAINING)?);
        let resets = numbers(headers, &RESET)?;
        if limits.len() != remaining.len() || limits.len() != resets.len() {
            return None;
        }
        let stated = limits.into_iter().zip(remaining).zip(resets);
        stated
            .filter_map(|((limit, remaining), reset)| {
                let reset = DateTime::from_timestamp(i64::try_from(reset).ok()?, 0)?;
                Some(Self { limit, remaining, reset })
            })
            .min_by_key(|stated| (stated.remaining, std::cmp::Reverse(stated.reset)))
    }
}

const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// All values of a header, whether on lines of their own or joined by commas.
fn numbers(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u64>> {
    let values = headers.get_all(name).into_iter().map(|value| value.to_str().ok());
    let joined = values.collect::<Option<Vec<_>>>()?.join(",");
    joined.split(',').map(|number| number.trim().parse().ok()).collect()
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
}
