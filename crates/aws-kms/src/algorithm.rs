//! How KMS calls the algorithms, and what its signatures look like.

use aws_sdk_kms::types::SigningAlgorithmSpec;
use okta_introspect::Algorithm;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};

/// What KMS calls it.
pub(crate) fn spec(algorithm: Algorithm) -> Option<SigningAlgorithmSpec> {
    Some(match algorithm {
        Algorithm::Rs256 => SigningAlgorithmSpec::RsassaPkcs1V15Sha256,
        Algorithm::Rs384 => SigningAlgorithmSpec::RsassaPkcs1V15Sha384,
        Algorithm::Rs512 => SigningAlgorithmSpec::RsassaPkcs1V15Sha512,
        Algorithm::Ps256 => SigningAlgorithmSpec::RsassaPssSha256,
        Algorithm::Ps384 => SigningAlgorithmSpec::RsassaPssSha384,
        Algorithm::Ps512 => SigningAlgorithmSpec::RsassaPssSha512,
        Algorithm::Es256 => SigningAlgorithmSpec::EcdsaSha256,
        Algorithm::Es384 => SigningAlgorithmSpec::EcdsaSha384,
        Algorithm::Es512 => SigningAlgorithmSpec::EcdsaSha512,
        _ => return None,
    })
}

/// The digest that is signed.
pub(crate) fn digest(algorithm: Algorithm, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let by = match algorithm {
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => MessageDigest::sha384(),
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    };
    hash(by, input).map(|digest| digest.to_vec())
}

/// The signature as JWS has it: KMS gives ECDSA in DER
/// ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4) wants `r ‖ s`). `None` if it is no signature.
pub(crate) fn jws(algorithm: Algorithm, given: &[u8]) -> Option<Vec<u8>> {
    let half = match algorithm {
        Algorithm::Es256 => 32,
        Algorithm::Es384 => 48,
        Algorithm::Es512 => 66,
        _ => return Some(given.to_vec()),
    };
    let signature = EcdsaSig::from_der(given).ok()?;
    let [r, s] = [signature.r(), signature.s()].map(|number| number.to_vec_padded(half));
    Some([r.ok()?, s.ok()?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_a_name_of_its_own() {
        let mut names: Vec<_> =
            Algorithm::ALL.into_iter().map(|it| spec(it).unwrap().as_str().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Algorithm::ALL.len());
    }

    #[test]
    fn what_is_no_signature_in_der_is_none() {
        assert_eq!(jws(Algorithm::Es256, b"\x30\x00"), None);
        assert_eq!(jws(Algorithm::Es256, &[1; 64]), None);
        // Of a longer curve.
        let long = [&[0x30, 0x46, 0x02, 0x21][..], &[1; 33], &[0x02, 0x21], &[1; 33]].concat();
        assert_eq!(jws(Algorithm::Es256, &long), None);
        assert_eq!(jws(Algorithm::Es384, &long).unwrap().len(), 96);
        assert_eq!(jws(Algorithm::Rs256, b"any").unwrap(), b"any");
    }
}
