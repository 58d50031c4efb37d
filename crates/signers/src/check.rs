//! What came back from elsewhere, held against what a signature must be.

use okta_introspect::{Algorithm, Error, ErrorKind, PublicJwk};
use openssl::ecdsa::EcdsaSig;

/// What is known of a key elsewhere, and of the signatures that come from there.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Who signs, as a message names it: `the command`.
    pub(crate) signer: &'static str,
    pub(crate) algorithm: Algorithm,
    /// Whether ECDSA signatures come in DER, and are to be turned into `r ‖ s`.
    pub(crate) in_der: bool,
    pub(crate) public: Option<PublicJwk>,
}

/// From 2048 bits, with less of which no key is taken, to the 16384 that OpenSSL verifies.
const RSA_LENGTHS: std::ops::RangeInclusive<usize> = 256..=2048;

impl Expected {
    /// Takes what may be a signature of `input`, and gives it as JWS has it.
    pub(crate) fn signature(&self, input: &[u8], given: Vec<u8>) -> Result<Vec<u8>, Error> {
        let signature = match (half(self.algorithm), self.in_der) {
            (Some(half), true) => self.raw(&given, half)?,
            _ => given,
        };
        self.check_length(&signature)?;
        match &self.public {
            Some(public) if !public.verifies(input, &signature) => {
                let what = format!(
                    "{} signed with another key than the one with the thumbprint {}, or by another algorithm than {}",
                    self.signer,
                    public.thumbprint(),
                    self.algorithm
                );
                Err(wrong(what, "have it sign with the key whose public half is named"))
            }
            _ => Ok(signature),
        }
    }

    fn check_length(&self, signature: &[u8]) -> Result<(), Error> {
        let (found, signer, algorithm) = (signature.len(), self.signer, self.algorithm);
        match half(algorithm) {
            Some(half) if found == 2 * half => Ok(()),
            Some(half) if EcdsaSig::from_der(signature).is_ok() => Err(wrong(
                format!(
                    "{signer} gave an ECDSA signature in DER, where r ‖ s in {} bytes belongs",
                    2 * half
                ),
                "have it give r ‖ s, or say in the settings that its signatures are in DER",
            )),
            None if RSA_LENGTHS.contains(&found) => Ok(()),
            _ => Err(wrong(
                format!("{signer} gave {found} bytes, which are no signature of {algorithm}"),
                "see what it writes where the signature belongs, and whether it signs with this algorithm",
            )),
        }
    }

    /// What a JWS has of a signature in DER.
    fn raw(&self, der: &[u8], half: usize) -> Result<Vec<u8>, Error> {
        let padded = || {
            let (signature, width) = (EcdsaSig::from_der(der).ok()?, i32::try_from(half).ok()?);
            let (r, s) = (signature.r().to_vec_padded(width), signature.s().to_vec_padded(width));
            Some([r.ok()?, s.ok()?].concat())
        };
        padded().ok_or_else(|| {
            let what = format!(
                "{} gave {} bytes, which are no signature of {} in DER",
                self.signer,
                der.len(),
                self.algorithm
            );
            wrong(what, "see whether it gives r ‖ s itself, and for a key on which curve")
        })
    }
}

fn wrong(what: String, advice: &'static str) -> Error {
    Error::from_remote_signer(ErrorKind::Key, what, advice, None)
}

/// How many bytes each half of an ECDSA signature has
/// ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)); `None` for RSA.
fn half(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::Es256 => Some(32),
        Algorithm::Es384 => Some(48),
        Algorithm::Es512 => Some(66),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::SigningKey;
    use openssl::bn::BigNum;

    fn expected(key: &SigningKey, in_der: bool) -> Expected {
        Expected {
            signer: "the command",
            algorithm: key.public_jwk().algorithm(),
            in_der,
            public: Some(key.public_jwk().clone()),
        }
    }

    fn der(raw: &[u8]) -> Vec<u8> {
        let (r, s) = raw.split_at(raw.len() / 2);
        let [r, s] = [r, s].map(|half| BigNum::from_slice(half).unwrap());
        EcdsaSig::from_private_components(r, s).unwrap().to_der().unwrap()
    }

    #[test]
    fn a_signature_is_taken_in_the_form_that_is_set_and_in_no_other() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
            let key = SigningKey::generate(algorithm).unwrap();
            let raw = key.sign_blocking(b"input").unwrap();
            let take =
                |in_der, given: &[u8]| expected(&key, in_der).signature(b"input", given.to_vec());
            assert_eq!(take(false, &raw).unwrap(), raw);
            assert_eq!(take(true, &der(&raw)).unwrap(), raw);
            let error = take(false, &der(&raw)).unwrap_err();
            assert!(error.to_string().contains("in DER, where"), "{error}");
            assert!(take(true, &raw).is_err());
        }
    }

    #[test]
    fn another_key_and_other_lengths_are_refused_as_errors_of_the_key() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256] {
            let (key, other) = (
                SigningKey::generate(algorithm).unwrap(),
                SigningKey::generate(algorithm).unwrap(),
            );
            let right = key.sign_blocking(b"input").unwrap();
            let expected = expected(&key, false);
            assert!(expected.signature(b"input", right.clone()).is_ok());
            let short = right[1..].to_vec();
            for (name, given) in [
                ("another key", other.sign_blocking(b"input").unwrap()),
                ("another input", key.sign_blocking(b"another").unwrap()),
                ("nothing", Vec::new()),
                ("short", short),
                ("long", [right.as_slice(), b"\n"].concat()),
            ] {
                let error = expected.signature(b"input", given).expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Key, "{name}");
                assert!(!error.advice().is_empty(), "{name}");
            }
        }
    }
}
