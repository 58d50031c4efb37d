//! Linux keeps the time of its latest tick where reading it costs next to nothing.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::{Clock, SystemClock};

/// A moment by both reckonings: [`Instant`] and the kernel's monotonic time count the same seconds.
/// The instant is read first, so that what is reckoned from the two is never ahead.
static ORIGIN: LazyLock<(Instant, Duration)> =
    LazyLock::new(|| (SystemClock.monotonic(), span(clock_gettime(ClockId::Monotonic))));

/// Monotonic time, and wall time in seconds since 1970, as of the kernel's latest tick.
pub(super) fn both() -> (Instant, i64) {
    let (instant, monotonic) = *ORIGIN;
    let since = span(clock_gettime(ClockId::MonotonicCoarse)).saturating_sub(monotonic);
    (instant + since, clock_gettime(ClockId::RealtimeCoarse).tv_sec)
}

/// Times before zero do not occur.
fn span(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::exact;

    #[test]
    fn it_is_never_ahead() {
        for _ in 0..100_000 {
            let coarse = both();
            let exact = exact(&SystemClock);
            assert!(coarse.0 <= exact.0 && coarse.1 <= exact.1);
        }
    }

    #[test]
    fn it_goes_on() {
        let (first, begun) = (both().0, SystemClock.monotonic());
        while both().0 == first {
            assert!(SystemClock.monotonic() - begun < Duration::from_secs(60), "it stands still");
        }
    }
}
