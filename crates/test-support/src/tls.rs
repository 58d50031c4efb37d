//! A throw-away certificate authority, and a peer that speaks TLS as badly as it is told to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use crate::keys::p256_key;

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: X509,
    /// Its private key.
    pub key: PKey<Private>,
}

fn name(common: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", common).unwrap();
    name.build()
}

fn builder(
    subject: &str,
    key: &PKey<Private>,
    from: i64,
    until: i64,
) -> openssl::x509::X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name(subject)).unwrap();
    builder.set_pubkey(key).unwrap();
    // The certificates are judged by the computer's clock, so their times are relative to it.
    #[allow(clippy::disallowed_methods)]
    let now = chrono::Utc::now().timestamp();
    builder.set_not_before(&Asn1Time::from_unix(now + from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + until).unwrap()).unwrap();
    builder
}

/// An authority of our own.
pub fn authority() -> Identity {
    let key = p256_key();
    let mut builder = builder("throw-away authority", &key, -86_400, 86_400);
    builder.set_issuer_name(&name("throw-away authority")).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// A certificate for `host` that is its own authority, as `openssl req -x509` makes it.
pub fn authority_for(host: &str) -> Identity {
    let key = p256_key();
    let mut builder = builder(host, &key, -86_400, 86_400);
    builder.set_issuer_name(&name(host)).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let names =
        SubjectAlternativeName::new().dns(host).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// A certificate for `host`, good until so many seconds from now.
pub fn issue(authority: &Identity, host: &str, until: i64) -> Identity {
    let key = p256_key();
    let mut builder = builder(host, &key, -86_400, until);
    builder.set_issuer_name(authority.certificate.subject_name()).unwrap();
    let names = SubjectAlternativeName::new()
        .dns(host)
        .build(&builder.x509v3_context(Some(&authority.certificate), None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&authority.key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// Answers every request over TLS with the same bytes, and counts connections and requests.
#[derive(Debug)]
pub struct TlsPeer {
    port: u16,
    /// How many connections there have been.
    pub connections: Arc<AtomicUsize>,
    /// How many requests there have been.
    pub requests: Arc<AtomicUsize>,
}

impl TlsPeer {
    /// `newest` is the newest version of TLS that it speaks.
    pub fn start(identity: &Identity, newest: Option<SslVersion>, answer: Vec<u8>) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&identity.key).unwrap();
        acceptor.set_certificate(&identity.certificate).unwrap();
        if newest.is_some() {
            // Old versions sign with SHA-1, which OpenSSL allows at level 0 only.
            acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
            acceptor.clear_options(openssl::ssl::SslOptions::NO_TLSV1_1);
            acceptor.set_min_proto_version(None).unwrap();
            acceptor.set_max_proto_version(newest).unwrap();
        }
        let (acceptor, listener) = (acceptor.build(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        let (connections, requests) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opened, read) = (Arc::clone(&connections), Arc::clone(&requests));
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                opened.fetch_add(1, Ordering::SeqCst);
                let Ok(mut tls) = acceptor.accept(stream) else { continue };
                let mut buffer = [0; 16 * 1024];
                if tls.read(&mut buffer).is_ok_and(|length| length > 0) {
                    read.fetch_add(1, Ordering::SeqCst);
                    let _ = tls.write_all(&answer);
                    let _ = tls.shutdown();
                }
            }
        });
        Self { port, connections, requests }
    }

    /// Its address.
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}
