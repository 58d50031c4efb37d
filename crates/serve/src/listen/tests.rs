//! Real sockets, injected time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use okta_introspect::{ManualClock, Secret};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use test_support::tls::{Identity, authority, issue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio_rustls::TlsConnector;

use super::*;
use crate::caller::Peer;
use crate::metrics::{Closed, ListenerMetrics, Metrics, Outcome, Refusal};

struct Served {
    clock: ManualClock,
    servers: Servers,
    metrics: Arc<ListenerMetrics>,
    folder: TempDir,
    /// Told when a request for `/hold` has come.
    held: Arc<Notify>,
    /// Lets one of them go.
    release: Arc<Notify>,
}

impl Served {
    fn new(limits: Limits) -> Self {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let metrics = Metrics::new([]);
        let servers = Servers::new(limits, Arc::new(clock.clone()), Arc::clone(&metrics));
        let (held, release) = (Arc::default(), Arc::default());
        let folder = tempfile::tempdir().unwrap();
        Self { clock, servers, metrics: metrics.listener("authz"), folder, held, release }
    }

    /// On a unix socket.
    async fn unix(limits: Limits) -> Self {
        let served = Self::new(limits);
        let socket = Socket::unix(&served.path(), 0o600).await.unwrap();
        served.servers.serve("authz", socket, None, served.service()).unwrap();
        served
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("authz.sock")
    }

    /// Says who asks.
    fn service(&self) -> impl Service {
        let (held, release) = (Arc::clone(&self.held), Arc::clone(&self.release));
        move |request: Request<Incoming>, peer: Arc<Peer>| {
            let (held, release) = (Arc::clone(&held), Arc::clone(&release));
            async move {
                if request.uri().path() == "/hold" {
                    held.notify_one();
                    release.notified().await;
                }
                Response::new(Full::new(Bytes::from(format!("{peer:?}"))))
            }
        }
    }

    /// A connection that has been accepted.
    async fn connect(&self) -> UnixStream {
        let before = self.metrics.connections();
        let stream = UnixStream::connect(self.path()).await.unwrap();
        self.until(|metrics| metrics.connections() > before).await;
        stream
    }

    async fn until(&self, is_so: impl Fn(&ListenerMetrics) -> bool) {
        while !is_so(&self.metrics) {
            yield_now().await;
        }
    }
}

/// Asks and reads one answer with a body that has a length.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return text;
            }
        }
        let mut bytes = [0; 1024];
        let length = stream.read(&mut bytes).await.unwrap();
        assert_ne!(length, 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
}

/// What still comes until the connection is closed, or broken.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// The preface of HTTP/2, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A `GET` of `/` on a stream: four fields from the static table of HPACK, one with a value.
fn get(stream: u8) -> Vec<u8> {
    [&[0, 0, 6, 1, 5, 0, 0, 0, stream, 0x82, 0x86, 0x84, 0x41, 1][..], b"a"].concat()
}

/// Reads frames until one of this kind; its payload.
async fn frame(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == kind {
            return payload;
        }
    }
}

const DATA: u8 = 0;
const GOAWAY: u8 = 7;

#[test_support::test]
async fn the_kernel_names_a_unix_peer_for_every_request_of_its_connection() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    let uid = rustix_free_uid();
    for _ in 0..2 {
        let said = ask(&mut stream, "/").await;
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert!(said.contains(&format!("Unix {{ uid: {uid}, ")), "{said}");
        assert!(said.ends_with(&format!("pid: Some({pid}) }}")), "{said}");
    }
    assert_eq!(served.metrics.requests(Outcome::Allowed), 2);
    drop(stream);
    served.until(|metrics| metrics.connections() == 0).await;
    assert_eq!(served.servers.connections(), 0);
}

/// The user of this process, by a file that it makes.
fn rustix_free_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    tempfile::tempfile().unwrap().metadata().unwrap().uid()
}

#[test_support::test]
async fn http2_is_spoken_on_the_same_socket_without_tls() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    // A byte first: the beginning may come in pieces.
    stream.write_all(&PREFACE[..1]).await.unwrap();
    stream.write_all(&[&PREFACE[1..], &get(1)[..]].concat()).await.unwrap();
    let body = frame(&mut stream, DATA).await;
    assert!(String::from_utf8(body).unwrap().starts_with("Unix {"));
    let mut other = served.connect().await;
    assert!(ask(&mut other, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn a_head_has_five_seconds_and_not_a_millisecond_more() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    served.clock.advance(5 * SECOND - MILLI);
    let mut timely = served.connect().await;
    assert!(ask(&mut timely, "/").await.starts_with("HTTP/1.1 200"));
    assert_eq!(served.metrics.closures(Closed::SlowHead), 0);
    served.clock.advance(MILLI);
    assert_eq!(rest(&mut stream).await, b"");
    served.until(|metrics| metrics.closures(Closed::SlowHead) == 1).await;
    // That one has begun no further head.
    assert!(ask(&mut timely, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn a_client_of_http2_may_connect_long_before_it_asks() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(PREFACE).await.unwrap();
    // Its settings are acknowledged, so the preface has been read.
    frame(&mut stream, 4).await;
    served.clock.advance(600 * SECOND);
    stream.write_all(&get(1)).await.unwrap();
    frame(&mut stream, DATA).await;
    assert_eq!(served.metrics.closures(Closed::SlowHead), 0);
}

#[test_support::test]
async fn an_idle_connection_is_asked_to_leave_after_its_time() {
    let served = Served::unix(Limits::default()).await;
    let (mut one, mut two) = (served.connect().await, served.connect().await);
    ask(&mut one, "/").await;
    two.write_all(&[PREFACE, &get(1)].concat()).await.unwrap();
    frame(&mut two, DATA).await;
    served.clock.advance(65 * 60 * SECOND - MILLI);
    ask(&mut one, "/").await;
    served.clock.advance(MILLI);
    // The one that asked meanwhile stays, the other hears of it first.
    frame(&mut two, GOAWAY).await;
    ask(&mut one, "/").await;
    served.clock.advance(5 * SECOND);
    rest(&mut two).await;
    served.clock.advance(65 * 60 * SECOND);
    assert_eq!(rest(&mut one).await, b"");
    served.until(|metrics| metrics.closures(Closed::Idle) == 2).await;
}

#[test_support::test]
async fn a_request_that_is_not_answered_ends_with_its_connection() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.clock.advance(30 * SECOND);
    assert_eq!(rest(&mut stream).await, b"");
    served.until(|metrics| metrics.closures(Closed::SlowRequest) == 1).await;
    served.until(|metrics| metrics.connections() == 0).await;
}

#[test_support::test]
async fn a_connection_too_many_is_closed_at_once_and_room_comes_back() {
    let (mut limits, mut first) = (Limits::default(), Vec::new());
    limits.connections_per_listener = 2;
    let served = Served::unix(limits).await;
    for _ in 0..2 {
        first.push(served.connect().await);
    }
    let mut third = UnixStream::connect(served.path()).await.unwrap();
    assert_eq!(rest(&mut third).await, b"");
    assert_eq!(served.metrics.refusals(Refusal::ListenerLimit), 1);
    first.pop();
    served.until(|metrics| metrics.connections() == 1).await;
    ask(&mut served.connect().await, "/").await;
}

#[test_support::test]
async fn the_limit_of_all_holds_across_listeners() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let served = Served::unix(limits).await;
    let other = served.folder.path().join("other.sock");
    let socket = Socket::unix(&other, 0o600).await.unwrap();
    served.servers.serve("other", socket, None, served.service()).unwrap();
    let _first = served.connect().await;
    let mut second = UnixStream::connect(other).await.unwrap();
    assert_eq!(rest(&mut second).await, b"");
    assert_eq!(served.metrics.refusals(Refusal::TotalLimit), 0, "it is the other's");
}

#[test_support::test]
async fn garbage_and_huge_heads_are_refused_and_harm_nobody() {
    let served = Served::unix(Limits::default()).await;
    let mut good = served.connect().await;
    let head = |bytes: usize| {
        let value = "a".repeat(bytes - "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len());
        format!("GET / HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n").into_bytes()
    };
    let many = "x: y\r\n".repeat(1_000);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("garbage", vec![0x16; 300], "HTTP/1.1 400"),
        ("no version", b"GET /\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        (
            "two lengths",
            b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(),
            "HTTP/1.1 400",
        ),
        ("many", format!("GET / HTTP/1.1\r\n{many}\r\n").into_bytes(), "HTTP/1.1 431"),
        ("huge", head(64 * 1024), "HTTP/1.1 431"),
        ("endless", vec![b'a'; 1024 * 1024], "HTTP/1.1 4"),
    ];
    for (name, bytes, said) in &cases {
        let mut stream = served.connect().await;
        // Refused before all has been read.
        let _ = stream.write_all(bytes).await;
        let mut answer = vec![0; said.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), *said, "{name}");
        rest(&mut stream).await;
    }
    served.until(|metrics| metrics.closures(Closed::Protocol) == 6).await;
    let mut stream = served.connect().await;
    stream.write_all(&head(15 * 1024)).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut good, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn streams_that_are_opened_and_reset_in_a_hurry_end_their_connection_only() {
    let served = Served::unix(Limits::default()).await;
    let mut good = served.connect().await;
    let mut stream = served.connect().await;
    stream.write_all(PREFACE).await.unwrap();
    let attack: Vec<u8> = (0..60_u8)
        .flat_map(|nth| {
            let mut frames = get(2 * nth + 1);
            frames.extend([0, 0, 4, 3, 0, 0, 0, 0, 2 * nth + 1, 0, 0, 0, 8]);
            frames
        })
        .collect();
    let _ = stream.write_all(&attack).await;
    let goaway = frame(&mut stream, GOAWAY).await;
    assert_eq!(goaway[4..8], [0, 0, 0, 0xb], "ENHANCE_YOUR_CALM");
    assert!(ask(&mut good, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn while_draining_everything_is_served_and_peers_are_asked_to_leave() {
    let served = Served::unix(Limits::default()).await;
    let mut old = served.connect().await;
    assert!(!ask(&mut old, "/").await.contains("connection: close"));
    served.servers.drain();
    let mut new = served.connect().await;
    for stream in [&mut old, &mut new] {
        let said = ask(stream, "/").await;
        assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
        assert_eq!(rest(stream).await, b"");
    }
}

#[test_support::test]
async fn closing_ends_what_is_idle_and_finishes_what_is_under_way() {
    let served = Served::unix(Limits::default()).await;
    let (mut idle, mut busy) = (served.connect().await, served.connect().await);
    let mut http2 = served.connect().await;
    ask(&mut idle, "/").await;
    http2.write_all(&[PREFACE, &get(1)].concat()).await.unwrap();
    frame(&mut http2, DATA).await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.servers.close();
    assert_eq!(rest(&mut idle).await, b"");
    frame(&mut http2, GOAWAY).await;
    drop(http2);
    served.until(|metrics| metrics.connections() == 1).await;
    while served.path().exists() {
        yield_now().await;
    }
    UnixStream::connect(served.path()).await.unwrap_err();
    served.release.notify_one();
    let said = answer(&mut busy).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
    served.servers.finished().await;
}

#[test_support::test]
async fn the_end_waits_for_nothing() {
    let served = Served::unix(Limits::default()).await;
    let mut busy = served.connect().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.servers.close();
    served.servers.end();
    served.servers.finished().await;
    assert_eq!(rest(&mut busy).await, b"");
    assert_eq!(served.metrics.closures(Closed::Shutdown), 1);
}

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

/// Runs one test of this binary in a process of its own, as systemd would start it: with a socket
/// as its third descriptor.
fn started_by_systemd(test: &str, socket: std::os::fd::OwnedFd) -> bool {
    let script =
        r#"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=authz exec "$0" --exact "$1" --ignored 3<&0"#;
    let test = format!("listen::tests::{test}");
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(binary).arg(test).stdin(socket);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
    output.status.success()
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_a_socket_of_systemd() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut inherited = Inherited::from_environment();
        assert_eq!(inherited.left().collect::<Vec<_>>(), ["authz"]);
        let fault = inherited.take("admin").unwrap_err();
        assert!(fault.to_string().contains("FileDescriptorName= has authz"), "{fault}");
        let sockets = inherited.take("authz").unwrap();
        assert_eq!((sockets.len(), inherited.left().count()), (1, 0));
        sockets[0].accept().await.unwrap();
    });
}

#[test]
fn sockets_of_systemd_are_taken_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authz.sock");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert!(started_by_systemd("takes_a_socket_of_systemd", unix.into()));
    assert!(path.exists(), "the file is systemd's");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // A machine may have no IPv6.
        let Ok(tcp) = std::net::TcpListener::bind(address) else { continue };
        let _waiting = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        assert!(started_by_systemd("takes_a_socket_of_systemd", tcp.into()));
    }
}
