//! Numbers and times as servers state them, bounded where they are read: past this module,
//! arithmetic with them cannot fail.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use crate::clock::server_time::parse_date;

/// The longest wait that a server can ask for.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The longest life of an access token that is believed.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The highest rate limit that is believed, in requests a window.
pub(crate) const MAX_LIMIT: u64 = 1_000_000_000;

/// The longest rest of a rate window that is believed. Okta's windows last one minute; a reset
/// later than this after `Date` states no window (perhaps it is in milliseconds).
pub(crate) const MAX_WINDOW: Duration = Duration::from_secs(5 * 60);

/// A number of requests.
pub(crate) fn count(text: &str) -> Option<u64> {
    number(text).map(|number| number.min(MAX_LIMIT))
}

/// A time in seconds since 1970.
pub(crate) fn epoch_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(number(text)?).ok()?, 0)
}

/// How old an answer is, or may become, as caches write it: no more than 2³¹ seconds
/// ([RFC 9111 §1.2.2](https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2)).
pub(crate) fn cache_age(text: &str) -> Option<Duration> {
    number(text).map(|seconds| Duration::from_secs(seconds.min(1 << 31)))
}

/// The value of `Retry-After` ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)):
/// seconds, or a date, which counts from the answer's own `Date`.
pub(crate) fn retry_after(value: &str, date: Option<DateTime<Utc>>) -> Option<Duration> {
    match number(value) {
        Some(seconds) => Some(Duration::from_secs(seconds).min(MAX_WAIT)),
        None => Some(wait_until(parse_date(value)?, date?)),
    }
}

/// From an answer's `Date` to a time of the server's clock, and one second more, as Okta's SDKs
/// wait: a `Date` leaves the fraction of its second out.
pub(crate) fn wait_until(time: DateTime<Utc>, date: DateTime<Utc>) -> Duration {
    let wait = (time - date).to_std().unwrap_or_default();
    wait.saturating_add(Duration::from_secs(1)).min(MAX_WAIT)
}

/// How long a rate window lasts yet that ends at `reset`; `None` if no window lasts so long.
pub(crate) fn rest_of_window(reset: DateTime<Utc>, date: DateTime<Utc>) -> Option<Duration> {
    let rest = wait_until(reset, date);
    (rest <= MAX_WINDOW).then_some(rest)
}

/// Reads `expires_in` ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)), which
/// some servers write with a fraction.
pub(crate) fn lifetime<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let Some(stated) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let fraction = || stated.as_f64().filter(|seconds| *seconds >= 0.0);
    // A cast from f64 saturates.
    let seconds = stated.as_u64().or_else(|| fraction().map(|seconds| seconds as u64));
    let wrong = || serde::de::Error::custom("`expires_in` must be a number of seconds");
    seconds.map(|seconds| Some(Duration::from_secs(seconds).min(MAX_LIFETIME))).ok_or_else(wrong)
}

/// A whole number that is not negative; the largest one for those beyond it.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server may write where a number belongs.
    const WRITTEN: [&str; 11] = [
        "0",
        "1",
        "-1",
        "2147483648",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999999999",
        "1.5",
        "soon",
        "",
        "1795211259000",
    ];

    fn seconds(list: [i64; 11]) -> [Option<Duration>; 11] {
        list.map(|seconds| u64::try_from(seconds).ok().map(Duration::from_secs))
    }

    #[test]
    fn counts_are_capped() {
        let max = Some(MAX_LIMIT);
        let counts = [Some(0), Some(1), None, max, max, max, max, None, None, None, max];
        assert_eq!(WRITTEN.map(count), counts);
    }

    #[test]
    fn ages_are_capped_as_caches_do() {
        let most = 1 << 31;
        let ages = [0, 1, -1, most, most, most, most, -1, -1, -1, most];
        assert_eq!(WRITTEN.map(cache_age), seconds(ages));
    }

    #[test]
    fn waits_are_capped_at_an_hour() {
        let date = DateTime::from_timestamp(1_795_211_259, 0);
        let waits = [0, 1, -1, 3600, 3600, 3600, 3600, -1, -1, -1, 3600];
        assert_eq!(WRITTEN.map(|value| retry_after(value, date)), seconds(waits));
        for (value, wait) in [
            ("Fri, 20 Nov 2026 21:47:49 GMT", 11),
            ("Fri, 20 Nov 2026 21:47:29 GMT", 1),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ] {
            assert_eq!(retry_after(value, date), Some(Duration::from_secs(wait)), "{value}");
            assert_eq!(retry_after(value, None), None, "{value}");
        }
    }

    #[test]
    fn a_window_that_lasts_too_long_is_none() {
        let date = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
        let rest = |reset: &str| rest_of_window(epoch_time(reset)?, date);
        let rests = [1, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1];
        assert_eq!(WRITTEN.map(rest), seconds(rests));
        for (ahead, rest) in [(0, 1), (60, 61), (299, 300), (300, -1), (24 * 3600, -1)] {
            let reset = date + chrono::TimeDelta::seconds(ahead);
            let expected = u64::try_from(rest).ok().map(Duration::from_secs);
            assert_eq!(rest_of_window(reset, date), expected, "{ahead}");
        }
    }

    #[test]
    fn lifetimes_are_capped_at_a_day() {
        let read = |value: &str| lifetime(&mut serde_json::Deserializer::from_str(value)).ok();
        let day = 24 * 3600;
        let numbers = [0, 1, -1, day, day, day, day, 1, -1, -1, day];
        assert_eq!(WRITTEN.map(|value| read(value).flatten()), seconds(numbers));
        assert_eq!(read("null"), Some(None));
        for wrong in ["-1", "\"3600\"", "true", "[3600]", "{}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
