//! The server's own keys, and JWTs signed with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jws::JwsSigner as _;
use josekit::jws::RS256;
use josekit::jws::alg::rsassa::RsassaJwsSigner;
use serde_json::{Map, Value, json};

use super::public_key::PublicKey;

/// An RSA key of 2048 bits that signs with RS256, as all of Okta's do. Its `kid` is its
/// thumbprint.
#[derive(Clone)]
pub(crate) struct SigningKey {
    signer: RsassaJwsSigner,
    public_jwk: Map<String, Value>,
    key_id: String,
}

impl SigningKey {
    /// Makes a key. It takes a tenth of a second and more.
    pub(crate) fn generate() -> Self {
        // Nothing from outside goes into the key: this fails only when OpenSSL has no memory or
        // no randomness. What it made it also reads.
        let private = Jwk::generate_rsa_key(2048).expect("OpenSSL can make an RSA key");
        let signer = RS256.signer_from_jwk(&private).expect("an RSA key of 2048 bits signs");
        let member = |name: &str| private.parameter(name).cloned().unwrap_or_default();
        let mut public_jwk = Map::new();
        for (name, value) in [("kty", "RSA".into()), ("n", member("n")), ("e", member("e"))] {
            public_jwk.insert(name.to_owned(), value);
        }
        let key = PublicKey::from_jwk(&public_jwk).expect("it has the public half of an RSA key");
        let key_id = key.thumbprint();
        for (name, value) in [("kid", key_id.as_str()), ("alg", "RS256"), ("use", "sig")] {
            public_jwk.insert(name.to_owned(), value.into());
        }
        Self { signer, public_jwk, key_id }
    }

    /// The public half as it is published, with `kid`, `alg` and `use`.
    pub(crate) fn public_jwk(&self) -> &Map<String, Value> {
        &self.public_jwk
    }

    /// Signs `claims` as a JWT. The header has `kid` and `alg`, and `typ` only where it is given.
    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        let mut header = json!({"kid": self.key_id, "alg": "RS256"});
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        // An RSA key that OpenSSL made itself signs any input, unless memory runs out.
        let signature = self.signer.sign(input.as_bytes()).expect("OpenSSL can sign");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
