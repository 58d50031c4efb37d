//! What is checked with a client secret: the secret itself, and signatures made with it.

use josekit::jws::JwsVerifier as _;
use josekit::jws::alg::hmac::HmacJwsAlgorithm;

use super::compact::Jws;
use super::public_key::sha256;

/// Whether the signature was made with the secret; `None` if its algorithm is none for secrets. A
/// secret that is shorter than the signature verifies nothing
/// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
pub(crate) fn verifies(secret: &str, jws: &Jws<'_>) -> Option<bool> {
    let algorithm = match jws.header("alg")?.as_str()? {
        "HS256" => HmacJwsAlgorithm::Hs256,
        "HS384" => HmacJwsAlgorithm::Hs384,
        "HS512" => HmacJwsAlgorithm::Hs512,
        _ => return None,
    };
    let verifier = algorithm.verifier_from_bytes(secret);
    Some(verifier.is_ok_and(|verifier| {
        verifier.verify(jws.signing_input.as_bytes(), &jws.signature).is_ok()
    }))
}

/// Whether both texts are the same; takes as long wherever they differ.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    openssl::memcmp::eq(&sha256(one), &sha256(other))
}
