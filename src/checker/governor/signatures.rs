//! The signatures that calls take, where the signer can make only so many in a second.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::forecast::Forecast;
use super::purpose::{NEWCOMERS_PERCENT, Purpose, REFRESH_PERCENT};
use crate::clock::later;
use crate::clock::token_bucket::TokenBucket;

/// Divides a second's signatures as the rate window is divided, a second at a time.
#[derive(Debug)]
pub(super) struct Signatures {
    per_second: u64,
    bucket: TokenBucket,
    /// When the minute ends in which `newcomers` were counted.
    minute_ends: Option<Instant>,
    newcomers: u64,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl Signatures {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            per_second: per_second.get().into(),
            bucket: TokenBucket::new(per_second),
            minute_ends: None,
            newcomers: 0,
        }
    }

    /// Takes a signature for a call, or says how long to wait.
    pub(super) fn take(
        &mut self,
        purpose: Purpose,
        forecast: &mut Forecast,
        now: Instant,
    ) -> Result<(), Duration> {
        if self.minute_ends.is_none_or(|end| now >= end) {
            (self.minute_ends, self.newcomers) = (Some(later(now, MINUTE)), 0);
        }
        let left = self.bucket.left(now);
        let admitted = match purpose {
            Purpose::Recheck => left > 0,
            Purpose::Refresh => left > self.per_second * REFRESH_PERCENT / 100,
            Purpose::Newcomer => {
                let few = self.newcomers < self.per_second * 60 * NEWCOMERS_PERCENT / 100;
                left > 0 && (few || left > forecast.rechecks(now, later(now, SECOND)))
            }
        };
        if !admitted {
            return Err(self.bucket.next_in(now).max(SOON));
        }
        self.bucket.take(now);
        self.newcomers += u64::from(purpose == Purpose::Newcomer);
        Ok(())
    }
}

/// When to try again where there are signatures, but for others.
const SOON: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn signatures(per_second: u32) -> (Signatures, Forecast, Instant) {
        let signatures = Signatures::new(NonZeroU32::new(per_second).unwrap());
        (signatures, Forecast::default(), SystemClock.monotonic())
    }

    /// How many calls of a kind get one before one is refused.
    fn flood(
        of: &mut Signatures,
        forecast: &mut Forecast,
        purpose: Purpose,
        now: Instant,
    ) -> usize {
        (0..10_000).take_while(|_| of.take(purpose, forecast, now).is_ok()).count()
    }

    #[test]
    fn no_more_calls_begin_than_can_be_signed() {
        let (mut signatures, mut forecast, now) = signatures(20);
        assert_eq!(flood(&mut signatures, &mut forecast, Purpose::Recheck, now), 20);
        let wait = signatures.take(Purpose::Recheck, &mut forecast, now).unwrap_err();
        assert_eq!(wait, SOON);
        let next = now + SECOND / 20;
        assert_eq!(flood(&mut signatures, &mut forecast, Purpose::Recheck, next), 1);
        assert_eq!(flood(&mut signatures, &mut forecast, Purpose::Recheck, now + MINUTE), 20);
    }

    #[test]
    fn newcomers_leave_what_rechecks_need_but_for_a_few() {
        let (mut signatures, mut forecast, now) = signatures(20);
        // More re-checks in every second than can be signed.
        for bound in 10..80 {
            (0..30).for_each(|_| forecast.note(now, SECOND * bound));
        }
        let begin = now + SECOND * 15;
        let mut flood = |second: u32| {
            flood(&mut signatures, &mut forecast, Purpose::Newcomer, begin + SECOND * second)
        };
        let let_in: Vec<_> = (0..60).map(&mut flood).collect();
        assert_eq!(let_in[..4], [20, 20, 20, 0]);
        assert_eq!(let_in.iter().sum::<usize>(), 60, "a twentieth of a minute's");
        assert_eq!(flood(120), 20, "when none is foreseen");
    }

    #[test]
    fn a_refresh_leaves_a_tenth() {
        let (mut signatures, mut forecast, now) = signatures(20);
        assert_eq!(flood(&mut signatures, &mut forecast, Purpose::Refresh, now), 18);
        assert_eq!(flood(&mut signatures, &mut forecast, Purpose::Recheck, now), 2);
    }
}
