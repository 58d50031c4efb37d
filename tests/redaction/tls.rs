//! What HTTP/2 and TLS log shows nothing of what they carry.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use okta_introspect::*;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use test_support::Recorded;
use test_support::secrets::Secrets;
use test_support::tls::{authority, issue};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::capture::{listen, mark, since};
use crate::said::{CLIENT, JSON, add_sent, ec_key, scopes, signing_key, token, told};

/// An HTTP/2 server behind TLS, and the authority that vouches for it.
struct Server {
    issuer: String,
    authority: Vec<u8>,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Server {
    /// Gives every request back as a refusal: the form as its description, the proof as the
    /// next nonce.
    async fn start() -> Self {
        let (authority, config) = identity();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond, Arc::clone(&seen)));
                    }
                });
            }
        });
        Self { issuer, authority, requests }
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<hyper::body::Bytes>,
    seen: Arc<Mutex<Vec<Recorded>>>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        body.extend_from_slice(&data);
    }
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let recorded = Recorded {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8(body).unwrap(),
    };
    let nonce = recorded.header("dpop").unwrap_or("none").to_owned();
    let body = json!({"error": "use_dpop_nonce", "error_description": recorded.body});
    let response = Response::builder()
        .status(400)
        .header("content-type", JSON)
        .header("x-okta-request-id", &nonce)
        .header("dpop-nonce", nonce);
    seen.lock().unwrap().push(recorded);
    let mut stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
    stream.send_data(body.to_string().into(), true).unwrap();
}

fn identity() -> (Vec<u8>, ServerConfig) {
    let authority = authority();
    let leaf = issue(&authority, "localhost", 86_400);
    let key = PrivatePkcs8KeyDer::from(leaf.key.private_key_to_pkcs8().unwrap());
    let chain = vec![CertificateDer::from(leaf.certificate.to_der().unwrap())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from(key)).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (authority.certificate.to_pem().unwrap(), config)
}

#[test_support::test]
async fn http_2_and_tls_log_nothing_of_what_they_carry() {
    listen();
    let (from, server) = (mark(), Server::start().await);
    let mut http = HttpConfig::default();
    http.extra_roots = server.authority.clone();
    let client =
        Client::builder(server.issuer.parse().unwrap(), CLIENT, signing_key(&ec_key(), "k1"))
            .http(http)
            .dpop(DpopConfig::new(DpopMode::Always))
            .build()
            .unwrap();
    let mut said = told(&client.request_token(&scopes("okta.users.read")).await.unwrap_err());
    said += &told(&client.introspect(&token(), None).await.unwrap_err());
    said += &told(&client.revoke(&token(), None).await.unwrap_err());
    // Nobody vouches for the server: TLS ends in an error.
    let strange =
        Client::builder(server.issuer.parse().unwrap(), CLIENT, signing_key(&ec_key(), "k1"));
    said += &told(&strange.build().unwrap().introspect(&token(), None).await.unwrap_err());
    said += &since(from);
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 4, "one with a nonce again");
    let mut secrets = Secrets::default();
    add_sent(&mut secrets, &requests);
    secrets.assert_absent("HTTP/2 over TLS", &said);
    for target in ["h2::", "rustls::", "hyper_util", "reqwest"] {
        assert!(said.lines().any(|line| line.starts_with(target)), "nothing of {target} was heard");
    }
}
