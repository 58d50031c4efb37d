//! What HTTP/2 and TLS log shows nothing of what they carry.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use okta_introspect::*;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use test_support::Recorded;
use test_support::secrets::Secrets;
use test_support::tls::{authority, issue};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::capture::{listen, mark, since};
use crate::hpack::{self, Form};
use crate::said::{CLIENT, JSON, add_sent, ec_key, scopes, signing_key, token, told};

/// An HTTP/2 server behind TLS, and the authority that vouches for it.
struct Server {
    issuer: String,
    authority: Vec<u8>,
    requests: Arc<Mutex<Vec<Recorded>>>,
    /// All that was sent in its only connection, below TLS.
    sent: Arc<Mutex<Vec<u8>>>,
}

/// What the server says to a request: status and body.
type Says = fn(&Recorded) -> (u16, Value);

/// Gives every request back as a refusal: the form as its description.
fn refused(request: &Recorded) -> (u16, Value) {
    (400, json!({"error": "use_dpop_nonce", "error_description": request.body}))
}

/// Gives out a bound token, and takes it.
fn granted(request: &Recorded) -> (u16, Value) {
    (
        200,
        match request.target.ends_with("/token") {
            true => json!({"access_token": "t1", "token_type": "DPoP", "expires_in": 3600}),
            false => json!([]),
        },
    )
}

impl Server {
    /// The proof of each request comes back as the next nonce.
    async fn start(says: Says) -> Self {
        let (authority, config) = identity();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (seen, heard) = (Arc::clone(&requests), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut connection =
                        h2::server::handshake(overheard(stream, heard)).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond, Arc::clone(&seen), says));
                    }
                });
            }
        });
        Self { issuer, authority, requests, sent }
    }
}

/// The stream, with a copy of what the client sends.
fn overheard(stream: TlsStream<TcpStream>, heard: Arc<Mutex<Vec<u8>>>) -> DuplexStream {
    let (server, between) = duplex(64 * 1024);
    let (mut from_client, mut to_client) = split(stream);
    let (mut from_server, mut to_server) = split(between);
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            heard.lock().unwrap().extend_from_slice(&bytes[..count]);
            to_server.write_all(&bytes[..count]).await.unwrap();
        }
    });
    server
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<hyper::body::Bytes>,
    seen: Arc<Mutex<Vec<Recorded>>>,
    says: Says,
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
    let (status, body) = says(&recorded);
    let response = Response::builder()
        .status(status)
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
    let (from, server) = (mark(), Server::start(refused).await);
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

#[test_support::test]
async fn tokens_and_proofs_are_never_indexed_in_http_2() {
    let server = Server::start(granted).await;
    let mut http = HttpConfig::default();
    http.extra_roots = server.authority.clone();
    let issuer = server.issuer.parse().unwrap();
    let client = Client::builder(issuer, CLIENT, signing_key(&ec_key(), "k1")).http(http);
    let client = client.dpop(DpopConfig::new(DpopMode::Always)).build().unwrap();
    let users = client.resource(scopes("okta.users.read"));
    users.call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests[1].header("authorization"), Some("DPoP t1"));
    let fields = hpack::fields_sent(&server.sent.lock().unwrap());
    let written = |name: &str| {
        let named = fields.iter().filter(|field| field.is_named(name));
        named.map(|field| field.form).collect::<Vec<_>>()
    };
    assert_eq!(written("authorization"), [Form::NeverIndexed], "at the API");
    assert_eq!(written("dpop"), [Form::NeverIndexed; 2], "at the token endpoint and the API");
    assert!(fields.iter().any(|field| field.form == Form::Indexed), "it is read wrongly");
}
