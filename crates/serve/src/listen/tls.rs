//! TLS for those who connect: by rustls with ring.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use openssl::x509::{GeneralNameRef, X509};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::Fault;

/// The files of a listener with TLS, all PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// The authorities of the clients' certificates. With these a client without a certificate of
    /// theirs is refused in the handshake; without them no client is asked for one.
    pub client_ca: Option<PathBuf>,
}

/// TLS 1.2 and 1.3 of one listener, with HTTP/2 and HTTP/1.1 by ALPN. Its files can be loaded anew
/// while it is used.
///
/// # Example
///
/// ```no_run
/// use std::sync::Arc;
///
/// use okta_introspect_serve::listen::{Tls, TlsFiles};
///
/// # fn main() -> Result<(), okta_introspect_serve::Fault> {
/// let tls = Arc::new(Tls::load(TlsFiles {
///     certificate: "/etc/okta-introspect/tls.pem".into(),
///     key: "/etc/okta-introspect/tls.key".into(),
///     client_ca: Some("/etc/okta-introspect/clients.pem".into()),
/// })?);
/// // Later, when the certificate has been renewed:
/// tls.reload()?;
/// # Ok(())
/// # }
/// ```
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If one cannot be read or has nothing of its kind, or if key and certificate do not belong
    /// together.
    pub fn load(files: TlsFiles) -> Result<Self, Fault> {
        let config = ArcSwap::from(configure(&files)?);
        Ok(Self { files, config })
    }

    /// Reads the files again; handshakes from now on use what is in them. Connections that are open
    /// stay as they are.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) has them; then what was loaded before stays in use.
    pub fn reload(&self) -> Result<(), Fault> {
        self.config.store(configure(&self.files)?);
        Ok(())
    }

    /// The files that it was loaded from.
    pub fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Does the handshake; gives the stream and the names of the client.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(TlsStream<TcpStream>, Vec<String>)> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let stream = acceptor.accept(stream).await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let names = certificates.first().map(names).unwrap_or_default();
        Ok((stream, names))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn configure(files: &TlsFiles) -> Result<Arc<ServerConfig>, Fault> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable(&files.key, &error, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new(error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| at(path, error))?)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| at(&files.certificate, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => {
            Err(unreadable(path, &PemError::NoItemsFound, "certificate"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(path, &error, "certificate")),
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| at(path, error))?;
    }
    Ok(roots)
}

/// Says what is wrong with a file, without quoting it.
fn unreadable(path: &Path, error: &PemError, kind: &str) -> Fault {
    let message = match error {
        PemError::NoItemsFound => format!("there is no {kind} in PEM"),
        PemError::Io(error) => format!("the {kind} cannot be read: {error}"),
        _ => format!("the {kind} is no valid PEM"),
    };
    Fault::new(message).at(path.display().to_string())
}

fn at(path: &Path, error: impl fmt::Display) -> Fault {
    Fault::new(error.to_string()).at(path.display().to_string())
}

/// The names of a verified certificate: of hosts, URIs (as SPIFFE has them) and mailboxes. Their
/// forms are disjoint here, so that a name of one kind is never taken for one of another.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = X509::from_der(certificate) else { return Vec::new() };
    let names = certificate.subject_alt_names();
    names.iter().flatten().filter_map(|name| one_name(name)).map(str::to_owned).collect()
}

fn one_name(name: &GeneralNameRef) -> Option<&str> {
    let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let host = |text: &&str| !text.contains([':', '@', '/']);
    let mailbox = |text: &&str| text.contains('@') && !text.contains([':', '/']);
    let host = name.dnsname().filter(host);
    let uri = || name.uri().filter(|text| text.contains("://"));
    let name = host.or_else(uri).or_else(|| name.email().filter(mailbox));
    name.filter(plain).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::x509::extension::SubjectAlternativeName;
    use std::fs;

    fn certificate(add: impl Fn(&mut SubjectAlternativeName)) -> CertificateDer<'static> {
        let authority = test_support::tls::authority();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_pubkey(&authority.key).unwrap();
        builder.set_not_before(authority.certificate.not_before()).unwrap();
        builder.set_not_after(authority.certificate.not_after()).unwrap();
        let mut names = SubjectAlternativeName::new();
        add(&mut names);
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&authority.key, openssl::hash::MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap().into()
    }

    #[test]
    fn hosts_uris_and_mailboxes_are_names_and_addresses_are_not() {
        let certificate = certificate(|names| {
            names.dns("gateway.acme.example").uri("spiffe://acme.example/gateway");
            names.email("ops@acme.example").ip("127.0.0.1");
        });
        let expected =
            ["gateway.acme.example", "spiffe://acme.example/gateway", "ops@acme.example"];
        assert_eq!(names(&certificate), expected);
    }

    #[test]
    fn a_name_of_one_kind_is_never_taken_for_one_of_another() {
        let certificate = certificate(|names| {
            names.uri("gateway.acme.example").email("gateway.acme.example");
            names.dns("ops@acme.example").dns("spiffe://acme.example/gateway");
        });
        assert_eq!(names(&certificate), [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (own, other) = (test_support::tls::authority(), test_support::tls::authority());
        fs::write(path("cert"), own.certificate.to_pem().unwrap()).unwrap();
        fs::write(path("key"), own.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        fs::write(path("other"), other.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        fs::write(path("empty"), "").unwrap();
        fs::write(path("half"), "-----BEGIN CERTIFICATE-----\nsecret").unwrap();
        let load = |certificate: &str, key: &str, ca: Option<&str>| {
            Tls::load(TlsFiles {
                certificate: path(certificate),
                key: path(key),
                client_ca: ca.map(path),
            })
        };
        load("cert", "key", Some("cert")).unwrap();
        for (certificate, key, ca, place, said) in [
            ("none", "key", None, "none", "the certificate cannot be read"),
            ("empty", "key", None, "empty", "there is no certificate in PEM"),
            ("half", "key", None, "half", "the certificate is no valid PEM"),
            ("cert", "cert", None, "cert", "there is no private key in PEM"),
            ("cert", "other", None, "cert", ""),
            ("cert", "key", Some("key"), "key", "there is no certificate in PEM"),
        ] {
            let fault = load(certificate, key, ca).unwrap_err();
            assert_eq!(fault.place(), Some(path(place).display().to_string().as_str()));
            assert!(
                fault.to_string().contains(said) && !fault.to_string().contains("secret"),
                "{fault}"
            );
        }
    }

    #[test]
    fn files_that_cannot_be_loaded_leave_what_was_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let own = test_support::tls::authority();
        fs::write(path("cert"), own.certificate.to_pem().unwrap()).unwrap();
        fs::write(path("key"), own.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let files = TlsFiles { certificate: path("cert"), key: path("key"), client_ca: None };
        let tls = Tls::load(files).unwrap();
        let before = tls.config.load_full();
        fs::write(path("cert"), "").unwrap();
        tls.reload().unwrap_err();
        assert!(Arc::ptr_eq(&before, &tls.config.load_full()));
        fs::write(path("cert"), own.certificate.to_pem().unwrap()).unwrap();
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.config.load_full()));
    }
}
