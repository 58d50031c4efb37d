//! The text of a private JWK, which alone can hold the key's id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use zeroize::Zeroizing;

use super::PublicJwk;

/// The public members with the private ones behind them
/// ([RFC 7518 §6.2.2, §6.3.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.2)), on a line.
pub(super) fn private_jwk(
    key: &PKey<Private>,
    public: &PublicJwk,
) -> Result<Zeroizing<String>, ErrorStack> {
    // Room for a key of 16,384 bits at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(32 * 1024));
    text.push_str(public.to_json().trim_end_matches('}'));
    match public.algorithm().curve() {
        Some(curve) => {
            let number = key.ec_key()?.private_key().to_vec_padded(curve.len())?;
            push(&mut text, "d", Zeroizing::new(number));
        }
        None => {
            let key = key.rsa()?;
            let factors = [
                ("p", key.p()),
                ("q", key.q()),
                ("dp", key.dmp1()),
                ("dq", key.dmq1()),
                ("qi", key.iqmp()),
            ];
            push(&mut text, "d", Zeroizing::new(key.d().to_vec()));
            // All of them or none.
            if factors.iter().all(|(_, number)| number.is_some()) {
                for (name, number) in factors {
                    let number = number.map(BigNumRef::to_owned).transpose()?;
                    push(&mut text, name, bytes(number.as_ref()));
                }
            }
        }
    }
    text.push_str("}\n");
    Ok(text)
}

fn bytes(number: Option<&BigNum>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(number.map(|number| number.to_vec()).unwrap_or_default())
}

fn push(text: &mut Zeroizing<String>, name: &str, number: Zeroizing<Vec<u8>>) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":\"");
    URL_SAFE_NO_PAD.encode_string(&*number, text);
    text.push('"');
}

#[cfg(test)]
mod tests {
    use crate::key::{Algorithm, KeyOptions, SigningKey};

    #[test]
    fn what_is_written_is_read_as_the_same_key_with_its_id_and_algorithm() {
        let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        for key in keys {
            let key = key.with_key_id(Some("k \"1\"".to_owned()));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("key.jwk");
            key.write_new_jwk_file(&path).unwrap();
            let read = SigningKey::from_file(&path, &KeyOptions::default()).unwrap();
            assert_eq!(read.public_jwk(), key.public_jwk());
            // Complete: no factor has to be found anew.
            let jwk: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let members = ["d", "p", "q", "dp", "dq", "qi"];
            let there = members.iter().filter(|name| jwk.get(**name).is_some()).count();
            assert_eq!(there, if jwk["kty"] == "RSA" { 6 } else { 1 });
            assert!(key.write_new_jwk_file(&path).is_err(), "never overwritten");
        }
    }
}
