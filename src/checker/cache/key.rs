//! Keys of the cache: what stands for a token, and for what a watermark names.
//!
//! A key is a 128-bit AEGIS-128X4 MAC (`draft-irtf-cfrg-aegis-aead`) under a secret that is drawn
//! anew in every process. Why that is enough, although senders choose their tokens: two tokens
//! share an entry only if their MACs are the same, and a sender that could bring that about without
//! the secret and without ever seeing a MAC could forge one. So no sender can do better than present
//! tokens and hope. Nothing that leaves the process depends on a key, and what a sender can observe
//! (an answer, and how long it took) tells whether two tokens collided and nothing else about
//! either MAC. After `n` different tokens the chance that any two ever collided is below n²/2¹²⁹:
//! with a thousand million tokens, one in 2⁶⁹.
//!
//! Why not another: for a token of 1 KB, SHA-256 (which would need no secret) takes ten times as
//! long and SipHash-1-3 three times, and every hit pays for it. AEGIS is made of the processor's AES
//! instructions; on the rare one without, it is slower than either and no less safe. What leaves the
//! process is SHA-256.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use aegis::aegis128x4::Aegis128X4Mac;

use crate::support::random::Random;

/// Stands for one token at one authorization server, or for something that a watermark names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

impl Key {
    fn of(mac: Aegis128X4Mac<16>) -> Self {
        let tag = u128::from_ne_bytes(mac.finalize());
        Self { high: (tag >> 64) as u64, low: tag as u64 }
    }

    /// Some bits of the key, to spread what is kept by key over several places.
    pub(crate) fn spread(self) -> usize {
        // The low bits of `high`: maps take theirs from `low`.
        (self.high & 0xFFFF) as usize
    }
}

impl Hash for Key {
    /// Half of a key is as good a hash as any: its bits are random to everything outside the process.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// Hands on the bits that a [`Key`] gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passing(u64);

impl Hasher for Passing {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only keys come here, and they write one `u64`; whatever else came would still be mixed.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

/// For maps whose keys are [`Key`]s.
pub(crate) type PassingHasher = BuildHasherDefault<Passing>;

/// Makes keys under one secret. Without `Debug`: the secret is what keeps tokens from colliding.
#[derive(Clone)]
pub(crate) struct Keyer(Aegis128X4Mac<16>);

impl Keyer {
    /// Draws a secret.
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut secret = [0; 16];
        random.fill(&mut secret);
        Self(Aegis128X4Mac::new(&secret))
    }

    /// The key of a text.
    pub(crate) fn key(&self, text: &str) -> Key {
        self.key_of(text.as_bytes())
    }

    pub(crate) fn key_of(&self, bytes: &[u8]) -> Key {
        let mut mac = self.0.clone();
        mac.update(bytes);
        Key::of(mac)
    }

    /// The key of a text whatever the case of its ASCII letters, without a copy of it.
    pub(crate) fn key_in_any_case(&self, text: &str) -> Key {
        let mut mac = self.0.clone();
        for part in text.as_bytes().chunks(64) {
            let mut lower = [0; 64];
            let lower = &mut lower[..part.len()];
            lower.copy_from_slice(part);
            lower.make_ascii_lowercase();
            mac.update(lower);
        }
        Key::of(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::random::SeededRandom;

    #[test]
    fn the_same_text_has_another_key_under_another_secret() {
        let random = SeededRandom::new(1);
        let (one, other) = (Keyer::new(&random), Keyer::new(&random));
        assert_eq!(one.key("token"), one.key("token"));
        assert_ne!(one.key("token"), one.key("tokeN"));
        assert_ne!(one.key("token"), other.key("token"), "issuers do not share entries");
    }

    #[test]
    fn every_byte_of_a_long_token_counts() {
        let (keyer, long) = (Keyer::new(&SeededRandom::new(1)), "x".repeat(16 * 1024));
        let key = keyer.key(&long);
        for at in (0..long.len()).step_by(97).chain([long.len() - 1]) {
            let mut other = long.clone().into_bytes();
            other[at] = b'y';
            assert_ne!(keyer.key(std::str::from_utf8(&other).unwrap()), key, "{at}");
        }
    }
}
