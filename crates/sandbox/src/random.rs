//! Randomness from outside, for identifiers. Keys never come from it.

use std::fmt;

/// Fills buffers with random bytes.
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `bytes`. A test may repeat a sequence; no two identifiers may be the same.
    fn fill(&self, bytes: &mut [u8]);
}

/// OpenSSL's generator, which the operating system seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    ///
    /// When the operating system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) {
        // Nothing from outside can make it fail.
        openssl::rand::rand_bytes(bytes).expect("the random generator works");
    }
}
