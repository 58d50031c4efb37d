//! The server's signing keys, and the JWTs made with them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Sandbox;
use super::log::LogEntity;
use super::server::KEY_ROLLOVER;
use crate::error::Error;
use crate::key::{Algorithm, SigningKey};

impl Sandbox {
    /// Rotates the keys of a custom server at once: the key published as the next one signs from
    /// now on, another next one is made, and the key that signed so far stays published for 24
    /// hours.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such server. The org server's keys cannot
    /// be rotated by hand, at Okta either.
    pub fn rotate_keys(&self, server_id: &str) -> Result<(), Error> {
        let shared = self.shared();
        shared.keep_up();
        let now = shared.now();
        shared.state().rotate_keys(server_id, now)?;
        shared.log_change(KEY_ROLLOVER, Some(LogEntity::server(server_id)));
        Ok(())
    }

    /// Schedules the next rotation of a custom server's keys, in place of one that was scheduled
    /// before. Default: none. Until then the `max-age` of the published keys shrinks with the time
    /// that is left, as Okta's does.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such server.
    pub fn schedule_rotation(&self, server_id: &str, at: DateTime<Utc>) -> Result<(), Error> {
        self.shared().keep_up();
        self.shared().state().schedule_rotation(server_id, at)
    }
}

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
