//! The bounds of settings that are spans of time, so that no arithmetic with them can fail.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;

/// For what must take some time.
pub(crate) const WAIT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3600);

/// For what may take none.
pub(crate) const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);

/// Refuses a setting that is out of its bounds.
pub(crate) fn check(
    setting: &str,
    value: Duration,
    range: RangeInclusive<Duration>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let advice = format!("choose a value from {:?} to {:?}", range.start(), range.end());
    Err(Error::configuration(format!("{setting} cannot be {value:?}")).advise(advice))
}
