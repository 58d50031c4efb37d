//! Throw-away keys, and what tests make of secrets.

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

/// A new private key on P-256.
pub fn p256_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// The SHA-256 of a secret in hexadecimal digits, as `sha256sum` prints it.
pub fn sha256_hex(secret: impl AsRef<[u8]>) -> String {
    openssl::sha::sha256(secret.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect()
}
