//! Makes tokens, right ones and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::{Algorithm, JwkSet, KeyOptions, SigningKey};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://acme.okta.com/oauth2/default";
pub const AUDIENCE: &str = "api://default";
pub const CLIENT: &str = "0oa1client";
pub const NONCE: &str = "n-0S6_WzA2Mj";

/// The time of every token, in seconds since the epoch.
pub const NOW: i64 = 1_795_211_259;

/// A key with an id, and what can be signed with it.
#[derive(Clone, Debug)]
pub struct Minter {
    pub key: SigningKey,
}

impl Minter {
    /// A new key of any algorithm.
    pub fn generate(algorithm: Algorithm, key_id: &str) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        Self { key: key.with_key_id(Some(key_id.to_owned())) }
    }

    /// The sample RSA key, which spares a test the making of one.
    pub fn rsa(algorithm: Algorithm) -> Self {
        let pem = include_bytes!("../../../keys/sample-rsa-2048.pem");
        Self::from_pem(pem, algorithm)
    }

    /// The sample P-256 key.
    pub fn p256() -> Self {
        Self::from_pem(include_bytes!("../../../keys/sample-p256.pem"), Algorithm::Es256)
    }

    fn from_pem(pem: &[u8], algorithm: Algorithm) -> Self {
        let options = KeyOptions::default().algorithm(algorithm).key_id("k1");
        Self { key: SigningKey::parse(pem, &options).unwrap() }
    }

    pub fn key_id(&self) -> &str {
        self.key.public_jwk().key_id().unwrap()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.key.public_jwk().algorithm()
    }

    pub fn jwk(&self) -> Value {
        serde_json::from_str(&self.key.public_jwk().to_json()).unwrap()
    }

    /// The key as a JWK Set document.
    pub fn document(&self) -> String {
        json!({"keys": [self.jwk()]}).to_string()
    }

    pub fn set(&self) -> JwkSet {
        JwkSet::parse(self.document().as_bytes()).unwrap()
    }

    /// The header that Okta writes.
    pub fn header(&self) -> Value {
        json!({"kid": self.key_id(), "alg": self.algorithm().name()})
    }

    /// A token of Okta's form with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), claims.to_string())
    }

    /// Signs header and payload as they are, whatever they are.
    pub fn sign(&self, header: &str, payload: impl AsRef<[u8]>) -> String {
        self.sign_input(&format!("{}.{}", encode(header), encode(payload)))
    }

    /// Signs a signing input as it is.
    pub fn sign_input(&self, input: &str) -> String {
        format!("{input}.{}", encode(self.key.sign_blocking(input.as_bytes()).unwrap()))
    }
}

/// The claims of a good access token of an Okta custom authorization server.
pub fn access_claims() -> Value {
    json!({
        "ver": 1, "jti": "AT.0001", "iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 3600,
        "cid": CLIENT, "uid": "00u1ada", "scp": ["orders.read", "openid"], "auth_time": NOW - 60,
        "sub": "ada@acme.example",
    })
}

/// The claims of a good ID token of Okta.
pub fn id_claims() -> Value {
    json!({
        "ver": 1, "jti": "ID.0001", "iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 3600,
        "sub": "00u1ada", "amr": ["pwd", "mfa"], "idp": "00o1org", "nonce": NONCE,
        "auth_time": NOW - 60, "at_hash": "0oHAVbNY2gkKlL4RGmOvrA", "name": "Ada",
        "email": "ada@acme.example",
    })
}

/// `claims` with some changed; `null` takes a claim away.
pub fn with(mut claims: Value, changes: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    claims
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The three segments of a token.
pub fn split(token: &str) -> (&str, &str, &str) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    (header, payload, signature)
}
