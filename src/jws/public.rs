//! Public halves of keys that live elsewhere, held against their signatures.

use super::key::VerificationKey;
use crate::key::PublicJwk;
use crate::support::json::Object;

impl PublicJwk {
    /// Whether `signature`, in the form that JWS has, is one of `signing_input` by this key with its
    /// algorithm. For a signer that cannot be relied on to have signed with the right key.
    ///
    /// # Example: what came back from elsewhere
    ///
    /// ```
    /// use okta_introspect::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let signature = key.sign_blocking(b"input")?;
    /// assert!(key.public_jwk().verifies(b"input", &signature));
    /// assert!(!key.public_jwk().verifies(b"another", &signature));
    /// # Ok::<(), okta_introspect::Error>(())
    /// ```
    pub fn verifies(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let json = self.to_json();
        let Ok(jwk) = Object::parse(json.as_bytes()) else { return false };
        VerificationKey::from_jwk(&jwk)
            .is_ok_and(|key| key.verifies_bytes(self.algorithm(), signing_input, signature))
    }
}

#[cfg(test)]
mod tests {
    use crate::key::{Algorithm, SigningKey};

    #[test]
    fn a_signature_is_verified_by_the_key_that_made_it_alone() {
        let key = |algorithm| SigningKey::generate(algorithm).unwrap();
        for algorithm in Algorithm::ALL {
            let (key, other) = (key(algorithm), key(algorithm));
            let mut signature = key.sign_blocking(b"input").unwrap();
            assert!(key.public_jwk().verifies(b"input", &signature), "{algorithm}");
            assert!(!key.public_jwk().verifies(b"other", &signature), "{algorithm}");
            assert!(!other.public_jwk().verifies(b"input", &signature), "{algorithm}");
            signature.push(0);
            assert!(!key.public_jwk().verifies(b"input", &signature), "{algorithm}");
        }
    }
}
