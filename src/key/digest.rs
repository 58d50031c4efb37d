//! The message digests of JWS algorithms.

use std::ops::Deref;

use openssl::md::{Md, MdRef};
use openssl::sha::{Sha256, Sha384, Sha512};

use super::algorithm::Algorithm;

/// What is signed in the place of a signing input. By OpenSSL's plain functions: the generic ones
/// look the digest up anew each time.
pub(crate) enum Digest {
    Sha256([u8; 32]),
    Sha384([u8; 48]),
    Sha512([u8; 64]),
}

impl Digest {
    pub(crate) fn of(algorithm: Algorithm, input: &[u8]) -> Self {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => {
                let mut digest = Sha256::new();
                digest.update(input);
                Self::Sha256(digest.finish())
            }
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => {
                let mut digest = Sha384::new();
                digest.update(input);
                Self::Sha384(digest.finish())
            }
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 => {
                let mut digest = Sha512::new();
                digest.update(input);
                Self::Sha512(digest.finish())
            }
        }
    }

    /// OpenSSL's name for it.
    pub(crate) fn md(algorithm: Algorithm) -> &'static MdRef {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => Md::sha256(),
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => Md::sha384(),
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 => Md::sha512(),
        }
    }
}

impl Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha384(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}
