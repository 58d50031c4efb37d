//! An instant server: answers every request with the same bytes, in a process of its own so that
//! its work is not counted as ours.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use openssl::pkey::PKey;
use openssl::x509::X509;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The argument that makes the benchmark's own binary this server.
const ROLE: &str = "--instant-server";

/// What the server answers: an introspection answer as Okta gives it.
const ANSWER: &str = r#"{"active":true,"scope":"okta.users.read","client_id":"0oa1b2c3d4e5f6g7h8i9","sub":"0oa1b2c3d4e5f6g7h8i9","aud":"https://acme.okta.com","iss":"https://acme.okta.com","jti":"AT.0123456789abcdefghijklmnopqrstuvwxyz","exp":1795214859,"iat":1795211259,"token_type":"Bearer"}"#;

/// The running server; ended when dropped.
pub(crate) struct Instant {
    child: Child,
    pub(crate) port: u16,
    /// The certificate to trust, as PEM; empty without TLS.
    pub(crate) certificate: Vec<u8>,
}

impl Instant {
    /// Starts this binary once more, as the server.
    pub(crate) fn start(tls: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let certificate = if tls { certificate() } else { Vec::new() };
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&certificate).unwrap();
        drop(stdin);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap(), certificate }
    }
}

impl Drop for Instant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process is to be the server; if so it serves until it is killed.
pub(crate) fn serve_if_asked() -> bool {
    if !std::env::args().any(|argument| argument == ROLE) {
        return false;
    }
    let mut identity = String::new();
    std::io::Read::read_to_string(&mut std::io::stdin(), &mut identity).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(tls(&identity)));
    true
}

async fn serve(tls: Option<TlsAcceptor>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = tls.clone();
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            match tls {
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
                }
                None => {
                    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
                }
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    let headers = response.headers_mut();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("x-okta-request-id", "reqVhAXyYTkQ5mKrMBR0Q9Wow".parse().unwrap());
    Ok(response)
}

/// A self-signed certificate for localhost with its key, as PEM.
fn certificate() -> Vec<u8> {
    use openssl::x509::extension::SubjectAlternativeName;
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut name = openssl::x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let mut pem = builder.build().to_pem().unwrap();
    pem.extend(key.private_key_to_pem_pkcs8().unwrap());
    pem
}

fn tls(identity: &str) -> Option<TlsAcceptor> {
    use rustls::pki_types::pem::PemObject;
    if identity.is_empty() {
        return None;
    }
    let certificates = rustls::pki_types::CertificateDer::pem_slice_iter(identity.as_bytes());
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(identity.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(certificates.map(Result::unwrap).collect(), key)
    .unwrap();
    Some(TlsAcceptor::from(Arc::new(config)))
}
