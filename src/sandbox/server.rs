//! The listener: reads requests, has them answered, records them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::{Answer, Refusal};
use super::request::{RecordedRequest, Request};
use super::routes;
use super::state::State;
use super::throttle::UnderWay;
use crate::clock::Clock;
use crate::random::Random;

/// The largest request body read, in bytes; a token has at most 16 KiB.
const MAX_BODY: usize = 256 * 1024;

/// What all connections and all handles share.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
    panicked: AtomicBool,
    under_way: Arc<AtomicUsize>,
}

impl Shared {
    pub(super) fn new(
        address: SocketAddr,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        state: State,
    ) -> Self {
        Self {
            address,
            clock,
            random,
            state: Mutex::new(state),
            panicked: AtomicBool::new(false),
            under_way: Arc::default(),
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

    /// The address under which clients call, by its number.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
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

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether answering a request has ever panicked.
    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// The base URL for a request with this `Host`: as the client called it, if the name is one
    /// of this server's, and the own address otherwise. The client's own word is not enough to
    /// make an `aud` right.
    fn base_for(&self, host: Option<&str>) -> String {
        let localhost = format!("localhost:{}", self.address.port());
        match host {
            Some(host) if host.eq_ignore_ascii_case(&localhost) => format!("http://{localhost}"),
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
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    // Clients may hang up whenever they like.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Shared, request: hyper::Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let base = shared.base_for(host(&parts.headers));
    let body = Limited::new(body, MAX_BODY).collect().await;
    let (body, readable) = match body {
        Ok(body) => (body.to_bytes(), true),
        Err(_) => (Bytes::new(), false),
    };
    let _under_way = UnderWay::begin(&shared.under_way);
    let id = shared.identifier();
    let request = Request::new(id, base, parts.method, &parts.uri, parts.headers, body);
    let answer = if readable { answer(shared, &request) } else { unreadable(shared) };
    let now = shared.now();
    let response = finish(answer, &request.id, now);
    let record = RecordedRequest::new(request, now, response.status());
    shared.state().record(record);
    response
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|host| host.to_str().ok())
}

/// A panic must not hide behind a broken connection: it is answered with 500, and fails the test
/// that owns the sandbox when that is dropped.
fn answer(shared: &Shared, request: &Request) -> Answer {
    panic::catch_unwind(AssertUnwindSafe(|| routes::answer(shared, request))).unwrap_or_else(|_| {
        shared.panicked.store(true, Ordering::Relaxed);
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = Refusal::api(status, "E0000009", "Internal Server Error");
        refusal.into_answer(&shared.identifier())
    })
}

fn unreadable(shared: &Shared) -> Answer {
    Refusal::api(StatusCode::BAD_REQUEST, "E0000003", "The request body was not well-formed.")
        .into_answer(&shared.identifier())
}

/// Adds the headers that every answer has.
fn finish(answer: Answer, request_id: &str, now: DateTime<Utc>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    // IMF-fixdate, RFC 9110 §5.6.7.
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [("date", date.as_str()), ("x-okta-request-id", request_id)] {
        // Both are plain ASCII that was made here.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
