//! Secrets that only a holder of the private key can derive
//! ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use zeroize::Zeroizing;

/// Keeps these secrets apart from those that other programs derive from the same key.
const SALT: &[u8] = b"okta-introspect derived secret 1";

/// A secret of the key, another one for each label.
pub(super) fn derive(key: &PKey<Private>, label: &str) -> Result<Zeroizing<[u8; 32]>, ErrorStack> {
    hkdf_sha256(&private_number(key)?, SALT, label.as_bytes())
}

/// The number that makes the key private. It is the same however the key was written down, while
/// a whole PKCS#8 structure may or may not have the public half in it.
fn private_number(key: &PKey<Private>) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let number = match key.id() {
        Id::RSA => key.rsa()?.d().to_vec(),
        _ => {
            let key = key.ec_key()?;
            let width = key.group().order_bits().div_ceil(8).try_into().unwrap_or_default();
            key.private_key().to_vec_padded(width)?
        }
    };
    Ok(Zeroizing::new(number))
}

pub(crate) fn hkdf_sha256(
    key: &[u8],
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; 32]>, ErrorStack> {
    let mut secret = Zeroizing::new([0; 32]);
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_salt(salt)?;
    context.set_hkdf_key(key)?;
    context.add_hkdf_info(info)?;
    context.derive(Some(&mut *secret))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, KeyOptions, SigningKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn it_is_the_function_of_rfc_5869() {
        // Appendix A.1, the first 32 bytes.
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let secret = hkdf_sha256(&[0x0b; 22], &salt, &info).unwrap();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }

    #[test]
    fn each_key_and_each_label_has_a_secret_of_its_own_which_is_always_the_same() {
        let keys = [Algorithm::Es256, Algorithm::Es512, Algorithm::Es256, Algorithm::Rs256]
            .map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let mut secrets = Vec::new();
        for key in &keys {
            for label in ["a", "b", ""] {
                let secret = key.derive_secret(label).unwrap();
                assert_eq!(secret, key.clone().derive_secret(label).unwrap());
                assert!(!secrets.contains(&secret));
                secrets.push(secret);
            }
        }
    }

    #[test]
    fn the_notation_the_key_id_and_the_algorithm_make_no_difference() {
        let pem = include_bytes!("../../keys/sample-p256.pem");
        let key = SigningKey::parse(pem, &KeyOptions::default()).unwrap();
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        let d = PKey::private_key_from_pem(pem).unwrap().ec_key().unwrap();
        let d = d.private_key().to_vec_padded(32).unwrap();
        jwk["d"] = URL_SAFE_NO_PAD.encode(&d).into();
        let options = KeyOptions::default().key_id("k2");
        let other = SigningKey::parse(jwk.to_string().as_bytes(), &options).unwrap();
        assert_eq!(key.derive_secret("a").unwrap(), other.derive_secret("a").unwrap());
        assert_ne!(key.derive_secret("a").unwrap()[..], d[..]);
    }
}
