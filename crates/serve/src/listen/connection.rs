//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use okta_introspect::{Clock, Deadline};
use tokio::sync::watch;

use super::limits::{Limits, later};
use super::pulse::{InFlight, Pulse};
use super::stream::{Stream, Watched};
use super::tls::Tls;
use crate::caller::Peer;
use crate::metrics::{Closed, ListenerMetrics, Outcome, Refusal};

/// What a listener serves: every `Fn(Request<Incoming>, Arc<Peer>) -> impl Future<Output = Response<B>>`
/// is one.
///
/// The peer is no extension of the request, which would be three allocations; the response may carry an
/// [`Outcome`] for the metrics.
pub trait Service: Send + Sync + 'static {
    /// The body of responses.
    type Body: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers a request. A peer that goes away drops the future.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}

impl<F, A, B> Service for F
where
    F: Fn(Request<Incoming>, Arc<Peer>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Body = B;

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<B>> + Send + 'static {
        self(request, peer)
    }
}

/// How far the process is on its way to its end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Serving,
    /// No connection is accepted, and those that are open end after what they are doing.
    Closing,
    /// Nothing is waited for.
    Ended,
}

/// What the connections of one listener share.
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<ListenerMetrics>,
    pub(super) http: Builder<TokioExecutor>,
    /// Whether peers are asked to open no further requests on their connections.
    pub(super) draining: Arc<AtomicBool>,
}

/// The settings of HTTP/1.1 and HTTP/2, for both on one port.
pub(super) fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Slow heads are the pulse's: hyper's timer would also count the time between requests.
    builder.http1().header_read_timeout(None).max_buf_size(limits.head_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_timeout);
    builder
}

/// Serves a connection until it ends, its time is up, or the process ends.
pub(super) async fn serve<S: Service>(
    shared: Arc<Shared<S>>,
    stream: Stream,
    peer: Peer,
    pulse: Arc<Pulse>,
    mut phase: watch::Receiver<Phase>,
) {
    let Some((stream, peer)) = shared.secured(stream, peer, &pulse, &mut phase).await else {
        return;
    };
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&pulse)));
    let peer = Arc::new(peer);
    let answer = |request| shared.answer(request, Arc::clone(&peer), pulse.begin());
    let connection = std::pin::pin!(shared.http.serve_connection(stream, service_fn(answer)));
    if let Some(reason) = shared.drive(connection, &pulse, &mut phase).await {
        shared.metrics.closed(reason);
    }
}

/// What happens to a connection.
enum Event {
    /// It ended by itself; with an error if what came made no sense.
    Ended(Option<Closed>),
    Phase(Phase),
}

impl<S: Service> Shared<S> {
    /// Does the handshake, if there is one, within the time for the first head.
    async fn secured(
        &self,
        stream: Stream,
        peer: Peer,
        pulse: &Pulse,
        phase: &mut watch::Receiver<Phase>,
    ) -> Option<(Stream, Peer)> {
        let Some(tls) = &self.tls else { return Some((stream, peer)) };
        // What is not TCP was refused when the listener was set up.
        let (Stream::Tcp(tcp), Peer::Tcp(addr)) = (stream, peer) else { return None };
        let (by, _) = pulse.due(&self.limits);
        let handshake = async {
            tokio::select! {
                biased;
                done = tls.accept(tcp) => done.ok(),
                () = reached(phase, Phase::Ended) => None,
            }
        };
        match Deadline::new(&*self.clock, by).before(handshake).await.flatten() {
            Some((stream, names)) => {
                Some((Stream::Tls(Box::new(stream)), Peer::Tls { addr, names: names.into() }))
            }
            None => {
                self.metrics.refused(Refusal::Handshake);
                None
            }
        }
    }

    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
        in_flight: InFlight,
    ) -> impl Future<Output = Result<Response<S::Body>, Infallible>> + Send + 'static {
        let http1 = request.version() <= Version::HTTP_11;
        let answer = self.service.answer(request, peer);
        let shared = Arc::clone(self);
        async move {
            let mut response = answer.await;
            if http1 && shared.draining.load(Ordering::Relaxed) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            shared.metrics.answered(Outcome::of(&response), in_flight.end());
            Ok(response)
        }
    }

    /// Lets a connection do its work; why it was closed, if its peer did not do that.
    async fn drive<C>(
        &self,
        mut connection: Pin<&mut C>,
        pulse: &Pulse,
        phase: &mut watch::Receiver<Phase>,
    ) -> Option<Closed>
    where
        C: GracefulConnection<Error = Box<dyn Error + Send + Sync>>,
    {
        // When it has to have left, once it was asked to for being idle.
        let mut leaves: Option<Instant> = None;
        loop {
            let (due, reason) =
                leaves.map_or_else(|| pulse.due(&self.limits), |at| (at, Closed::Idle));
            let mut deadline = Deadline::new(&*self.clock, due);
            match deadline.before(next(connection.as_mut(), phase)).await {
                Some(Event::Ended(reason)) => {
                    return reason.or_else(|| leaves.map(|_| Closed::Idle));
                }
                Some(Event::Phase(Phase::Serving)) => {}
                Some(Event::Phase(Phase::Closing)) => connection.as_mut().graceful_shutdown(),
                Some(Event::Phase(Phase::Ended)) => return Some(Closed::Shutdown),
                // Something began or ended meanwhile.
                None if leaves.is_none() && pulse.due(&self.limits).0 > due => {}
                None if leaves.is_none() && reason == Closed::Idle => {
                    connection.as_mut().graceful_shutdown();
                    leaves = Some(later(due, self.limits.head));
                }
                None => return Some(reason),
            }
        }
    }
}

async fn next<C>(mut connection: Pin<&mut C>, phase: &mut watch::Receiver<Phase>) -> Event
where
    C: GracefulConnection<Error = Box<dyn Error + Send + Sync>>,
{
    tokio::select! {
        biased;
        end = connection.as_mut() => Event::Ended(end.err().and_then(|error| fault(&*error))),
        changed = phase.changed() => match changed {
            Ok(()) => Event::Phase(*phase.borrow_and_update()),
            // The servers were dropped.
            Err(_) => Event::Phase(Phase::Ended),
        },
    }
}

/// Waits until the process is so far.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, at: Phase) {
    // It fails if the servers were dropped, which ends everything.
    let _ = phase.wait_for(|phase| *phase >= at).await;
}

/// Whether the peer is at fault; it is not for going away.
fn fault(error: &(dyn Error + 'static)) -> Option<Closed> {
    error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()).map(|_| Closed::Protocol)
}
