//! The server's signing keys, and the JWTs made with them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::key::{Algorithm, SigningKey};

/// The key with this number, made when it is first asked for.
///
/// Making an RSA key takes long (a tenth of a second and more), so a sandbox that signs nothing
/// makes none, and all sandboxes of a process share theirs. That is harmless: the keys protect
/// nothing, and the issuers still differ.
pub(super) fn signing_key(number: usize) -> SigningKey {
    static KEYS: Mutex<BTreeMap<usize, SigningKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.entry(number).or_insert_with(generate).clone()
}

fn generate() -> SigningKey {
    // Nothing from outside goes into the key: this fails only when OpenSSL has no memory or no
    // randomness.
    let key = SigningKey::generate(Algorithm::Rs256).expect("OpenSSL can make an RSA key");
    let key_id = key.public_jwk().thumbprint();
    key.with_key_id(Some(key_id))
}

/// Signs `claims` as a JWT. The header has `kid` and `alg`, and `typ` only where it is given.
pub(super) fn sign(key: &SigningKey, typ: Option<&str>, claims: &Value) -> String {
    let public = key.public_jwk();
    let mut header = json!({"kid": public.key_id(), "alg": public.algorithm().name()});
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(&header), encode(claims));
    // An RSA key that OpenSSL made itself signs any input, unless memory runs out.
    let signature = key.sign_blocking(input.as_bytes()).expect("OpenSSL can sign");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
