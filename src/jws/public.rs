//! Public halves of keys that live elsewhere: read from their notations, and held against signatures.

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::key::VerificationKey;
use crate::error::Error;
use crate::key::{Algorithm, BYTE_ORDER_MARK, Curve, Jwk, KeyOptions, PublicJwk};
use crate::support::json::Object;

/// A certificate has a few kilobytes.
const MAX_LEN: usize = 64 * 1024;

impl PublicJwk {
    /// Reads a public key: a JWK, PEM or DER with `SubjectPublicKeyInfo`
    /// ([RFC 5280 §4.1.2.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)), or a certificate in PEM or DER.
    /// Of `options` the algorithm and the key id count; without, they are what the JWK says, or for
    /// the algorithm ES256/384/512 by the curve, or RS256. At most 64 KiB are read.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if it is none of these, holds a private key, is RSA under 2048
    /// or over 8192 bits or weak, is on another curve, or if the algorithm does not fit.
    ///
    /// # Example: what a key service publishes
    ///
    /// ```
    /// use okta_introspect::{Algorithm, KeyOptions, PublicJwk, SigningKey};
    ///
    /// let published = SigningKey::generate(Algorithm::Es256)?.public_jwk().to_json();
    /// let public = PublicJwk::parse(published.as_bytes(), &KeyOptions::default().key_id("k1"))?;
    /// assert_eq!((public.algorithm(), public.key_id()), (Algorithm::Es256, Some("k1")));
    /// # Ok::<(), okta_introspect::Error>(())
    /// ```
    pub fn parse(text: &[u8], options: &KeyOptions) -> Result<Self, Error> {
        if text.len() > MAX_LEN {
            return Err(Error::key("the public key is longer than 64 KiB")
                .advise("give the public key alone"));
        }
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if text.trim_ascii_start().starts_with(b"{") {
            return from_json(text, options);
        }
        let key = from_pem(text).or_else(|_| from_der(text)).map_err(|_| not_a_key())?;
        // Once more as a JWK: there is what is asked of a key's size and strength.
        let natural = natural_algorithm(&key)?;
        let jwk = Self::new(&key, natural, None).map_err(|_| not_a_key())?;
        from_json(jwk.to_json().as_bytes(), &with_algorithm(options, natural))
    }

    /// Whether `signature`, in the form that JWS has, is one of `signing_input` by this key with its
    /// algorithm.
    pub fn verifies(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let json = self.to_json();
        let Ok(jwk) = Object::parse(json.as_bytes()) else { return false };
        VerificationKey::from_jwk(&jwk)
            .is_ok_and(|key| key.verifies_bytes(self.algorithm(), signing_input, signature))
    }
}

fn from_json(json: &[u8], options: &KeyOptions) -> Result<PublicJwk, Error> {
    let jwk = Object::parse(json).map_err(|fault| {
        Error::key(format!("the public key {fault}")).advise("give one JWK and nothing else")
    })?;
    let key = VerificationKey::from_jwk(&jwk)?;
    let algorithm = match options.algorithm {
        Some(algorithm) => algorithm,
        None => jwk.algorithm()?.unwrap_or_else(|| key.natural_algorithm()),
    };
    if !key.can(algorithm) {
        let natural = key.natural_algorithm();
        return Err(Error::key(format!("{algorithm} does not fit the public key"))
            .advise(format!("leave the algorithm out, or name {natural}")));
    }
    let key_id = options.key_id.as_deref().or_else(|| jwk.text("kid"));
    key.public_jwk(algorithm, key_id.map(str::to_owned)).map_err(|_| not_a_key())
}

fn from_pem(text: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::public_key_from_pem(text).or_else(|_| X509::from_pem(text)?.public_key())
}

fn from_der(bytes: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::public_key_from_der(bytes).or_else(|_| X509::from_der(bytes)?.public_key())
}

fn natural_algorithm(key: &PKey<Public>) -> Result<Algorithm, Error> {
    if key.rsa().is_ok() {
        return Ok(Algorithm::Rs256);
    }
    let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
    curve.and_then(Curve::from_nid).map(Curve::algorithm).ok_or_else(|| {
        Error::key("the public key is neither RSA nor on P-256, P-384 or P-521")
            .advise("use an RSA or EC key")
    })
}

/// With the algorithm that is the key's own unless another is given.
fn with_algorithm(options: &KeyOptions, natural: Algorithm) -> KeyOptions {
    let mut options = options.clone();
    options.algorithm.get_or_insert(natural);
    options
}

fn not_a_key() -> Error {
    Error::key("this is no public key")
        .advise("give a JWK, PEM with `BEGIN PUBLIC KEY`, or the key's certificate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::key::SigningKey;
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::Private;
    use openssl::x509::X509Builder;

    fn pem_key(algorithm: Algorithm) -> (SigningKey, PKey<Private>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = SigningKey::generate(algorithm).unwrap();
        key.write_new_file(&path).unwrap();
        let pkey = PKey::private_key_from_pem(&std::fs::read(path).unwrap()).unwrap();
        (key, pkey)
    }

    fn certificate(key: &PKey<Private>) -> X509 {
        let mut builder = X509Builder::new().unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        builder.sign(key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    #[test]
    fn a_public_key_is_the_same_in_every_notation() {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
            let (key, pkey) = pem_key(algorithm);
            let certificate = certificate(&pkey);
            for text in [
                key.public_jwk().to_json().into_bytes(),
                [BYTE_ORDER_MARK, key.public_jwk().to_json().as_bytes()].concat(),
                pkey.public_key_to_pem().unwrap(),
                pkey.public_key_to_der().unwrap(),
                certificate.to_pem().unwrap(),
                certificate.to_der().unwrap(),
            ] {
                let public = PublicJwk::parse(&text, &KeyOptions::default()).unwrap();
                assert_eq!(&public, key.public_jwk(), "{algorithm}");
            }
        }
    }

    #[test]
    fn algorithm_and_id_are_those_of_the_options_first() {
        let (_, pkey) = pem_key(Algorithm::Rs256);
        let options = KeyOptions::default().algorithm(Algorithm::Ps384).key_id("k2");
        let public = PublicJwk::parse(&pkey.public_key_to_pem().unwrap(), &options).unwrap();
        assert_eq!((public.algorithm(), public.key_id()), (Algorithm::Ps384, Some("k2")));
        let again = PublicJwk::parse(public.to_json().as_bytes(), &KeyOptions::default()).unwrap();
        assert_eq!(again, public);
    }

    #[test]
    fn what_is_no_public_key_is_refused_and_not_repeated() {
        let (key, pkey) = pem_key(Algorithm::Es256);
        let private = pkey.private_key_to_pem_pkcs8().unwrap();
        let jwk = key.public_jwk().to_json();
        for (name, text) in [
            ("nothing", Vec::new()),
            ("a word", b"secret-word".to_vec()),
            ("a private key", private),
            ("a private JWK", jwk.replace("\"kty\"", "\"d\":\"secret-word\",\"kty\"").into_bytes()),
            ("two members alike", jwk.replace("\"kty\"", "\"kty\":\"EC\",\"kty\"").into_bytes()),
            ("too long", vec![b' '; MAX_LEN + 1]),
            ("half a JWK", jwk.as_bytes()[..40].to_vec()),
        ] {
            let error = PublicJwk::parse(&text, &KeyOptions::default()).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Key, "{name}");
            assert!(!format!("{error:?}").contains("secret-word"), "{name}");
        }
        let other = KeyOptions::default().algorithm(Algorithm::Es384);
        assert!(PublicJwk::parse(jwk.as_bytes(), &other).is_err());
    }

    #[test]
    fn a_signature_is_verified_by_the_key_that_made_it_alone() {
        for algorithm in Algorithm::ALL {
            let (key, other) = (pem_key(algorithm).0, pem_key(algorithm).0);
            let mut signature = key.sign_blocking(b"input").unwrap();
            assert!(key.public_jwk().verifies(b"input", &signature), "{algorithm}");
            assert!(!key.public_jwk().verifies(b"other", &signature), "{algorithm}");
            assert!(!other.public_jwk().verifies(b"input", &signature), "{algorithm}");
            signature.push(0);
            assert!(!key.public_jwk().verifies(b"input", &signature), "{algorithm}");
        }
    }
}
