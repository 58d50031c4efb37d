//! How values lie in the store: sealed, and bound to their names.
//!
//! A value is `version (1) ‖ key id (4) ‖ nonce (32) ‖ AEGIS-256 of the plain text ‖ tag (32)`; the
//! version, the key id and the whole name are authenticated with it. A nonce of 256 random bits
//! does not come twice, however many instances seal under one key.

use aegis::aegis256::Aegis256;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use zeroize::Zeroizing;

use super::secret::SharedSecret;
use crate::error::Error;
use crate::support::random::Random;

/// What a value of this notation begins with.
const VERSION: u8 = 1;

const KID: usize = 4;
const NONCE: usize = 32;
const TAG: usize = 32;

/// Version and key id, which are authenticated as they are.
const HEAD: usize = 1 + KID;

/// How much longer a value is than what is in it.
pub(super) const OVERHEAD: usize = HEAD + NONCE + TAG;

/// The keys of one secret. Without `Debug`.
pub(super) struct Keys {
    names: PKey<Private>,
    seal: Zeroizing<[u8; 32]>,
    kid: [u8; KID],
}

impl Keys {
    pub(super) fn new(secret: &SharedSecret) -> Result<Self, Error> {
        let names = PKey::hmac(&*secret.derive("names")?)
            .map_err(|cause| Error::key("no key can be made of the secret").because(cause))?;
        let [a, b, c, d, ..] = *secret.derive("key id")?;
        Ok(Self { names, seal: secret.derive("seal")?, kid: [a, b, c, d] })
    }

    /// HMAC-SHA-256 of these parts, each with its length before it; `None` if OpenSSL fails.
    pub(super) fn mac(&self, parts: &[&str]) -> Option<[u8; 32]> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.names).ok()?;
        for part in parts {
            signer.update(&(part.len() as u64).to_be_bytes()).ok()?;
            signer.update(part.as_bytes()).ok()?;
        }
        let mut mac = [0; 32];
        (signer.sign(&mut mac).ok()? == mac.len()).then_some(mac)
    }

    pub(super) fn seal(&self, random: &dyn Random, name: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let mut value = Vec::with_capacity(OVERHEAD.saturating_add(plain.len()));
        value.push(VERSION);
        value.extend(self.kid);
        let about = about(&value, name);
        let (sealed, tag) = Aegis256::<TAG>::new(&self.seal, &nonce).encrypt(plain, &about);
        value.extend(nonce);
        value.extend(sealed);
        value.extend(tag);
        value
    }

    /// What is in a value; `None` if it was not sealed with these keys for this name.
    pub(super) fn open(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let (head, rest) = value.split_at_checked(HEAD)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
        if head[0] != VERSION || head[1..] != self.kid {
            return None;
        }
        Aegis256::<TAG>::new(&self.seal, nonce).decrypt(sealed, tag, &about(head, name)).ok()
    }
}

/// What is authenticated with a value and is not in it.
fn about(head: &[u8], name: &str) -> Vec<u8> {
    [head, name.as_bytes()].concat()
}
