//! The listener, and what all its connections share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::faults::Gate;
use super::log::{Entry, LogEntity};
use super::respond::respond;
use super::state::State;
use super::tls::{HTTP_2, ServerIdentity};
use super::wire::{Line, Wire};
use crate::clock::Clock;
use crate::support::random::Random;

/// The System Log's event for a server's keys that were rotated.
pub(super) const KEY_ROLLOVER: &str = "app.oauth2.as.key.rollover";

/// What all connections and all handles share.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// Who it is to clients that speak TLS; `None` is plain HTTP.
    pub(super) identity: Option<ServerIdentity>,
    pub(super) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Where faults keep requests waiting.
    pub(super) gate: Gate,
    /// How many requests are under way.
    pub(super) under_way: Arc<AtomicUsize>,
    state: Mutex<State>,
    panicked: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        address: SocketAddr,
        identity: Option<ServerIdentity>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        state: State,
    ) -> Self {
        Self {
            address,
            identity,
            clock,
            random,
            gate: Gate::new(),
            under_way: Arc::default(),
            state: Mutex::new(state),
            panicked: AtomicBool::new(false),
        }
    }

    /// What the server knows. Never held across a signature or an await.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.state().clock_offset
    }

    /// Does what has fallen due by the clock. Comes before everything that depends on keys.
    pub(super) fn keep_up(&self) {
        let now = self.now();
        let rotated = self.state().rotate_due(now);
        for server in rotated {
            self.log_change(KEY_ROLLOVER, Some(LogEntity::server(&server)));
        }
    }

    /// Writes to the System Log what was changed without a request.
    pub(super) fn log_change(&self, event_type: &'static str, target: Option<LogEntity>) {
        let (uuid, now) = (self.uuid(), self.now());
        let entry = Entry {
            event_type,
            actor: LogEntity::administrator(),
            target: target.into_iter().collect(),
            failure: None,
            request_id: None,
        };
        self.state().log.push(entry, uuid, now);
    }

    /// The address under which clients call, by its number.
    pub(super) fn base(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    fn scheme(&self) -> &'static str {
        if self.identity.is_some() { "https" } else { "http" }
    }

    /// 192 random bits as text.
    pub(super) fn identifier(&self) -> String {
        let mut bytes = [0; 24];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A random UUID.
    pub(super) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Whether answering a request has ever panicked.
    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// Takes note that answering a request has panicked.
    pub(super) fn note_panic(&self) {
        self.panicked.store(true, Ordering::Relaxed);
    }

    /// The base URL for a request with this `Host`: as the client called it, if the name is one
    /// of this server's, and the own address otherwise. The client's own word is not enough to
    /// make an `aud` right.
    pub(super) fn base_for(&self, host: Option<&str>) -> String {
        let localhost = format!("localhost:{}", self.address.port());
        match host {
            Some(host) if host.eq_ignore_ascii_case(&localhost) => {
                format!("{}://{localhost}", self.scheme())
            }
            _ => self.base(),
        }
    }
}

/// Accepts connections for ever. Dropping the future closes the listener and all connections.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
            // One connection went away, or file descriptors are short for a moment: the next
            // one may do better, when others have had their turn.
            Err(_) => tokio::task::yield_now().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Answers are small and are waited for; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let line = Arc::new(Line::default());
    let wire = Wire::new(stream, Arc::clone(&line));
    let Some(identity) = &shared.identity else {
        return talk(wire, false, line, shared).await;
    };
    // Who does not like the certificate leaves here.
    if let Ok(stream) = TlsAcceptor::from(identity.config()).accept(wire).await {
        let http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        talk(stream, http_2, line, shared).await;
    }
}

/// Serves one connection until its end, or until it is cut.
async fn talk<S>(stream: S, http_2: bool, line: Arc<Line>, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let own_line = Arc::clone(&line);
    let service = service_fn(move |request| {
        let (shared, line) = (Arc::clone(&shared), Arc::clone(&own_line));
        async move { Ok::<_, Infallible>(respond(&shared, &line, request).await) }
    });
    let stream = TokioIo::new(stream);
    let connection = async {
        // Clients may hang up whenever they like.
        let _ = match http_2 {
            true => {
                http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
            }
            false => http1::Builder::new().serve_connection(stream, service).await,
        };
    };
    tokio::select! {
        // The connection has its turn first, to send what it has before it is cut.
        biased;
        () = connection => {}
        () = line.until_cut() => {}
    }
}
