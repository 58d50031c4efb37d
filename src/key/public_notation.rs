//! Reads public keys: PEM or DER of a key or of a certificate, or a JWK.

use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::accept::fitting_algorithm;
use super::jwk::{Jwk as _, KeyFault};
use super::{BYTE_ORDER_MARK, KeyOptions, PublicJwk};
use crate::error::Error;
use crate::support::json::Object;

/// A certificate with its chain is shorter.
const MAX_LEN: usize = 256 * 1024;

impl PublicJwk {
    /// Reads a public key: PEM or DER of the key (SubjectPublicKeyInfo or PKCS#1) or of a
    /// certificate, or a JWK. `options` name the algorithm and the key id, as for a private key.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key): none of these, a private key, RSA under 2048 bits, an
    /// unsupported curve, an algorithm that does not fit.
    pub fn parse(text: &[u8], options: &KeyOptions) -> Result<Self, Error> {
        parse(text, options)
    }
}

fn parse(bytes: &[u8], options: &KeyOptions) -> Result<PublicJwk, Error> {
    if bytes.len() > MAX_LEN {
        return Err(Error::key("the public key is longer than 256 KiB")
            .advise("give the public key or its certificate alone"));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (key, own_id, own_algorithm) = match bytes.trim_ascii_start().first() {
        Some(b'{') => from_json(bytes)?,
        _ => (from_pem_or_der(bytes)?, None, None),
    };
    let algorithm = fitting_algorithm(&key, options.algorithm.or(own_algorithm))?;
    let key_id = options.key_id.clone().or(own_id);
    PublicJwk::new(&key, algorithm, key_id)
        .map_err(|cause| Error::key("the public key cannot be used").because(cause))
}

fn from_pem_or_der(bytes: &[u8]) -> Result<PKey<Public>, Error> {
    if bytes.windows(12).any(|part| part == b"PRIVATE KEY-") {
        return Err(Error::key("this is a private key, where a public one belongs")
            .advise("give the public half only"));
    }
    let rsa = |read: Result<Rsa<Public>, ErrorStack>| read.and_then(PKey::from_rsa);
    let certificate = |read: Result<X509, ErrorStack>| read.and_then(|x509| x509.public_key());
    PKey::public_key_from_pem(bytes)
        .or_else(|_| certificate(X509::from_pem(bytes)))
        .or_else(|_| rsa(Rsa::public_key_from_pem_pkcs1(bytes)))
        .or_else(|_| PKey::public_key_from_der(bytes))
        .or_else(|_| certificate(X509::from_der(bytes)))
        .or_else(|_| rsa(Rsa::public_key_from_der_pkcs1(bytes)))
        .map_err(|_| {
            Error::key("this is neither a public key, nor a certificate, nor a JWK")
                .advise("give a PEM with `BEGIN PUBLIC KEY` or `BEGIN CERTIFICATE`, or a JWK")
        })
}

type Read = (PKey<Public>, Option<String>, Option<super::Algorithm>);

fn from_json(bytes: &[u8]) -> Result<Read, Error> {
    let jwk = Object::parse(bytes).map_err(|_| {
        Error::key("the public key is no JSON object, although it begins as one")
            .advise("give the JWK whole, alone, and each member once")
    })?;
    if jwk.has_any(&["d", "k"]) {
        return Err(KeyFault::Private.into());
    }
    if !jwk.is_for("verify") {
        return Err(KeyFault::Use.into());
    }
    let key = match jwk.text("kty") {
        Some("RSA") => rsa_key(&jwk.bytes("n")?, &jwk.bytes("e")?),
        Some("EC") => {
            let curve = jwk.curve()?;
            let (x, y) = (jwk.wide("x", curve)?, jwk.wide("y", curve)?);
            EcGroup::from_curve_name(curve.nid()).and_then(|group| ec_key(&group, &x, &y))
        }
        _ => return Err(KeyFault::Type.into()),
    };
    let key = key.map_err(|_| KeyFault::Invalid)?;
    Ok((key, jwk.text("kid").map(str::to_owned), jwk.algorithm()?))
}

fn rsa_key(n: &[u8], e: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?)?)
}

/// Refuses points that are not on the curve.
fn ec_key(group: &EcGroup, x: &[u8], y: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let (x, y) = (BigNum::from_slice(x)?, BigNum::from_slice(y)?);
    PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(group, &x, &y)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::key::{Algorithm, SigningKey};

    fn parse(bytes: &[u8]) -> Result<PublicJwk, Error> {
        PublicJwk::parse(bytes, &KeyOptions::default())
    }

    #[test]
    fn a_public_key_is_the_same_in_every_notation() {
        for (algorithm, pem) in [
            (Algorithm::Rs256, include_bytes!("../../keys/sample-rsa-2048.pem").as_slice()),
            (Algorithm::Es256, include_bytes!("../../keys/sample-p256.pem")),
            (Algorithm::Es384, include_bytes!("../../keys/sample-p384.pem")),
        ] {
            let key = PKey::private_key_from_pem(pem).unwrap();
            let expected = SigningKey::parse(pem, &KeyOptions::default()).unwrap();
            let expected = expected.public_jwk();
            let mut notations = vec![
                key.public_key_to_pem().unwrap(),
                key.public_key_to_der().unwrap(),
                expected.to_json().into_bytes(),
                format!("\u{feff} {}", expected.to_json()).into_bytes(),
            ];
            if let Ok(rsa) = key.rsa() {
                notations.push(rsa.public_key_to_pem_pkcs1().unwrap());
                notations.push(rsa.public_key_to_der_pkcs1().unwrap());
            }
            for notation in notations {
                let public = parse(&notation).unwrap();
                assert_eq!(public.thumbprint(), expected.thumbprint(), "{algorithm}");
                assert_eq!(public.algorithm(), algorithm);
            }
        }
    }

    #[test]
    fn id_and_algorithm_are_the_jwks_unless_others_are_named() {
        let key = SigningKey::generate(Algorithm::Ps384).unwrap().with_key_id(Some("a".into()));
        let json = key.public_jwk().to_json();
        assert_eq!(&parse(json.as_bytes()).unwrap(), key.public_jwk());
        let options = KeyOptions::default().key_id("b").algorithm(Algorithm::Rs512);
        let named = PublicJwk::parse(json.as_bytes(), &options).unwrap();
        assert_eq!((named.key_id(), named.algorithm()), (Some("b"), Algorithm::Rs512));
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let private = include_bytes!("../../keys/sample-p256.pem").as_slice();
        let off_curve = r#"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
        let small = Rsa::generate(1024).unwrap().public_key_to_pem().unwrap();
        let encryption = SigningKey::generate(Algorithm::Es256).unwrap().public_jwk().to_json();
        let encryption = encryption.replace(r#""use":"sig""#, r#""use":"enc""#);
        for (bytes, says) in [
            (private, "private key"),
            (b"".as_slice(), "neither"),
            (b"nonsense", "neither"),
            (b"{", "no JSON"),
            (br#"{"kty":"EC","d":"AA"}"#, "private or secret"),
            (br#"{"kty":"oct"}"#, "neither an RSA nor an EC"),
            (off_curve.as_bytes(), "do not fit together"),
            (encryption.as_bytes(), "not for signatures"),
            (&small, "1024 bits"),
            (&vec![b' '; MAX_LEN + 1], "longer"),
        ] {
            let error = parse(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!error.advice().is_empty(), "{error}");
        }
        let options = KeyOptions::default().algorithm(Algorithm::Es384);
        let pem = PKey::private_key_from_pem(private).unwrap().public_key_to_pem().unwrap();
        assert!(PublicJwk::parse(&pem, &options).is_err());
    }
}
