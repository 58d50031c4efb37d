//! TLS: which library, and whom to trust.

#[cfg(feature = "rustls")]
use std::sync::Arc;

use reqwest::ClientBuilder;

use crate::error::Error;

/// A TLS library.
///
/// # Example: the one that is built in
///
/// ```
/// use okta_introspect::{HttpConfig, TlsBackend};
///
/// let mut http = HttpConfig::default();
/// http.tls = TlsBackend::default();
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsBackend {
    /// rustls with ring. Without the feature `rustls`, `https` fails when the client is built.
    #[default]
    Rustls,
    /// The operating system's library.
    #[cfg(feature = "native-tls")]
    Native,
}

/// Whose certificates are trusted.
#[derive(Clone, Copy)]
pub(crate) enum Roots<'a> {
    /// None: `http` alone is spoken.
    None,
    /// The operating system's, and these, as PEM.
    #[cfg_attr(
        not(any(feature = "rustls", feature = "native-tls")),
        expect(dead_code, reason = "without a TLS library nothing reads them")
    )]
    SystemAnd(&'a [u8]),
}

/// Sets the TLS library up.
pub(crate) fn configure(
    builder: ClientBuilder,
    backend: TlsBackend,
    roots: Roots<'_>,
) -> Result<ClientBuilder, Error> {
    match (backend, roots) {
        #[cfg(feature = "rustls")]
        (TlsBackend::Rustls, roots) => Ok(builder.tls_backend_preconfigured(rustls_config(roots)?)),
        #[cfg(not(feature = "rustls"))]
        (TlsBackend::Rustls, Roots::None) => Ok(builder),
        #[cfg(not(feature = "rustls"))]
        (TlsBackend::Rustls, Roots::SystemAnd(_)) => {
            Err(Error::configuration("https needs the feature `rustls` or `native-tls`")
                .advise("turn one of them on in Cargo.toml"))
        }
        #[cfg(feature = "native-tls")]
        (TlsBackend::Native, roots) => {
            let builder = builder.tls_backend_native();
            native_roots(builder.tls_version_min(reqwest::tls::Version::TLS_1_2), roots)
        }
    }
}

#[cfg(feature = "rustls")]
fn rustls_config(roots: Roots<'_>) -> Result<rustls::ClientConfig, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls_platform_verifier::Verifier;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::configuration("TLS cannot be set up").because(cause))?;
    let Roots::SystemAnd(extra_roots) = roots else {
        let none = rustls::RootCertStore::empty();
        return Ok(versions.with_root_certificates(none).with_no_client_auth());
    };
    let roots: Vec<_> = CertificateDer::pem_slice_iter(extra_roots)
        .collect::<Result<_, _>>()
        .map_err(|_| bad_roots(BAD_PEM))?;
    if roots.is_empty() && !extra_roots.is_empty() {
        return Err(bad_roots("there is no certificate in it"));
    }
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(bad_roots)?;
    let mut config = versions
        .dangerous() // the name of the door: behind it stands the operating system's verifier
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(feature = "native-tls")]
fn native_roots(builder: ClientBuilder, roots: Roots<'_>) -> Result<ClientBuilder, Error> {
    let Roots::SystemAnd(extra_roots @ [_, ..]) = roots else { return Ok(builder) };
    let roots =
        reqwest::Certificate::from_pem_bundle(extra_roots).map_err(|_| bad_roots(BAD_PEM))?;
    Ok(builder.tls_certs_merge(roots))
}

/// Said instead of the library's cause, which quotes what it cannot read: a private key, if that
/// is what was given.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
const BAD_PEM: &str = "it is not valid PEM";

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn bad_roots(cause: impl Into<crate::error::BoxError>) -> Error {
    Error::configuration("the certificate authorities cannot be used")
        .advise("give PEM certificates, one or more, in one file")
        .because(cause)
}
