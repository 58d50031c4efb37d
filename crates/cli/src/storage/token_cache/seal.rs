//! Authenticated encryption of a file: AES-256-GCM
//! ([NIST SP 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)).

use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use zeroize::Zeroizing;

/// The first byte: this notation, in which nonce, tag and text follow.
const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Encrypts `text` so that it opens under the same key and for the same owner only. The nonce is
/// random: a key seals a token an hour, far from the 2³² at which random nonces wear out.
pub(super) fn seal(key: &[u8; 32], owner: &[u8], text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
    rand_bytes(&mut nonce)?;
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), key, Some(&nonce), owner, text, &mut tag)?;
    Ok([&[VERSION], &nonce[..], &tag, &sealed].concat())
}

/// The text; `None` if it was sealed under another key or for another owner, or was changed.
pub(super) fn open(key: &[u8; 32], owner: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let sealed = sealed.strip_prefix(&[VERSION])?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
    let (tag, sealed) = sealed.split_at_checked(TAG)?;
    decrypt_aead(Cipher::aes_256_gcm(), key, Some(nonce), owner, sealed, tag)
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_under_its_own_key_and_owner_only() {
        let sealed = seal(&[1; 32], b"me", b"s3cret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_eq!(open(&[1; 32], b"me", &sealed).unwrap()[..], b"s3cret"[..]);
        assert!(open(&[2; 32], b"me", &sealed).is_none());
        assert!(open(&[1; 32], b"you", &sealed).is_none());
        assert_ne!(sealed, seal(&[1; 32], b"me", b"s3cret").unwrap());
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let sealed = seal(&[1; 32], b"me", b"s3cret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&[1; 32], b"me", &changed).is_none(), "changed at {at}");
            assert!(open(&[1; 32], b"me", &sealed[..at]).is_none(), "cut at {at}");
        }
    }
}
