//! The bounds of settings that are spans of time, so that no arithmetic with them can fail.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;
use crate::error::bounds::within;

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
    within(setting, value, range)
}
