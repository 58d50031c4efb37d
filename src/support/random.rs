//! Randomness from outside: identifiers and jitter.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Fills buffers with random bytes.
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
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    ///
    /// When the operating system has no randomness to give: an assertion with a predictable
    /// `jti` would be worse than none.
    fn fill(&self, bytes: &mut [u8]) {
        let is_small = bytes.len() <= Supply::LARGEST;
        // A thread that is ending may have given its supply up.
        let is_full = is_small && SUPPLY.try_with(|own| own.borrow_mut().take(bytes)).is_ok();
        if !is_full {
            from_system(bytes);
        }
    }
}

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply::EMPTY) };
}

/// Random bytes of the operating system that nobody has had yet: to ask for those of one
/// identifier takes as long as to ask for those of many. Each thread has its own. A process that
/// forks and goes on without `exec` would have them twice.
struct Supply {
    bytes: [u8; 512],
    left: usize,
}

impl Supply {
    const EMPTY: Self = Self { bytes: [0; 512], left: 0 };

    /// Most who ask want an identifier of 16 bytes.
    const LARGEST: usize = 32;

    fn take(&mut self, bytes: &mut [u8]) {
        if self.left < bytes.len() {
            from_system(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let rest = self.left - bytes.len();
        let taken = &mut self.bytes[rest..self.left];
        bytes.copy_from_slice(taken);
        // What somebody has is nobody else's to find in memory.
        taken.fill(0);
        self.left = rest;
    }
}

fn from_system(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system's random generator works");
}

/// A repeatable sequence for tests: the same seed gives the same bytes. Not for real use.
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
    fn what_was_given_is_not_given_again() {
        let mut seen = std::collections::HashSet::new();
        for length in (1..=64).cycle().take(1000).filter(|length| *length >= 16) {
            let mut bytes = vec![0; length];
            SystemRandom.fill(&mut bytes);
            assert!(bytes.windows(8).all(|eight| seen.insert(eight.to_vec())), "{length}");
        }
    }

    #[test]
    fn fractions_stay_in_range() {
        let random = SeededRandom::new(1);
        assert!((0..1000).map(|_| random.fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
