//! TLS for those who connect: by rustls with ring.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use okta_introspect::Secret;
use openssl::x509::{GeneralNameRef, X509};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::Fault;

/// What a listener with TLS shows and asks for, all PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The server's certificate, and those between it and its authority.
    pub certificate: String,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Secret,
    /// The authorities of the clients' certificates. With these a client without a certificate of
    /// theirs is refused in the handshake; without them no client is asked for one.
    pub client_ca: Option<String>,
}

/// TLS 1.2 and 1.3 of one listener, with HTTP/2 and HTTP/1.1 by ALPN. What it shows can be exchanged
/// while it is used.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Fault;
/// use okta_introspect_serve::listen::{Tls, TlsIdentity};
///
/// fn renew(tls: &Tls, renewed: &TlsIdentity) -> Result<(), Fault> {
///     tls.exchange(renewed)
/// }
/// ```
pub struct Tls {
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    ///
    /// If one cannot be read or has nothing of its kind, or if key and certificate do not belong
    /// together.
    pub fn new(identity: &TlsIdentity) -> Result<Self, Fault> {
        Ok(Self { config: ArcSwap::from(configure(identity)?) })
    }

    /// Handshakes from now on use these; connections that are open stay as they are.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) has them; then what was there before stays in use.
    pub fn exchange(&self, identity: &TlsIdentity) -> Result<(), Fault> {
        self.adopt(&Self::new(identity)?);
        Ok(())
    }

    /// Handshakes from now on use what the other one has.
    pub(crate) fn adopt(&self, other: &Self) {
        self.config.store(other.config.load_full());
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
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Shows no key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("has_client_ca", &self.client_ca.is_some())
            .finish_non_exhaustive()
    }
}

fn configure(identity: &TlsIdentity) -> Result<Arc<ServerConfig>, Fault> {
    let chain = certificates(&identity.certificate, "certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes())
        .map_err(|error| unreadable(&error, "key", "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new(error.to_string()))?;
    let builder = match &identity.client_ca {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(authorities(authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| at("client_ca", error))?)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| at("certificate", error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &str, place: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(unreadable(&PemError::NoItemsFound, place, "certificate"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(&error, place, "certificate")),
    }
}

fn authorities(pem: &str) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "client_ca")? {
        roots.add(certificate).map_err(|error| at("client_ca", error))?;
    }
    Ok(roots)
}

/// Says what is wrong, without quoting anything.
fn unreadable(error: &PemError, place: &str, kind: &str) -> Fault {
    let message = match error {
        PemError::NoItemsFound => format!("there is no {kind} in PEM"),
        _ => format!("the {kind} is no valid PEM"),
    };
    Fault::new(message).at(place)
}

fn at(place: &str, error: impl fmt::Display) -> Fault {
    Fault::new(error.to_string()).at(place)
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

    /// Certificate and key in PEM.
    fn made() -> (String, String) {
        let own = test_support::tls::authority();
        let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
        (text(own.certificate.to_pem().unwrap()), text(own.key.private_key_to_pem_pkcs8().unwrap()))
    }

    fn identity(certificate: &str, key: &str, client_ca: Option<&str>) -> TlsIdentity {
        TlsIdentity {
            certificate: certificate.to_owned(),
            key: Secret::new(key),
            client_ca: client_ca.map(str::to_owned),
        }
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
    fn what_is_wrong_is_said_with_its_member_and_without_its_content() {
        let ((certificate, key), (_, other)) = (made(), made());
        let half = "-----BEGIN CERTIFICATE-----\nsecret";
        Tls::new(&identity(&certificate, &key, Some(&certificate))).unwrap();
        for (shown, place, said) in [
            (identity("", &key, None), "certificate", "there is no certificate in PEM"),
            (identity(half, &key, None), "certificate", "the certificate is no valid PEM"),
            (identity(&certificate, &certificate, None), "key", "there is no private key in PEM"),
            (identity(&certificate, &other, None), "certificate", ""),
            (identity(&certificate, &key, Some(&key)), "client_ca", "there is no certificate"),
        ] {
            let fault = Tls::new(&shown).unwrap_err();
            assert_eq!(fault.place(), Some(place), "{fault}");
            let fault = fault.to_string();
            assert!(fault.contains(said) && !fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn what_cannot_be_used_leaves_what_was_there() {
        let (certificate, key) = made();
        let tls = Tls::new(&identity(&certificate, &key, None)).unwrap();
        let before = tls.config.load_full();
        tls.exchange(&identity("", &key, None)).unwrap_err();
        assert!(Arc::ptr_eq(&before, &tls.config.load_full()));
        tls.exchange(&identity(&certificate, &key, None)).unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.config.load_full()));
    }
}
