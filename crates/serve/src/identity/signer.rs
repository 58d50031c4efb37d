//! Signs JWTs of the sidecar's own, and publishes the keys.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use okta_introspect::{Algorithm, Error, PublicJwk, Signer as _, SigningKey};
use serde::Serialize;

use crate::error::Fault;

/// Signs what the sidecar states in its own name: identity tokens, and answers of RFC 9701. Cheap to
/// clone.
///
/// # Example: a key that lives as long as the process
///
/// ```
/// use okta_introspect_serve::JwtSigner;
///
/// let signer = JwtSigner::generate("https://sidecar.orders.internal")?;
/// assert!(signer.jwks().starts_with(br#"{"keys":[{"#));
/// # Ok::<(), okta_introspect_serve::Fault>(())
/// ```
#[derive(Clone)]
pub struct JwtSigner {
    inner: Arc<Inner>,
}

struct Inner {
    key: SigningKey,
    key_id: String,
    issuer: String,
    published: Vec<PublicJwk>,
    jwks: Bytes,
}

/// How many keys are published: the one in use, and those of configurations before it.
const MAX_PUBLISHED: usize = 3;

impl JwtSigner {
    /// Signs with this key under the name `issuer`, which goes into `iss`. A key without an id is
    /// published under its thumbprint
    /// ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)). An RSA key takes several times as long
    /// for each signature as one on a curve.
    pub fn new(key: SigningKey, issuer: impl Into<String>) -> Self {
        let key_id = key.key_id().map_or_else(|| key.public_jwk().thumbprint(), str::to_owned);
        let key = key.with_key_id(Some(key_id.clone()));
        let published = vec![key.public_jwk().clone()];
        let jwks = document(&published);
        Self { inner: Arc::new(Inner { key, key_id, issuer: issuer.into(), published, jwks }) }
    }

    /// Signs with a new key for ES256, which ends with the process. Every instance then has a key
    /// of its own, so a backend behind several of them wants one key from a file.
    ///
    /// # Errors
    ///
    /// If OpenSSL cannot make a key.
    pub fn generate(issuer: impl Into<String>) -> Result<Self, Fault> {
        let key = SigningKey::generate(Algorithm::Es256);
        let key = key.map_err(|error| Fault::new(error.to_string()).advise(error.advice()))?;
        Ok(Self::new(key, issuer))
    }

    /// Publishes the keys of `earlier` too, whose tokens are still about when a new configuration
    /// takes its place. At most three keys are published, the oldest are left out.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        let Inner { key, key_id, issuer, published, .. } = &*self.inner;
        let mut published = published.clone();
        for jwk in &earlier.inner.published {
            if !published.contains(jwk) && published.len() < MAX_PUBLISHED {
                published.push(jwk.clone());
            }
        }
        let (key, key_id, issuer) = (key.clone(), key_id.clone(), issuer.clone());
        let jwks = document(&published);
        Self { inner: Arc::new(Inner { key, key_id, issuer, published, jwks }) }
    }

    /// The name under which it signs.
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The public keys as a JWK Set
    /// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), for
    /// `/.well-known/jwks.json`; its media type is `application/jwk-set+json`.
    pub fn jwks(&self) -> Bytes {
        self.inner.jwks.clone()
    }

    /// A compact JWT of this type. `typ` keeps it from being taken for one of another kind
    /// ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let Inner { key, key_id, .. } = &*self.inner;
        let mut jwt = String::with_capacity(1024);
        push(&Header { typ, alg: key.algorithm().name(), kid: key_id }, &mut jwt);
        jwt.push('.');
        push(claims, &mut jwt);
        let signature = key.sign_blocking(jwt.as_bytes())?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Ok(jwt)
    }
}

impl fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSigner")
            .field("issuer", &self.inner.issuer)
            .field("key_id", &self.inner.key_id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

fn push(value: &impl Serialize, jwt: &mut String) {
    let mut json = Vec::with_capacity(512);
    // Texts, numbers and JSON that was read before: nothing that JSON could refuse.
    serde_json::to_writer(&mut json, value).expect("plain headers and claims serialise");
    URL_SAFE_NO_PAD.encode_string(json, jwt);
}

fn document(keys: &[PublicJwk]) -> Bytes {
    #[derive(Serialize)]
    struct JwkSet<'a> {
        keys: &'a [PublicJwk],
    }
    // Texts and fixed names only.
    serde_json::to_vec(&JwkSet { keys }).expect("public keys serialise").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sample::{claims_of, header_of};
    use okta_introspect::KeyOptions;
    use serde_json::{Value, json};

    fn key_ids(signer: &JwtSigner) -> Vec<String> {
        let jwks: Value = serde_json::from_slice(&signer.jwks()).unwrap();
        let keys = jwks["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_signed_verifies_by_the_published_keys_and_says_its_type() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let signer = JwtSigner::new(SigningKey::generate(algorithm).unwrap(), "sidecar");
            let jwt = signer.sign("a+jwt", &json!({"iss": signer.issuer()})).unwrap();
            assert_eq!(claims_of(&jwt, &signer), json!({"iss": "sidecar"}));
            let kid = &key_ids(&signer)[0];
            let expected = json!({"typ": "a+jwt", "alg": algorithm.name(), "kid": kid});
            assert_eq!(header_of(&jwt), expected);
        }
    }

    #[test]
    fn no_private_member_is_published() {
        let jwks = JwtSigner::generate("sidecar").unwrap().jwks();
        let jwks: Value = serde_json::from_slice(&jwks).unwrap();
        let mut members: Vec<_> = jwks["keys"][0].as_object().unwrap().keys().cloned().collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }

    #[test]
    fn keys_of_earlier_configurations_stay_published_and_not_for_ever() {
        let signer = |id: &str| {
            let key = SigningKey::generate(Algorithm::Es256).unwrap();
            JwtSigner::new(key.with_key_id(Some(id.to_owned())), "sidecar")
        };
        let first = signer("k1");
        assert_eq!(key_ids(&first.clone().after(&first)), ["k1"]);
        let second = signer("k2").after(&first);
        assert_eq!(key_ids(&second), ["k2", "k1"]);
        let fourth = signer("k4").after(&signer("k3").after(&second));
        assert_eq!(key_ids(&fourth), ["k4", "k3", "k2"]);
        let jwt = fourth.sign("a+jwt", &json!({})).unwrap();
        assert_eq!(header_of(&jwt)["kid"], "k4");
    }

    #[test]
    fn debug_shows_the_name_and_nothing_of_the_key() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let folder = tempfile::tempdir().unwrap();
        key.write_new_file(folder.path().join("key.pem")).unwrap();
        let key = SigningKey::from_file(
            folder.path().join("key.pem"),
            &KeyOptions::default().key_id("k1"),
        );
        let shown = format!("{:?}", JwtSigner::new(key.unwrap(), "sidecar"));
        assert_eq!(shown, r#"JwtSigner { issuer: "sidecar", key_id: "k1", .. }"#);
    }
}
