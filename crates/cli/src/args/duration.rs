//! Durations on the command line.

use std::time::Duration;

/// A year: no useful wait is longer.
const MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What to write.
pub(super) const NOTATION: &str =
    "give a number above 0 and its unit, such as 50ms, 5s, 10m, 2h or 1d";

/// The shortest time between two questions: more of them would only use up the rate limit.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// What to write for the time between two questions.
pub(super) const INTERVAL: &str = "give at least 100ms, such as 500ms, 5s, 10m or 2h: every \
                                   question counts against the rate limit of the org";

/// As [`duration`], for the time between two questions.
pub(super) fn interval(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok().filter(|duration| *duration >= MIN_INTERVAL).ok_or(INTERVAL)
}

/// The shortest time between two questions to the System Log, which is all that Okta allows one app.
const MIN_POLL: Duration = Duration::from_secs(1);

/// The longest.
const MAX_POLL: Duration = Duration::from_secs(3600);

/// What to write for the time between two questions to the System Log.
pub(super) const POLL: &str = "give 1s to 1h: Okta allows one app a question a second";

/// As [`duration`], for the time between two questions to the System Log.
pub(super) fn poll_interval(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok().filter(|duration| (MIN_POLL..=MAX_POLL).contains(duration)).ok_or(POLL)
}

/// Okta keeps its log for so long.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// What to write for how far back a log begins.
pub(super) const SINCE: &str = "give at most 90d, for which Okta keeps its log, such as 10m or 2h";

/// As [`duration`], for how far back a log begins.
pub(super) fn look_back(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok().filter(|duration| *duration <= KEPT).ok_or(SINCE)
}

/// What to write for how long two keys are good.
pub(super) const OVERLAP: &str = "give a number and its unit, such as 0s, 30s, 10m or 2h";

/// As [`duration`], for how long two keys are good: zero is taken, too.
pub(super) fn overlap(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => duration(text).map_err(|_| OVERLAP),
    }
}

/// Reads a duration such as `50ms`, `5s`, `10m`, `1h 30m` or `1d`. A number alone counts seconds,
/// as it does for other options. Zero, and more than [`MAX`], is refused.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    duration.filter(|duration| !duration.is_zero() && *duration <= MAX).ok_or(NOTATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit_are_a_duration() {
        for (text, millis) in [
            ("1ms", 1),
            ("50ms", 50),
            ("5", 5_000),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1h 30m", 5_400_000),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_none_zero_and_more_than_a_year_are_refused() {
        for text in ["", "s", "0", "0ms", "-1s", "5S", "5x", "\u{0665}s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["367d", "18446744073709551615d", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
