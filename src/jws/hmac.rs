//! Signatures made with a shared secret, for `client_secret_jwt`.

use std::fmt;
use std::str::FromStr;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

use crate::error::{Error, redact};

/// A JWS algorithm whose key is a secret that both sides know
/// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
///
/// # Example: how long its secret must be
///
/// ```
/// use okta_introspect::HmacAlgorithm;
///
/// assert_eq!("HS256".parse::<HmacAlgorithm>()?, HmacAlgorithm::Hs256);
/// assert_eq!(HmacAlgorithm::Hs256.min_secret_len(), 32);
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl HmacAlgorithm {
    /// Every algorithm, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Hs384, Self::Hs512];

    /// The name, as in the `alg` header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// How long the secret must be at least, in bytes: as long as the signature.
    pub fn min_secret_len(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::Hs256 => MessageDigest::sha256(),
            Self::Hs384 => MessageDigest::sha384(),
            Self::Hs512 => MessageDigest::sha512(),
        }
    }
}

impl fmt::Display for HmacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for HmacAlgorithm {
    type Err = Error;

    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if it is none of the three names.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or_else(|| {
            let what = format!("no algorithm for a secret has this name: {:?}", redact::name(name));
            Error::input(what).advise("choose HS256, HS384 or HS512")
        })
    }
}

/// A secret, ready to sign with. OpenSSL wipes it when it is dropped.
pub(crate) struct HmacKey {
    key: PKey<Private>,
    algorithm: HmacAlgorithm,
}

impl HmacKey {
    pub(crate) fn new(secret: &[u8], algorithm: HmacAlgorithm) -> Result<Self, ErrorStack> {
        Ok(Self { key: PKey::hmac(secret)?, algorithm })
    }

    pub(crate) fn algorithm(&self) -> HmacAlgorithm {
        self.algorithm
    }

    pub(crate) fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut signer = Signer::new(self.algorithm.digest(), &self.key)?;
        signer.sign_oneshot_to_vec(signing_input)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.2 and §4.3, with the digests of these three lengths.
    #[test]
    fn the_published_vectors_come_out() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (secret, input, algorithm, begins) in [
            (&[0x0b; 20][..], "Hi There", HmacAlgorithm::Hs256, "b0344c61d8db3853"),
            (&[0x0b; 20], "Hi There", HmacAlgorithm::Hs384, "afd03944d8489562"),
            (&[0x0b; 20], "Hi There", HmacAlgorithm::Hs512, "87aa7cdea5ef619d"),
            (b"Jefe", "what do ya want for nothing?", HmacAlgorithm::Hs256, "5bdcc146bf60754e"),
        ] {
            let key = HmacKey::new(secret, algorithm).unwrap();
            let signature = key.sign(input.as_bytes()).unwrap();
            assert_eq!(signature.len(), algorithm.min_secret_len());
            assert!(hex(&signature).starts_with(begins), "{algorithm}");
            assert_eq!(key.sign(input.as_bytes()).unwrap(), signature, "a key signs again");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        for algorithm in HmacAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse::<HmacAlgorithm>().unwrap(), algorithm);
        }
        for wrong in ["hs256", "RS256", "", "HS1"] {
            assert!(wrong.parse::<HmacAlgorithm>().is_err(), "{wrong}");
        }
    }
}
