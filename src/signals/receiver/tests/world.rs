//! A receiver of everything, whose signals are written down, and those that send to it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use serde_json::{Value, json};

use crate::clock::{Clock, ManualClock};
use crate::issuer::Issuer;
use crate::jwks::{JwkSet, Jwks};
use crate::key::{Algorithm, SigningKey};
use crate::secret::Secret;
use crate::signals::{
    Applied, EventBridge, EventHook, Feed, SecurityEvents, Signal, SignalReceiver,
    SignalReceiverBuilder, Subject, UniversalLogout,
};

pub(super) const ORG: &str = "https://acme.okta.com";
pub(super) const CLIENT: &str = "0oa1b2c3d4";
pub(super) const ENDPOINT: &str = "https://api.acme.example/signals";
pub(super) const AUDIENCE: &str = "https://api.acme.example/caep";
pub(super) const HOOK_SECRET: &str = "hook secret 0123456789";
pub(super) const BRIDGE_SECRET: &str = "bridge secret 0123456789";
pub(super) const BRIDGE_HEADER: &str = "x-signals-key";

/// The time when the tests begin.
pub(super) const NOW: i64 = 1_700_000_000;

/// The org's key, and one of another org under the same id.
pub(super) static KEYS: LazyLock<[SigningKey; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let key = SigningKey::generate(Algorithm::Rs256).unwrap();
        key.with_key_id(Some("k1".to_owned()))
    })
});

/// The org's published keys.
pub(super) fn published() -> String {
    format!("{{\"keys\":[{}]}}", KEYS[0].public_jwk().to_json())
}

pub(super) fn fixed_keys() -> Jwks {
    Jwks::fixed(JwkSet::parse(published().as_bytes()).unwrap())
}

pub(super) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A JWT by the org's key, whatever its header says.
pub(super) fn jwt(header: &Value, claims: &Value) -> String {
    signed(&KEYS[0], header, claims)
}

pub(super) fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = key.sign_blocking(input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

/// A value with some members changed, or taken away by `null`.
pub(super) fn with(mut value: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("no object") };
    for (name, change) in changes {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(&name)),
            change => value[name] = change,
        }
    }
    value
}

/// The body of a request, which counts what is read of it.
pub(super) struct Sent {
    chunks: VecDeque<Bytes>,
    /// What `Content-Length` says.
    says: Option<u64>,
    ends: bool,
    read: Arc<AtomicUsize>,
}

impl Sent {
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = Bytes::from(text.into());
        let says = Some(text.len() as u64);
        Self { chunks: [text].into(), says, ends: true, read: Arc::default() }
    }

    /// So many chunks of 64 KiB of blanks, without a word of how many.
    pub(super) fn chunks(count: usize) -> Self {
        let chunk = Bytes::from(vec![b' '; 64 * 1024]);
        let chunks = std::iter::repeat_n(chunk, count).collect();
        Self { chunks, says: None, ends: true, read: Arc::default() }
    }

    pub(super) fn saying(mut self, length: u64) -> Self {
        self.says = Some(length);
        self
    }

    /// Never ends.
    pub(super) fn hanging(mut self) -> Self {
        self.ends = false;
        self
    }

    /// How many bytes were read of it.
    pub(super) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.read)
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.chunks.pop_front() {
            Some(chunk) => {
                self.read.fetch_add(chunk.len(), Ordering::SeqCst);
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.says.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) receiver: SignalReceiver,
    applied: Arc<Mutex<Vec<(Signal, Applied)>>>,
    pub(super) feed: Feed,
}

impl World {
    /// A receiver of everything, with fixed keys.
    pub(super) fn new() -> Self {
        Self::of(|builder| builder, &fixed_keys())
    }

    pub(super) fn of(
        change: impl FnOnce(SignalReceiverBuilder) -> SignalReceiverBuilder,
        keys: &Jwks,
    ) -> Self {
        let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
        let applied = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&applied);
        let observe = move |signal: &Signal, what| {
            written.lock().unwrap().push((signal.clone(), what));
        };
        let feed = Feed::builder([]).clock(clock.clone()).on_signal(observe).build();
        let org = || Issuer::parse(ORG).unwrap();
        let logout = UniversalLogout::new(org(), CLIENT, ENDPOINT).unwrap().keys(keys.clone());
        let events = SecurityEvents::new(org(), AUDIENCE).unwrap().keys(keys.clone());
        let builder = SignalReceiver::builder(feed.clone())
            .universal_logout(logout)
            .event_hook(EventHook::new(&Secret::new(HOOK_SECRET)).unwrap())
            .event_bridge(EventBridge::new(BRIDGE_HEADER, &Secret::new(BRIDGE_SECRET)).unwrap())
            .security_events(events)
            .clock(clock.clone());
        let receiver = change(builder).build().unwrap();
        Self { clock, receiver, applied, feed }
    }

    pub(super) async fn send(&self, request: Request<Sent>) -> Response<String> {
        self.receiver.receive(request).await
    }

    /// The subjects of the signals that were applied since the last time, the repeated ones too.
    pub(super) fn applied(&self) -> Vec<(Vec<Subject>, Applied)> {
        let applied = std::mem::take(&mut *self.applied.lock().unwrap());
        applied.into_iter().map(|(signal, what)| (signal.subjects, what)).collect()
    }

    /// How often requests of a source were refused for a reason.
    pub(super) fn refused(&self, source: &'static str, reason: &'static str) -> u64 {
        self.receiver.metrics().refused[&(source, reason)]
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sends what must be refused: the status and the reason are right, nothing that was sent comes
    /// back, and no signal is applied.
    pub(super) async fn refuses(
        &self,
        name: &str,
        request: Request<Sent>,
        (source, reason, status): (&'static str, &'static str, u16),
    ) {
        let (before, read) = (self.refused(source, reason), request.body().counter());
        let response = self.send(request).await;
        let counted = self.refused(source, reason) - before;
        assert_eq!((response.status().as_u16(), counted), (status, 1), "{name}: {response:?}");
        assert_eq!(self.applied(), [], "{name}");
        let bound = SignalReceiver::MAX_BODY + 64 * 1024;
        assert!(read.load(Ordering::SeqCst) <= bound, "{name}: {read:?} bytes were read");
        let is_event = source == "security_event";
        let says = response.body();
        assert!(says.is_empty() || is_event && !says.contains("evil"), "{name}: {says}");
    }
}

/// A request whose headers are as given, doubled where they are given twice.
pub(super) fn request(
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Sent,
) -> Request<Sent> {
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    let map: &mut HeaderMap = request.headers_mut();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    request
}

/// A request with JSON.
pub(super) fn post(headers: &[(&'static str, &str)], body: Sent) -> Request<Sent> {
    let mut request = request("POST", "/signals", headers, body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request
}

pub(super) fn user(name: &str) -> Subject {
    Subject::User { id: Some(name.to_owned()), logins: Vec::new() }
}

pub(super) fn login(name: &str) -> Subject {
    Subject::User { id: None, logins: vec![name.to_owned()] }
}

/// An event of the System Log that a user was suspended.
pub(super) fn suspended(uuid: &str, user: &str) -> Value {
    json!({
        "uuid": uuid,
        "eventType": "user.lifecycle.suspend",
        "published": "2023-11-14T22:13:20.000Z",
        "outcome": {"result": "SUCCESS"},
        "target": [{"type": "User", "id": user}],
    })
}
