//! How long events take until they are in the System Log.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

/// How long an event takes, after it happened, until the System Log has it: Okta promises "near
/// real time", and no figure.
///
/// A range is drawn from for each event, so that events are written in another order than that in
/// which they happened. In a seed document it is a number of milliseconds or a list of two, the
/// least and the most. Default: none.
///
/// ```
/// use std::time::Duration;
/// use okta_sandbox::LogLag;
///
/// let half_a_second = LogLag::from(Duration::from_millis(500));
/// let up_to_a_minute = LogLag::from(Duration::ZERO..=Duration::from_secs(60));
/// assert_ne!(half_a_second, up_to_a_minute);
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(from = "Milliseconds")]
pub struct LogLag {
    least: Duration,
    most: Duration,
}

impl LogLag {
    /// The lag of one event; `draw` gives a number below the one that it gets, and is asked only
    /// where there is a choice.
    pub(crate) fn of_one(self, draw: impl FnOnce(u64) -> u64) -> Duration {
        let span = self.most.saturating_sub(self.least);
        match u64::try_from(span.as_micros()).unwrap_or(u64::MAX) {
            0 => self.least,
            span => self.least.saturating_add(Duration::from_micros(draw(span.saturating_add(1)))),
        }
    }
}

impl From<Duration> for LogLag {
    fn from(always: Duration) -> Self {
        Self { least: always, most: always }
    }
}

impl From<RangeInclusive<Duration>> for LogLag {
    /// A range that ends before it begins is taken for its beginning.
    fn from(range: RangeInclusive<Duration>) -> Self {
        let (least, most) = range.into_inner();
        Self { least, most: most.max(least) }
    }
}

/// As a seed document has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Milliseconds {
    Always(u64),
    Between(u64, u64),
}

impl From<Milliseconds> for LogLag {
    fn from(written: Milliseconds) -> Self {
        let (least, most) = match written {
            Milliseconds::Always(always) => (always, always),
            Milliseconds::Between(least, most) => (least, most),
        };
        (Duration::from_millis(least)..=Duration::from_millis(most)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_range_is_drawn_from_with_both_its_ends_and_a_single_lag_is_not() {
        assert_eq!(LogLag::from(MS(500)).of_one(|_| unreachable!("no choice")), MS(500));
        let range = LogLag::from(MS(100)..=MS(300));
        assert_eq!(range.of_one(|_| 0), MS(100));
        assert_eq!(range.of_one(|below| below - 1), MS(300));
        assert_eq!(LogLag::from(MS(300)..=MS(100)), LogLag::from(MS(300)));
    }

    #[test]
    fn a_document_has_one_number_or_two() {
        let read = |text| serde_json::from_str::<LogLag>(text).ok();
        assert_eq!(read("500"), Some(MS(500).into()));
        assert_eq!(read("[200, 3000]"), Some((MS(200)..=MS(3000)).into()));
        for text in ["-1", "[1]", "\"1s\"", "[1, 2, 3]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
