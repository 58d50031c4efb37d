//! The uses of the last moments that their proxy may repeat.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::digest::Digest;

/// When requests were first let in that the same proxy may ask about again. Each is kept for the
/// window and no longer, so this never holds more than the uses that are recorded within it.
#[derive(Debug)]
pub(super) struct Repeats {
    within: Duration,
    first: HashMap<Digest, Instant>,
    /// The same, the earliest first.
    order: VecDeque<(Instant, Digest)>,
}

impl Repeats {
    /// Requests may be repeated within this time after the first; never, if it is zero.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, first: HashMap::new(), order: VecDeque::new() }
    }

    /// Remembers that a request was let in with a proof that was new.
    pub(super) fn add(&mut self, request: Digest, now: Instant) {
        self.forget(now);
        if !self.within.is_zero() {
            self.first.insert(request, now);
            self.order.push_back((now, request));
        }
    }

    /// Whether a request was let in less than the window ago. A repetition does not prolong it.
    pub(super) fn admit(&self, request: &Digest, now: Instant) -> bool {
        self.first.get(request).is_some_and(|first| self.is_open(*first, now))
    }

    fn is_open(&self, first: Instant, now: Instant) -> bool {
        now.saturating_duration_since(first) < self.within
    }

    fn forget(&mut self, now: Instant) {
        while let Some((first, request)) = self.order.front().copied() {
            if self.is_open(first, now) {
                break;
            }
            self.order.pop_front();
            self.first.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn no_more_is_kept_than_was_used_within_the_window() {
        let (mut repeats, begin) = (Repeats::new(Duration::from_secs(2)), SystemClock.monotonic());
        for number in 0..1000_u64 {
            let request = [(number % 251) as u8; 16];
            repeats.add(request, begin + Duration::from_millis(number * 100));
            assert!(repeats.order.len() <= 20 && repeats.first.len() <= 20, "{number}");
        }
        assert_eq!((repeats.order.len(), repeats.first.len()), (20, 20));
    }
}
