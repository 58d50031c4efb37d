//! The public half of a key: what is registered with the server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, PKeyRef};
use serde::Serialize;

use super::algorithm::{Algorithm, Curve};

/// A public key as a JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)): the form in which
/// Okta registers an app's keys. It never has a private member.
///
/// # Example: what to register
///
/// ```
/// use okta_introspect::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?.with_key_id(Some("2026-11".to_owned()));
/// let public = key.public_jwk();
/// assert_eq!(public.key_id(), Some("2026-11"));
/// assert!(public.to_json().contains(r#""crv":"P-256""#));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PublicJwk {
    #[serde(flatten)]
    material: Material,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

// The members stand in alphabetical order, as the thumbprint wants them (RFC 7638 §3.3).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
enum Material {
    Ec { crv: &'static str, kty: &'static str, x: String, y: String },
    Rsa { e: String, kty: &'static str, n: String },
}

impl PublicJwk {
    /// The public half of `key`, which is RSA or on one of the three curves.
    pub(crate) fn new<T: HasPublic>(
        key: &PKeyRef<T>,
        algorithm: Algorithm,
        kid: Option<String>,
    ) -> Result<Self, ErrorStack> {
        let material = match algorithm.curve() {
            Some(curve) => ec_material(key, curve)?,
            None => {
                let rsa = key.rsa()?;
                Material::Rsa {
                    e: base64url(&rsa.e().to_vec()),
                    kty: "RSA",
                    n: base64url(&rsa.n().to_vec()),
                }
            }
        };
        Ok(Self { material, usage: "sig", alg: algorithm, kid })
    }

    /// The key id, if the key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// The SHA-256 thumbprint in base64url ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)):
    /// the same for the same key whatever its `kid` or notation, so it tells whether a
    /// registered key is the one at hand.
    pub fn thumbprint(&self) -> String {
        base64url(&openssl::sha::sha256(json(&self.material).as_bytes()))
    }

    /// The JWK as JSON text.
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// The key alone, without `kid`, `alg` or `use`: as a DPoP proof carries it.
    pub(crate) fn bare(&self) -> &impl Serialize {
        &self.material
    }

    /// The same key under another key id; `None` takes the id away.
    #[must_use]
    pub fn with_key_id(mut self, kid: Option<String>) -> Self {
        self.kid = kid;
        self
    }
}

fn ec_material<T: HasPublic>(key: &PKeyRef<T>, curve: Curve) -> Result<Material, ErrorStack> {
    let key = key.ec_key()?;
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
    Ok(Material::Ec {
        crv: curve.name(),
        kty: "EC",
        x: base64url(&x.to_vec_padded(curve.len())?),
        y: base64url(&y.to_vec_padded(curve.len())?),
    })
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn json(value: &impl Serialize) -> String {
    // Strings and fixed names only: nothing that JSON could refuse.
    serde_json::to_string(value).expect("plain strings serialise")
}
