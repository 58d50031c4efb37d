//! Real sockets, injected time.

mod end;
mod limits;
mod protocol;
mod systemd;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use okta_introspect::ManualClock;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::{Limits, Servers, Service, Socket, Tls, TlsIdentity};
use crate::caller::Peer;
use crate::metrics::{Closed, ListenerMetrics, Metrics, Outcome};

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
