//! One endpoint for all that Okta pushes: it tells the senders apart, and is strict about each.

mod answer;
mod builder;
mod metrics;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_service::Service;

pub use builder::SignalReceiverBuilder;
pub use metrics::ReceiverMetrics;

use super::header_secret::{Brought, HeaderSecret, bearer, looks_signed};
use super::refusal::Refused;
use super::used::Used;
use super::{
    EventBridge, EventHook, Feed, SecurityEvents, SignalRefusal, SourceKind, UniversalLogout,
};
use crate::clock::{Clock, Deadline, later};
use crate::secret::Token;
use crate::support::body::{self, Unread};
use answer::Accepted;
use metrics::Counters;

/// Receives what Okta pushes, at one endpoint: Universal Logout, event hooks, the log stream by way
/// of Amazon EventBridge, and security event tokens; of these only what is configured. A service of
/// tower. Cheap to clone; clones share everything.
///
/// | what is sent | is known by | answer |
/// |---|---|---|
/// | `GET` with `x-okta-verification-challenge` | nothing; the challenge is echoed | 200 |
/// | JSON, and a JWT in `Authorization` | the org's signature, once | 204 |
/// | JSON, and a secret in a header | the secret | 204 |
/// | `application/secevent+jwt` | the issuer's signature, and the secret that was agreed | 202 |
///
/// What is not taken is answered by [`SignalRefusal::status`], without a word of what was sent.
/// Who a sender is, is known before its body is read: of a stranger no more than a token's length is
/// ever kept, and of those that are known 32 bodies of a megabyte. Signatures of 64 strangers
/// are looked at at once; the next one is told to come again.
///
/// # Example: with axum
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::Router;
/// use okta_introspect::signals::{Feed, SignalReceiver, UniversalLogout};
/// use okta_introspect::{Checker, Error, Issuer};
///
/// fn routes(checker: Checker) -> Result<Router, Error> {
///     let org = Issuer::parse("https://acme.okta.com")?;
///     let url = "https://api.acme.example/signals";
///     let logout = UniversalLogout::new(org, "0oa1b2c3d4", url)?;
///     let receiver = SignalReceiver::builder(Feed::new([checker])).universal_logout(logout);
///     Ok(Router::new().route_service("/signals", receiver.build()?))
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct SignalReceiver {
    inner: Arc<Inner>,
}

struct Inner {
    feed: Feed,
    path: String,
    logout: Option<UniversalLogout>,
    hook: Option<EventHook>,
    bridge: Option<EventBridge>,
    events: Option<SecurityEvents>,
    /// Kept even where Universal Logout is not received, for a receiver that does so later.
    used: Used,
    counters: Arc<Counters>,
    /// Room for those of whom it is not known yet who they are.
    strangers: Arc<Semaphore>,
    /// Room for the bodies of the others.
    known: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

/// What a request is by its head.
enum Sent<'a> {
    Challenge(&'a [u8]),
    Logout(&'a UniversalLogout, &'a str),
    Hook,
    Bridge,
    Event(&'a SecurityEvents),
}

const CHALLENGE: HeaderName = HeaderName::from_static("x-okta-verification-challenge");

impl SignalReceiver {
    /// The longest body that is taken, in bytes. EventBridge's have 256 KiB at most.
    pub const MAX_BODY: usize = 1024 * 1024;

    /// How long a body may take. Okta itself waits for three seconds.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

    /// Begins a receiver whose signals go to `feed`.
    pub fn builder(feed: Feed) -> SignalReceiverBuilder {
        SignalReceiverBuilder::new(feed)
    }

    /// Answers one request.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: a signal is given to all checkers or to none.
    pub async fn receive<B: Body>(&self, request: Request<B>) -> Response<String> {
        let inner = &*self.inner;
        let (parts, body) = request.into_parts();
        let mut source = None;
        match inner.receive(&parts, body, &mut source).await {
            Ok(accepted) => {
                if let Accepted::From(source) = accepted {
                    inner.counters.accepted(source);
                }
                accepted.response()
            }
            Err(refused) => {
                inner.counters.refused(source, refused.reason);
                inner.tell(source, &refused);
                answer::refusal(source, refused.reason, inner.hook.is_some())
            }
        }
    }

    /// What was counted so far.
    pub fn metrics(&self) -> ReceiverMetrics {
        let mut metrics = self.inner.counters.read();
        let is_received = |name: &str| {
            let mut configured = self.inner.sources();
            name == metrics::UNTOLD || configured.any(|source| source.as_str() == name)
        };
        metrics.accepted.retain(|source, _| is_received(source));
        metrics.refused.retain(|(source, _), _| is_received(source));
        metrics
    }
}

impl Inner {
    const MAX_STRANGERS: usize = 64;
    const MAX_BODIES: usize = 32;

    /// What is received here.
    fn sources(&self) -> impl Iterator<Item = SourceKind> {
        let configured = [
            self.logout.as_ref().map(|_| SourceKind::UniversalLogout),
            self.hook.as_ref().map(|_| SourceKind::EventHook),
            self.bridge.as_ref().map(|_| SourceKind::EventBridge),
            self.events.as_ref().map(|_| SourceKind::SecurityEvent),
        ];
        configured.into_iter().flatten()
    }

    async fn receive<B: Body>(
        &self,
        parts: &Parts,
        body: B,
        source: &mut Option<SourceKind>,
    ) -> Result<Accepted, Refused> {
        let sent = self.tell_apart(parts, source)?;
        let too_large = body.size_hint().lower() > SignalReceiver::MAX_BODY as u64;
        if too_large {
            return Err(SignalRefusal::TooLarge.into());
        }
        let kind = match sent {
            Sent::Challenge(challenge) => {
                return Ok(Accepted::Challenge(EventHook::challenge(challenge)?));
            }
            Sent::Logout(logout, jwt) => {
                self.logout(logout, jwt, body).await?;
                SourceKind::UniversalLogout
            }
            Sent::Hook => {
                for event in EventHook::read(&self.body_of_known(body).await?)? {
                    self.feed.apply_event(SourceKind::EventHook, &event);
                }
                SourceKind::EventHook
            }
            Sent::Bridge => {
                let event = EventBridge::read(&self.body_of_known(body).await?)?;
                self.feed.apply_event(SourceKind::EventBridge, &event);
                SourceKind::EventBridge
            }
            Sent::Event(events) => {
                self.event(events, body).await?;
                SourceKind::SecurityEvent
            }
        };
        Ok(Accepted::From(kind))
    }

    /// Who signed is looked at first, and only then what was sent.
    async fn logout<B: Body>(
        &self,
        logout: &UniversalLogout,
        jwt: &str,
        body: B,
    ) -> Result<(), Refused> {
        let order = {
            let _room = self.room_for_stranger()?;
            logout.verify(jwt, self.clock.now()).await?
        };
        let body = self.body_of_known(body).await?;
        let signal = logout.read(&order, &body, (self.clock.now(), self.clock.monotonic()))?;
        self.feed.apply(&signal);
        Ok(())
    }

    /// The token is the body: where no secret was agreed, its sender is a stranger until it is read.
    async fn event<B: Body>(&self, events: &SecurityEvents, body: B) -> Result<(), Refused> {
        let _room = match events.authorization {
            Some(_) => self.room_for_known().await,
            None => Some(self.room_for_stranger()?),
        };
        let body = self.body(body, Token::MAX_LEN).await?;
        let token = std::str::from_utf8(&body).map_err(|_| SignalRefusal::MalformedJwt)?;
        for signal in events.read(token.trim_ascii(), self.clock.now()).await? {
            self.feed.apply(&signal);
        }
        Ok(())
    }

    fn room_for_stranger(&self) -> Result<SemaphorePermit<'_>, SignalRefusal> {
        self.strangers.try_acquire().map_err(|_| SignalRefusal::Busy)
    }

    /// Waits for it: what those say whom we know is not refused.
    async fn room_for_known(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.known.acquire().await.ok()
    }

    async fn body_of_known<B: Body>(&self, body: B) -> Result<Vec<u8>, SignalRefusal> {
        let _room = self.room_for_known().await;
        self.body(body, SignalReceiver::MAX_BODY).await
    }

    async fn body<B: Body>(&self, body: B, max: usize) -> Result<Vec<u8>, SignalRefusal> {
        let end = later(self.clock.monotonic(), SignalReceiver::BODY_TIMEOUT);
        let mut deadline = Deadline::new(&*self.clock, end);
        let read = deadline.before(body::read(body, max)).await.ok_or(SignalRefusal::TooSlow)?;
        read.map_err(|unread| match unread {
            Unread::TooLarge => SignalRefusal::TooLarge,
            Unread::Incomplete => SignalRefusal::Incomplete,
        })
    }

    fn tell_apart<'a>(
        &'a self,
        parts: &'a Parts,
        source: &mut Option<SourceKind>,
    ) -> Result<Sent<'a>, SignalRefusal> {
        if parts.uri.path() != self.path {
            return Err(SignalRefusal::UnknownPath);
        }
        let headers = &parts.headers;
        match (&parts.method, &self.hook) {
            (&Method::POST, _) => {}
            (&Method::GET, Some(hook)) => {
                *source = Some(SourceKind::EventHook);
                return challenge(hook, headers);
            }
            _ => return Err(SignalRefusal::Method),
        }
        let media_type = media_type(headers)?;
        let is = |wanted: &str| media_type.eq_ignore_ascii_case(wanted);
        let takes_json = self.logout.is_some() || self.hook.is_some() || self.bridge.is_some();
        match &self.events {
            Some(events) if is("application/secevent+jwt") => {
                *source = Some(SourceKind::SecurityEvent);
                check_encoding(headers)?;
                if let Some(secret) = &events.authorization {
                    check_secret(secret, headers)?;
                }
                Ok(Sent::Event(events))
            }
            _ if takes_json && is("application/json") => {
                let sent = self.by_credentials(headers)?;
                *source = Some(sent.source());
                check_encoding(headers)?;
                Ok(sent)
            }
            _ => Err(SignalRefusal::MediaType),
        }
    }

    /// Whose credentials JSON comes with.
    fn by_credentials<'a>(&'a self, headers: &'a HeaderMap) -> Result<Sent<'a>, SignalRefusal> {
        let brought = |secret: Option<&HeaderSecret>| {
            secret.map_or(Brought::Nothing, |secret| secret.brought(headers))
        };
        let hook = brought(self.hook.as_ref().map(|hook| &hook.secret));
        let bridge = brought(self.bridge.as_ref().map(|bridge| &bridge.secret));
        let authorization = single(headers, &AUTHORIZATION)?;
        if hook == Brought::Twice || bridge == Brought::Twice {
            return Err(SignalRefusal::SeveralCredentials);
        }
        let signed = authorization
            .and_then(|value| std::str::from_utf8(value).ok())
            .filter(|value| looks_signed(value));
        let jwt = self.logout.as_ref().zip(signed.and_then(bearer));
        match (hook == Brought::Right, bridge == Brought::Right, jwt) {
            (true, false, None) => Ok(Sent::Hook),
            (false, true, None) => Ok(Sent::Bridge),
            (false, false, Some((logout, jwt))) => Ok(Sent::Logout(logout, jwt)),
            (false, false, None) => {
                let has_any =
                    authorization.is_some() || hook == Brought::Wrong || bridge == Brought::Wrong;
                Err(match has_any {
                    true => SignalRefusal::WrongCredentials,
                    false => SignalRefusal::NoCredentials,
                })
            }
            _ => Err(SignalRefusal::SeveralCredentials),
        }
    }

    fn tell(&self, source: Option<SourceKind>, refused: &Refused) {
        let source_name = source.map_or("unknown", SourceKind::as_str);
        let reason = refused.reason.as_str();
        let cause = refused.cause.as_ref().map(tracing::field::display);
        match self.counters.is_due(source, refused.reason, &*self.clock) {
            true => tracing::warn!(
                source = source_name,
                reason,
                cause,
                "a signal is refused; is said once a minute"
            ),
            false => tracing::debug!(source = source_name, reason, cause, "a signal is refused"),
        }
    }
}

impl Sent<'_> {
    fn source(&self) -> SourceKind {
        match self {
            Self::Challenge(_) | Self::Hook => SourceKind::EventHook,
            Self::Logout(..) => SourceKind::UniversalLogout,
            Self::Bridge => SourceKind::EventBridge,
            Self::Event(_) => SourceKind::SecurityEvent,
        }
    }
}

/// The one-time verification of a hook. Whether Okta sends the secret with it is not documented; if
/// there is one, it has to be right.
fn challenge<'a>(hook: &EventHook, headers: &'a HeaderMap) -> Result<Sent<'a>, SignalRefusal> {
    match hook.secret.brought(headers) {
        Brought::Nothing | Brought::Right => {}
        Brought::Wrong => return Err(SignalRefusal::WrongCredentials),
        Brought::Twice => return Err(SignalRefusal::SeveralCredentials),
    }
    let mut values = headers.get_all(CHALLENGE).iter();
    match (values.next(), values.next()) {
        (Some(challenge), None) => Ok(Sent::Challenge(challenge.as_bytes())),
        _ => Err(SignalRefusal::Challenge),
    }
}

fn check_secret(secret: &HeaderSecret, headers: &HeaderMap) -> Result<(), SignalRefusal> {
    match secret.brought(headers) {
        Brought::Right => Ok(()),
        Brought::Nothing => Err(SignalRefusal::NoCredentials),
        Brought::Wrong => Err(SignalRefusal::WrongCredentials),
        Brought::Twice => Err(SignalRefusal::SeveralCredentials),
    }
}

/// The type of the body, without its parameters.
fn media_type(headers: &HeaderMap) -> Result<&str, SignalRefusal> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(SignalRefusal::MediaType);
    };
    let value = value.to_str().map_err(|_| SignalRefusal::MediaType)?;
    Ok(value.split(';').next().unwrap_or_default().trim_matches([' ', '\t']))
}

fn check_encoding(headers: &HeaderMap) -> Result<(), SignalRefusal> {
    let plain = headers.get_all(CONTENT_ENCODING).iter();
    match plain.into_iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(SignalRefusal::ContentEncoding),
    }
}

/// The value of a header that may be there once.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, SignalRefusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
        (_, Some(_)) => Err(SignalRefusal::SeveralCredentials),
    }
}

impl<B> Service<Request<B>> for SignalReceiver
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move { Ok(receiver.receive(request).await) })
    }
}

impl fmt::Debug for SignalReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, logout, hook, bridge, events, .. } = &*self.inner;
        f.debug_struct("SignalReceiver")
            .field("path", path)
            .field("universal_logout", logout)
            .field("event_hook", hook)
            .field("event_bridge", bridge)
            .field("security_events", events)
            .finish_non_exhaustive()
    }
}
