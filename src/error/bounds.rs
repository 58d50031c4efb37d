//! What a setting outside its bounds is answered with, the same for every configuration.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use super::Error;

/// Refuses a setting that is out of its bounds; both ends are within.
pub(crate) fn within<T: PartialOrd + Debug>(
    setting: &str,
    value: T,
    bounds: RangeInclusive<T>,
) -> Result<(), Error> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let (least, most) = bounds.into_inner();
    Err(Error::configuration(format!("{setting} cannot be {value:?}"))
        .advise(format!("choose a value from {least:?} to {most:?}")))
}
