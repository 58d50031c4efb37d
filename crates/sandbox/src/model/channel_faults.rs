//! What happens to messages on their way.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::log_lag::LogLag;

/// What happens to the messages of a [channel](crate::Channel), or to the events on their way into
/// the System Log. Default: nothing.
///
/// Each is a share of the messages in per cent, 0 to 100; more counts as 100. What befalls a message
/// is drawn from the sandbox's [randomness](crate::SandboxBuilder::random).
///
/// ```
/// use std::time::Duration;
/// use okta_sandbox::ChannelFaults;
///
/// let second = Duration::from_secs(1);
/// let bad = ChannelFaults::new().lose(5).double(10).delay(20, second..=60 * second).reorder(10);
/// let dead = ChannelFaults::new().lose(100);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct ChannelFaults {
    lost: u8,
    doubled: u8,
    reordered: u8,
    delayed: u8,
    by: LogLag,
}

/// What befalls one message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Fate {
    pub(crate) lost: bool,
    pub(crate) doubled: bool,
    /// Kept back until the next one has gone.
    pub(crate) held: bool,
    pub(crate) delay: Duration,
}

impl Fate {
    /// How often it arrives.
    pub(crate) fn copies(self) -> usize {
        match (self.lost, self.doubled) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }
}

impl ChannelFaults {
    /// Nothing happens.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many never arrive.
    pub fn lose(mut self, per_cent: u8) -> Self {
        self.lost = per_cent;
        self
    }

    /// So many arrive twice.
    pub fn double(mut self, per_cent: u8) -> Self {
        self.doubled = per_cent;
        self
    }

    /// So many are late by a time from this range, of the sandbox's clock; others overtake them.
    pub fn delay(mut self, per_cent: u8, by: RangeInclusive<Duration>) -> Self {
        (self.delayed, self.by) = (per_cent, by.into());
        self
    }

    /// So many are kept back until the next one has gone, or until
    /// [`Faults::release`](crate::Faults::release).
    pub fn reorder(mut self, per_cent: u8) -> Self {
        self.reordered = per_cent;
        self
    }

    /// What befalls the next message. `draw` gives a number below the one that it gets; nothing is
    /// drawn for what cannot happen.
    pub(crate) fn fate(&self, mut draw: impl FnMut(u64) -> u64) -> Fate {
        let mut strikes = |per_cent: u8| per_cent > 0 && draw(100) < u64::from(per_cent);
        let (lost, doubled, held) =
            (strikes(self.lost), strikes(self.doubled), strikes(self.reordered));
        let delayed = strikes(self.delayed);
        let delay = if delayed { self.by.of_one(draw) } else { Duration::ZERO };
        Fate { lost, doubled, held, delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_befalls_a_message_is_drawn_by_its_share() {
        let second = Duration::from_secs(1);
        let faults =
            ChannelFaults::new().lose(10).double(20).reorder(30).delay(40, second..=second);
        for (drawn, lost, doubled, held, delayed) in [
            (9, true, true, true, true),
            (10, false, true, true, true),
            (20, false, false, true, true),
            (30, false, false, false, true),
            (40, false, false, false, false),
        ] {
            let delay = if delayed { second } else { Duration::ZERO };
            assert_eq!(faults.fate(|_| drawn), Fate { lost, doubled, held, delay }, "{drawn}");
        }
        assert!(ChannelFaults::new().lose(100).fate(|below| below - 1).lost);
        let none = ChannelFaults::new().fate(|_| unreachable!("nothing can happen"));
        assert_eq!(none, Fate::default());
    }
}
