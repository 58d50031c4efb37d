//! An app's registered public key.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::jose::{self, Algorithm, PublicKey};

/// A public key registered for an app: a JWK, and whether it is active.
///
/// In a seed document it is a JWK whose `status` member may be `ACTIVE` (the default) or
/// `INACTIVE`, as Okta shows it. Keys that Okta would not register are refused: private keys,
/// other types than RSA and EC, RSA under 2048 bits.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct AppKey {
    jwk: Map<String, Value>,
    key: PublicKey,
    active: bool,
    created: Option<DateTime<Utc>>,
}

impl AppKey {
    /// Reads a public JWK, given as a JSON object.
    ///
    /// # Errors
    ///
    /// If Okta would not register it.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        match jwk {
            Value::Object(members) => members.clone().try_into(),
            _ => Err(Error::key("the JWK is not a JSON object", "copy the key anew")),
        }
    }

    /// The key id, if the key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.jwk.get("kid").and_then(Value::as_str)
    }

    /// Whether assertions signed with the key are accepted.
    pub fn is_active(&self) -> bool {
        self.active
    }

    pub(crate) fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// When it was registered; `None` before that.
    pub(crate) fn created(&self) -> Option<DateTime<Utc>> {
        self.created
    }

    /// The key as registered at `now`, unless it was before.
    pub(crate) fn created_at(mut self, now: DateTime<Utc>) -> Self {
        self.created.get_or_insert(now);
        self
    }

    /// The id under which the management API knows it.
    pub(crate) fn object_id(&self) -> String {
        let key_id = self.key_id().unwrap_or_default();
        let hash = jose::sha256_base64url(&format!("{} {key_id}", self.key.thumbprint()));
        let plain = hash.chars().filter(char::is_ascii_alphanumeric).take(17);
        "pks".chars().chain(plain).collect()
    }

    /// What it is for. Okta takes a key without `use` as a signing key.
    pub(crate) fn usage(&self) -> &str {
        self.jwk.get("use").and_then(Value::as_str).unwrap_or("sig")
    }

    pub(crate) fn is_for_signing(&self) -> bool {
        self.usage() == "sig"
    }

    /// A key whose JWK names an algorithm is for that one alone
    /// ([RFC 7517 §4.4](https://www.rfc-editor.org/rfc/rfc7517#section-4.4)). Okta does not say
    /// whether it looks; a client that is right does not depend on it.
    pub(crate) fn permits(&self, algorithm: Algorithm) -> bool {
        self.jwk.get("alg").is_none_or(|named| named == algorithm.name())
    }

    pub(crate) fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The JWK without its status.
    pub(crate) fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }
}

impl TryFrom<Map<String, Value>> for AppKey {
    type Error = Error;

    fn try_from(mut jwk: Map<String, Value>) -> Result<Self, Error> {
        // A member that is null is absent.
        jwk.retain(|_, value| !value.is_null());
        let active = match jwk.remove("status") {
            None => true,
            Some(status) if status == "ACTIVE" => true,
            Some(status) if status == "INACTIVE" => false,
            Some(_) => {
                let what = "the JWK's `status` is neither ACTIVE nor INACTIVE";
                return Err(Error::key(what, "remove it, or write one of the two"));
            }
        };
        for name in ["kid", "use"] {
            if jwk.get(name).is_some_and(|value| !value.is_string()) {
                let what = format!("the JWK's `{name}` is not text");
                return Err(Error::key(what, "write it as text"));
            }
        }
        let key = PublicKey::from_jwk(&jwk)?;
        Ok(Self { jwk, key, active, created: None })
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey")
            .field("key_id", &self.key_id())
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// Reads a JWK Set or a plain list of JWKs.
pub(crate) fn read_set<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<AppKey>, D::Error> {
    let keys = match Value::deserialize(from)? {
        Value::Object(mut set) => set.remove("keys").filter(|_| set.is_empty()),
        list => Some(list),
    };
    let Some(Value::Array(keys)) = keys else {
        return Err(D::Error::custom("`jwks` is neither {\"keys\": […]} nor a list of JWKs"));
    };
    keys.iter()
        .enumerate()
        .map(|(index, jwk)| {
            AppKey::from_jwk(jwk)
                .map_err(|fault| D::Error::custom(format!("key {} of `jwks`: {fault}", index + 1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::seed::Seed;
    use super::*;
    use crate::jose::SigningKey;

    fn jwk(status: &str) -> String {
        let mut jwk = SigningKey::generate().public_jwk().clone();
        jwk.insert("kid".to_owned(), "k1".into());
        Value::from(jwk).to_string().replacen('{', &format!("{{{status}"), 1)
    }

    fn read(jwks: &str) -> Result<Vec<AppKey>, serde_json::Error> {
        let text = format!(r#"{{"apps": [{{"client_id": "0oa1", "jwks": {jwks}}}]}}"#);
        serde_json::from_str(&text).map(|mut seed: Seed| seed.apps.remove(0).jwks)
    }

    #[test]
    fn a_set_and_a_list_read_alike() {
        let jwk = jwk("");
        for text in [format!(r#"{{"keys": [{jwk}]}}"#), format!("[{jwk}]")] {
            let keys = read(&text).unwrap();
            assert_eq!(keys[0].key_id(), Some("k1"));
            assert!(keys[0].is_active() && keys[0].is_for_signing());
        }
    }

    #[test]
    fn a_status_is_kept_and_a_wrong_one_refused() {
        assert!(!read(&format!("[{}]", jwk(r#""status":"INACTIVE","#))).unwrap()[0].is_active());
        assert!(read(&format!("[{}]", jwk(r#""status":"off","#))).is_err());
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let error = read(&format!("[{}]", jwk(r#""d":"s3cret","#))).unwrap_err().to_string();
        assert!(error.contains("key 1"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
