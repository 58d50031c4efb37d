//! Proofs of possession, made without the library that checks them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A proof with these claims and the hash of `token` ([RFC 9449 §4](https://www.rfc-editor.org/rfc/rfc9449#section-4)),
/// by the P-256 key whose public JWK this is; `sign` signs by ES256.
pub fn dpop_proof<S: AsRef<[u8]>>(
    jwk: &str,
    mut claims: Value,
    token: &str,
    sign: impl FnOnce(&[u8]) -> S,
) -> String {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    for member in ["alg", "use", "kid"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    claims["ath"] = URL_SAFE_NO_PAD.encode(openssl::sha::sha256(token.as_bytes())).into();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
