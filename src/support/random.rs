//! Randomness from outside: identifiers and jitter.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Fills buffers with random bytes: identifiers, and the jitter of pauses.
///
/// # Example: the same identifiers in every run of a test
///
/// ```
/// use okta_introspect::{Random, SeededRandom};
///
/// let (mut first, mut second) = ([0; 16], [0; 16]);
/// SeededRandom::new(7).fill(&mut first);
/// SeededRandom::new(7).fill(&mut second);
/// assert_eq!(first, second);
/// ```
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `bytes` with random bytes; real implementations must be unpredictable.
    fn fill(&self, bytes: &mut [u8]);

    /// A number in `0.0..1.0`, for jitter.
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // 53 bits are what an f64 holds exactly.
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A shared generator is a generator.
impl<T: Random + ?Sized> Random for Arc<T> {
    fn fill(&self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }

    fn fraction(&self) -> f64 {
        (**self).fraction()
    }
}

/// The operating system's generator.
///
/// # Example
///
/// ```
/// use okta_introspect::{Random, SystemRandom};
///
/// assert!((0.0..1.0).contains(&SystemRandom.fraction()));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    ///
    /// When the operating system has no randomness to give: an assertion with a predictable
    /// `jti` would be worse than none.
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system's random generator works");
    }
}

/// A repeatable sequence for tests: the same seed gives the same bytes. Not for real use.
///
/// # Example
///
/// ```
/// use okta_introspect::{Random, SeededRandom};
///
/// assert_eq!(SeededRandom::new(1).fraction(), SeededRandom::new(1).fraction());
/// ```
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    /// A sequence that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: a counter made to look random by mixing.
            const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
            let mut word = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence() {
        let (first, second) = (SeededRandom::new(7), SeededRandom::new(7));
        let (mut a, mut b) = ([0; 21], [0; 21]);
        first.fill(&mut a);
        second.fill(&mut b);
        assert_eq!(a, b);
        assert_ne!(a, [0; 21]);
    }

    #[test]
    fn fractions_stay_in_range() {
        let random = SeededRandom::new(1);
        assert!((0..1000).map(|_| random.fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
