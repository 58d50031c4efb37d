//! TLS: whom to trust, and what went wrong.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use okta_introspect::{Error, ErrorKind};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::credentials::read_file;

/// The longest file of certificates or keys, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What is told of TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    /// The authorities that are trusted; without, the operating system's.
    pub(crate) authorities: Option<Authorities>,
    /// A certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// Where the authorities are.
#[derive(Clone, Debug)]
pub(crate) enum Authorities {
    /// The text in PEM.
    Pem(Vec<u8>),
    /// Its file.
    File(PathBuf),
}

impl TlsFiles {
    pub(crate) fn config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| wrong("TLS cannot be set up"))?;
        let builder = match &self.authorities {
            Some(authorities) => versions.with_root_certificates(roots(authorities)?),
            None => {
                let verifier = Verifier::new(provider)
                    .map_err(|_| wrong("the operating system's certificates cannot be used"))?;
                versions
                    .dangerous() // the name of the door: behind it stands the operating system's verifier
                    .with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let Some((certificate, key)) = &self.client else {
            return Ok(builder.with_no_client_auth());
        };
        // What the library says of a file that it cannot read may quote it.
        let chain = certificates_in(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read_file(key, MAX_FILE)?).map_err(|_| {
            wrong("the key of the client's certificate is not an unencrypted PEM key")
        })?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|_| wrong("the client's certificate and key do not belong together"))
    }
}

fn roots(authorities: &Authorities) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let certificates = match authorities {
        Authorities::Pem(pem) => certificates(pem, "the text of Redis' authorities")?,
        Authorities::File(path) => certificates_in(path)?,
    };
    for certificate in certificates {
        let added = roots.add(certificate);
        added.map_err(|_| wrong("a certificate authority of Redis cannot be used"))?;
    }
    Ok(roots)
}

fn certificates_in(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, Error> {
    certificates(&read_file(path, MAX_FILE)?, &path.display().to_string())
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(&format!("{what} has no certificates in PEM"))),
    }
}

fn wrong(what: &str) -> Error {
    Error::from_store(ErrorKind::Configuration, what)
}

/// Why a handshake failed, in words of our own: a certificate's may be the peer's.
pub(crate) fn handshake_fault(error: &io::Error) -> &'static str {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(fault)) => certificate_fault(fault),
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS",
        Some(rustls::Error::AlertReceived(_)) => {
            "it ended TLS; it may demand a certificate of the client's, or another"
        }
        Some(_) => "the TLS handshake failed",
        None => "the connection broke in the TLS handshake",
    }
}

fn certificate_fault(fault: &CertificateError) -> &'static str {
    match fault {
        // A signature is wrong where another authority has the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is from an authority that is not trusted"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        _ => "its certificate is not valid",
    }
}
