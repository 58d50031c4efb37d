//! Listeners with TLS.

use std::net::SocketAddr;

use okta_introspect::Secret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use test_support::tls::{Identity, authority, issue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::metrics::Refusal;

/// What a listener of this authority shows.
fn shown(own: &Identity, client_ca: Option<&Identity>) -> TlsIdentity {
    let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
    let leaf = issue(own, "localhost", 86_400);
    TlsIdentity {
        certificate: text(leaf.certificate.to_pem().unwrap()),
        key: Secret::new(text(leaf.key.private_key_to_pem_pkcs8().unwrap())),
        client_ca: client_ca.map(|authority| text(authority.certificate.to_pem().unwrap())),
    }
}

/// A listener with TLS, and its authority's clients.
async fn with_tls(client_ca: Option<&Identity>) -> (Served, SocketAddr, Identity) {
    let served = Served::new(Limits::default());
    let own = authority();
    let tls = Arc::new(Tls::new(&shown(&own, client_ca)).unwrap());
    let socket = Socket::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.address().unwrap();
    served.servers.serve("authz", socket, Some(tls), served.service()).unwrap();
    (served, address, own)
}

/// Shakes hands, asks, and gives the answer; an error of any of these as text.
async fn ask_tls(
    address: SocketAddr,
    server: &Identity,
    client: Option<&Identity>,
) -> Result<String, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.certificate.to_der().unwrap().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain: Vec<CertificateDer<'_>> = vec![client.certificate.to_der().unwrap().into()];
            let key = client.key.private_key_to_pkcs8().unwrap();
            builder.with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key.into())).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    Ok(answer)
}

#[test_support::test]
async fn the_names_of_a_verified_client_reach_the_service() {
    let clients = authority();
    let (served, address, own) = with_tls(Some(&clients)).await;
    let client = issue(&clients, "gateway.acme.example", 86_400);
    let said = ask_tls(address, &own, Some(&client)).await.unwrap();
    assert!(said.contains(r#"names: ["gateway.acme.example"]"#), "{said}");
    // Without a certificate, with one of another authority, with one that has expired.
    let strange = issue(&own, "gateway.acme.example", 86_400);
    let expired = issue(&clients, "gateway.acme.example", -60);
    for client in [None, Some(&strange), Some(&expired)] {
        ask_tls(address, &own, client).await.unwrap_err();
    }
    served.until(|metrics| metrics.refusals(Refusal::Handshake) == 3).await;
    assert_eq!(served.metrics.requests(Outcome::Allowed), 1);
}

#[test_support::test]
async fn without_a_client_authority_nobody_has_a_name() {
    let (_served, address, own) = with_tls(None).await;
    let said = ask_tls(address, &own, None).await.unwrap();
    assert!(said.contains("Tls { ") && said.contains("names: []"), "{said}");
}

#[test_support::test]
async fn a_handshake_has_the_time_of_a_head() {
    let (served, address, _) = with_tls(None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    served.until(|metrics| metrics.connections() == 1).await;
    served.clock.advance(5 * SECOND);
    assert_eq!(rest(&mut stream).await, b"");
    served.until(|metrics| metrics.refusals(Refusal::Handshake) == 1).await;
}

#[test_support::test]
async fn tls_on_a_unix_socket_is_refused() {
    let served = Served::new(Limits::default());
    let socket = Socket::unix(&served.path(), 0o600).await.unwrap();
    let tls = Some(Arc::new(Tls::new(&shown(&authority(), None)).unwrap()));
    let fault = served.servers.serve("authz", socket, tls, served.service()).unwrap_err();
    assert!(fault.to_string().contains("TLS on a unix socket"), "{fault}");
}
