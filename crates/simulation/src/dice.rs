//! All that is random, by a seed.

use std::time::Duration;

use okta_introspect::{Random as _, SeededRandom};

/// A sequence of random decisions. Each part of a run has one of its own, so that none depends on
/// how often another decides.
#[derive(Debug)]
pub(crate) struct Dice(SeededRandom);

impl Dice {
    /// The sequence of one part, such as an instance's network.
    pub(crate) fn new(seed: u64, part: &str, number: usize) -> Self {
        Self(random(seed, part, number))
    }

    pub(crate) fn fraction(&self) -> f64 {
        self.0.fraction()
    }

    /// Whether something happens that does so in this part of all cases.
    pub(crate) fn chance(&self, part: f64) -> bool {
        part > 0.0 && self.fraction() < part
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&self, end: usize) -> usize {
        (self.fraction() * end as f64) as usize
    }

    pub(crate) fn span(&self, (least, most): (Duration, Duration)) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.fraction())
    }

    /// How long until the next of events that come independently, so many in a second.
    pub(crate) fn until_next(&self, per_second: f64) -> Duration {
        let seconds = -(1.0 - self.fraction()).ln() / per_second;
        Duration::from_secs_f64(seconds.min(1e6))
    }

    /// Shuffles a list.
    pub(crate) fn shuffle<T>(&self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// The library's own randomness for one part.
pub(crate) fn random(seed: u64, part: &str, number: usize) -> SeededRandom {
    // FNV-1a: the parts have nothing in common but the seed.
    let words = [seed.to_le_bytes(), (number as u64).to_le_bytes()].concat();
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    SeededRandom::new(words.iter().chain(part.as_bytes()).fold(0xCBF2_9CE4_8422_2325, mix))
}
