//! TLS at the server: its certificate and its key.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::{self, Made, Validity};
use crate::error::Error;

/// The certificate and the private key of a sandbox that speaks TLS. Cheap to clone.
///
/// Connections are TLS 1.2 or 1.3, with HTTP/2 or HTTP/1.1 as the client chooses. `Debug` shows
/// nothing of the key.
#[derive(Clone)]
pub struct ServerIdentity {
    config: Arc<ServerConfig>,
    ca_pem: Option<String>,
}

impl ServerIdentity {
    /// Reads a certificate, with what chain there is after it, and its key, both as PEM.
    ///
    /// # Errors
    ///
    /// If there is no certificate or no
    /// unencrypted key, or if they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        // The library's own causes quote what cannot be read, and that may be the key.
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| unusable("the chain is not valid PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| unusable("there is no unencrypted private key in PEM"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(unusable)?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ca_pem: None })
    }

    /// Makes a certificate for `localhost`, `127.0.0.1` and `::1`, good for a month from now by
    /// the computer's clock, signed by an authority that is made for it and thrown away. Clients
    /// that trust [`ca_pem`](Self::ca_pem) trust it.
    ///
    /// # Errors
    ///
    /// If OpenSSL cannot make it.
    pub fn self_made() -> Result<Self, Error> {
        Self::made(&LOOPBACK, Validity::Month)
    }

    /// As [`self_made`](Self::self_made), but its time was over yesterday.
    ///
    /// # Errors
    ///
    /// As [`self_made`](Self::self_made).
    pub fn self_made_expired() -> Result<Self, Error> {
        Self::made(&LOOPBACK, Validity::UntilYesterday)
    }

    /// As [`self_made`](Self::self_made), but for another host, such as `other.example`.
    ///
    /// # Errors
    ///
    /// As [`self_made`](Self::self_made), and if `host` cannot stand in a certificate.
    pub fn self_made_for(host: &str) -> Result<Self, Error> {
        Self::made(&[host], Validity::Month)
    }

    /// The certificate of the authority, as PEM, if the sandbox made it: an extra root for
    /// clients.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    fn made(hosts: &[&str], validity: Validity) -> Result<Self, Error> {
        let made = certificate::make(hosts, validity).map_err(unusable)?;
        let Made { ca_pem, certificate_pem, key_pem } = made;
        let identity = Self::from_pem(certificate_pem.as_bytes(), &key_pem)?;
        Ok(Self { ca_pem: Some(ca_pem), ..identity })
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("self_made", &self.ca_pem.is_some()).finish()
    }
}

/// The name of HTTP/2 in ALPN ([RFC 9113 §3.1](https://www.rfc-editor.org/rfc/rfc9113#section-3.1)).
pub(crate) const HTTP_2: &[u8] = b"h2";

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn unusable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    let advice = "give a PEM certificate chain and its unencrypted PEM key";
    Error::new("the sandbox's certificate or its key cannot be used", advice).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_with_its_key_is_refused() {
        let own = certificate::make(&LOOPBACK, Validity::Month).unwrap();
        let other = certificate::make(&LOOPBACK, Validity::Month).unwrap();
        let chain = own.certificate_pem.as_bytes();
        for (name, chain, key) in [
            ("nothing", &b""[..], &b""[..]),
            ("no key", chain, chain),
            ("no certificate", &own.key_pem, &own.key_pem),
            ("another's key", chain, &other.key_pem),
        ] {
            assert!(ServerIdentity::from_pem(chain, key).is_err(), "{name}");
        }
        let identity = ServerIdentity::from_pem(chain, &own.key_pem).unwrap();
        assert_eq!(identity.ca_pem(), None);
        assert_eq!(format!("{identity:?}"), "ServerIdentity { self_made: false }");
    }
}
