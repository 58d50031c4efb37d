//! The tower layer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::challenge::Rejection;
use super::gate::{Gate, Seen};
use crate::checker::{Authorized, Requirement};
use crate::support::boxed_future::BoxFuture;

/// Puts a gate before a service: requests that meet the requirement go on, with
/// [`Authorized`] among their extensions; the others are answered.
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Gate, GateLayer};
/// use okta_introspect::checker::{Checker, Requirement};
///
/// fn before_orders(checker: Checker) -> GateLayer {
///     Gate::new(checker).layer(Requirement::new().scope("orders.read"))
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct GateLayer {
    guard: Arc<Guard>,
}

/// What every clone of a guarded service shares. Frameworks clone a service for each request; so
/// it is one thing, and to clone it counts up one number: on a line of memory apart from the rest,
/// which each thread would otherwise have to fetch again whenever another has counted.
#[derive(Debug)]
#[repr(align(128))]
struct Guard {
    gate: Gate,
    requirement: Requirement,
}

impl Gate {
    /// A layer that lets in what meets the requirement.
    pub fn layer(&self, requirement: Requirement) -> GateLayer {
        GateLayer { guard: Arc::new(Guard { gate: self.clone(), requirement }) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, guard: Arc::clone(&self.guard) }
    }
}

/// A service behind a gate; made by [`GateLayer`].
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{GateLayer, Gated};
/// use tower_layer::Layer;
///
/// fn guard<S>(layer: &GateLayer, service: S) -> Gated<S> {
///     layer.layer(service)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gated<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S, B, R> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Most answers are cached: then nothing is boxed and no service cloned.
        let Guard { gate, requirement } = &*self.guard;
        match gate.try_check(&Seen::request(&request), requirement) {
            Some(Ok(authorized)) => {
                request.extensions_mut().insert(authorized);
                ResponseFuture { state: State::Inner { future: self.inner.call(request) } }
            }
            Some(Err(rejection)) => {
                ResponseFuture { state: State::Refused { rejection: Some(rejection) } }
            }
            None => {
                let clone = self.inner.clone();
                // The one that was polled is the one that is ready.
                let inner = std::mem::replace(&mut self.inner, clone);
                let check = Box::pin(check(Arc::clone(&self.guard), request));
                ResponseFuture { state: State::Checking { check, inner } }
            }
        }
    }
}

async fn check<B: Send>(guard: Arc<Guard>, request: Request<B>) -> Result<Request<B>, Rejection> {
    let (mut parts, body) = request.into_parts();
    let seen = Seen::parts(&parts);
    let authorized: Authorized = guard.gate.check_seen(&seen, &guard.requirement).await?;
    parts.extensions.insert(authorized);
    Ok(Request::from_parts(parts, body))
}

pin_project! {
    /// The answer of a service behind a gate, or of the gate.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        Checking { check: BoxFuture<'static, Result<Request<B>, Rejection>>, inner: S },
        Inner { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Inner { future } => return future.poll(cx),
                StateProjection::Refused { rejection } => {
                    // Taken once: a future is not polled again after it is ready.
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(Ok(rejection.response()));
                }
                StateProjection::Checking { check, inner } => {
                    match ready!(check.as_mut().poll(cx)) {
                        Ok(request) => State::Inner { future: inner.call(request) },
                        Err(rejection) => State::Refused { rejection: Some(rejection) },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> std::fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
