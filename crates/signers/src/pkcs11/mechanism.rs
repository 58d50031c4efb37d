//! How a JWS signature is asked for: as far as possible the digest is made here, so that little
//! travels to the token.

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::slot::Slot;
use okta_introspect::Algorithm;
use openssl::hash::{MessageDigest, hash};

use super::fault::Fault;

/// One way to ask for the signatures of an algorithm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    algorithm: Algorithm,
    input: Input,
}

/// What the token is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Input {
    /// The digest.
    Digest,
    /// The digest in a DigestInfo
    /// ([RFC 8017 §9.2](https://www.rfc-editor.org/rfc/rfc8017#section-9.2)).
    DigestInfo,
    /// The signing input itself: the token makes the digest.
    Whole,
}

impl Way {
    /// The first way that the token and the key offer.
    pub(super) fn choose(
        algorithm: Algorithm,
        pkcs11: &Pkcs11,
        slot: Slot,
        allowed: &[MechanismType],
        multi_part: bool,
    ) -> Result<Self, Fault> {
        let offered = pkcs11
            .get_mechanism_list(slot)
            .map_err(|error| Fault::call("telling its mechanisms", error))?;
        let signs = |kind| pkcs11.get_mechanism_info(slot, kind).is_ok_and(|info| info.sign());
        Self::all(algorithm, multi_part)
            .into_iter()
            .find(|way| {
                let kind = way.mechanism().mechanism_type();
                (allowed.is_empty() || allowed.contains(&kind))
                    && offered.contains(&kind)
                    && signs(kind)
            })
            .ok_or_else(|| {
                Fault::new(
                    format!("the token does not sign with this key by {algorithm}"),
                    "choose another algorithm, or make a key that may sign by it",
                )
            })
    }

    /// A signature in several parts, as one that asks for the PIN is, is made of the whole input by
    /// most tokens.
    fn all(algorithm: Algorithm, multi_part: bool) -> Vec<Self> {
        let short = match family(algorithm) {
            Family::Pkcs1 => Input::DigestInfo,
            Family::Pss | Family::Ecdsa => Input::Digest,
        };
        let way = |input| Self { algorithm, input };
        match multi_part {
            false => vec![way(short), way(Input::Whole)],
            true => vec![way(Input::Whole), way(short)],
        }
    }

    pub(super) fn mechanism(self) -> Mechanism<'static> {
        let pss = pss(self.algorithm);
        let bits = bits(self.algorithm);
        match (family(self.algorithm), self.input, bits) {
            (Family::Pkcs1, Input::Whole, 256) => Mechanism::Sha256RsaPkcs,
            (Family::Pkcs1, Input::Whole, 384) => Mechanism::Sha384RsaPkcs,
            (Family::Pkcs1, Input::Whole, _) => Mechanism::Sha512RsaPkcs,
            (Family::Pkcs1, ..) => Mechanism::RsaPkcs,
            (Family::Pss, Input::Whole, 256) => Mechanism::Sha256RsaPkcsPss(pss),
            (Family::Pss, Input::Whole, 384) => Mechanism::Sha384RsaPkcsPss(pss),
            (Family::Pss, Input::Whole, _) => Mechanism::Sha512RsaPkcsPss(pss),
            (Family::Pss, ..) => Mechanism::RsaPkcsPss(pss),
            (Family::Ecdsa, Input::Whole, 256) => Mechanism::EcdsaSha256,
            (Family::Ecdsa, Input::Whole, 384) => Mechanism::EcdsaSha384,
            (Family::Ecdsa, Input::Whole, _) => Mechanism::EcdsaSha512,
            (Family::Ecdsa, ..) => Mechanism::Ecdsa,
        }
    }

    /// What the token is given for a signing input.
    pub(super) fn input(self, signing_input: &[u8]) -> Result<Vec<u8>, Fault> {
        if self.input == Input::Whole {
            return Ok(signing_input.to_vec());
        }
        let digest = hash(digest(self.algorithm), signing_input)
            .map_err(|cause| Fault::new(format!("no digest can be made ({cause})"), "try again"))?;
        let prefix = match (self.input, bits(self.algorithm)) {
            (Input::DigestInfo, 256) => SHA256_INFO,
            (Input::DigestInfo, 384) => SHA384_INFO,
            (Input::DigestInfo, _) => SHA512_INFO,
            (Input::Digest | Input::Whole, _) => &[],
        };
        Ok([prefix, &digest].concat())
    }
}

#[derive(Clone, Copy)]
enum Family {
    Pkcs1,
    Pss,
    Ecdsa,
}

fn family(algorithm: Algorithm) -> Family {
    match algorithm.name().as_bytes() {
        [b'P', ..] => Family::Pss,
        [b'E', ..] => Family::Ecdsa,
        _ => Family::Pkcs1,
    }
}

/// The length of the digest, which is that of PSS' salt too.
fn bits(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => 384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 => 512,
        _ => 256,
    }
}

/// The digest of an algorithm.
pub(super) fn digest(algorithm: Algorithm) -> MessageDigest {
    match bits(algorithm) {
        384 => MessageDigest::sha384(),
        512 => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    }
}

/// RFC 7518 §3.5: MGF1 with the same digest, and a salt as long as it.
fn pss(algorithm: Algorithm) -> PkcsPssParams {
    let (hash_alg, mgf) = match bits(algorithm) {
        384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        _ => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
    };
    PkcsPssParams { hash_alg, mgf, s_len: u64::from(bits(algorithm) / 8).into() }
}

const SHA256_INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
const SHA384_INFO: &[u8] = &[
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
    0x00, 0x04, 0x30,
];
const SHA512_INFO: &[u8] = &[
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];
