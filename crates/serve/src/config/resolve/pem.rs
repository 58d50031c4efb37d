//! Certificates and keys of listeners.

use okta_introspect::Secret;
use openssl::pkey::PKey;
use openssl::x509::X509;

use crate::config::faults::Faults;
use crate::error::Fault;

/// Refuses what is no certificate.
pub(super) fn certificates(pem: &str, place: &str, faults: &mut Faults) -> Option<X509> {
    let chain = X509::stack_from_pem(pem.as_bytes()).unwrap_or_default();
    let first = chain.into_iter().next();
    if first.is_none() {
        faults.error(place, Fault::new("no certificate in PEM").advise(FILE));
    }
    first
}

const FILE: &str = "write `file:PATH` for its file";

/// Refuses what is no private key, and one of another certificate.
pub(super) fn key(key: &Secret, certificate: Option<&X509>, place: &str, faults: &mut Faults) {
    // Without the function OpenSSL would ask for a passphrase at the terminal.
    let read = PKey::private_key_from_pem_callback(key.expose().as_bytes(), |_| Ok(0));
    let Ok(key) = read else {
        let advice = "write `file:PATH` for its file; one under a passphrase cannot be read";
        faults.error(place, Fault::new("no private key in PEM").advise(advice));
        return;
    };
    let is_other = certificate
        .and_then(|certificate| certificate.public_key().ok())
        .is_some_and(|public| !public.public_eq(&key));
    if is_other {
        faults.error(place, Fault::new("not the key of the certificate"));
    }
}
