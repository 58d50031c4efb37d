//! The tower layer.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::challenge::Rejection;
use super::gate::Gate;
use super::head::RequestHead;
use super::rules::Rules;
use crate::checker::Authorized;
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
///
/// # Example: a rule for each route
///
/// ```
/// use http::Method;
/// use okta_introspect::adapter::{Gate, GateLayer, Rules};
/// use okta_introspect::checker::{Checker, Requirement};
///
/// fn before_everything(checker: Checker) -> GateLayer {
///     let read = Requirement::new().scope("orders.read");
///     Gate::new(checker).layer(Rules::new().on(Method::GET, "/orders", read))
/// }
/// ```
#[must_use]
pub struct GateLayer<A = Bare> {
    guard: Arc<Guard>,
    answers: PhantomData<fn() -> A>,
}

/// Refusals have no body.
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Bare, Gate, GateLayer};
/// use okta_introspect::checker::Requirement;
///
/// fn layer(gate: &Gate) -> GateLayer<Bare> {
///     gate.layer(Requirement::new())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bare;

/// Refusals have a body that programs can read
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Gate, GateLayer, ProblemDetails};
/// use okta_introspect::checker::Requirement;
///
/// fn layer(gate: &Gate) -> GateLayer<ProblemDetails> {
///     gate.layer(Requirement::new()).problem_details()
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ProblemDetails;

/// Writes refusals with bodies of the type `B`; [`Bare`] does for every type that has a default,
/// [`ProblemDetails`] for those that are made of texts.
///
/// # Example: a body of one's own
///
/// ```
/// use http::Response;
/// use okta_introspect::adapter::{Answer, Rejection};
///
/// struct Apologies;
///
/// impl Answer<String> for Apologies {
///     fn answer(rejection: Rejection) -> Response<String> {
///         rejection.response().map(|()| "we are sorry".to_owned())
///     }
/// }
/// ```
pub trait Answer<B>: 'static {
    /// The answer to a request that is not let in.
    fn answer(rejection: Rejection) -> Response<B>;
}

impl<B: Default> Answer<B> for Bare {
    fn answer(rejection: Rejection) -> Response<B> {
        rejection.response()
    }
}

impl<B: From<String>> Answer<B> for ProblemDetails {
    fn answer(rejection: Rejection) -> Response<B> {
        rejection.response_with_problem()
    }
}

/// What every clone of a guarded service shares. Frameworks clone a service for each request; so
/// it is one thing, and to clone it counts up one number: on a line of memory apart from the rest,
/// which each thread would otherwise have to fetch again whenever another has counted.
#[derive(Debug)]
#[repr(align(128))]
struct Guard {
    gate: Gate,
    rules: Rules,
}

impl Gate {
    /// A layer that lets in what meets the requirement, or the [rules](Rules).
    pub fn layer(&self, rules: impl Into<Rules>) -> GateLayer {
        GateLayer::new(Guard { gate: self.clone(), rules: rules.into() })
    }
}

impl<A> GateLayer<A> {
    fn new(guard: Guard) -> Self {
        Self { guard: Arc::new(guard), answers: PhantomData }
    }

    /// Gives refusals a body that programs can read
    /// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Answers to requests of gRPC stay
    /// without one.
    pub fn problem_details(self) -> GateLayer<ProblemDetails> {
        self.answers()
    }

    /// Has refusals written by `T`.
    pub fn answers<T>(self) -> GateLayer<T> {
        GateLayer { guard: self.guard, answers: PhantomData }
    }
}

impl<S, A> Layer<S> for GateLayer<A> {
    type Service = Gated<S, A>;

    fn layer(&self, inner: S) -> Gated<S, A> {
        Gated { inner, guard: Arc::clone(&self.guard), answers: PhantomData }
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
pub struct Gated<S, A = Bare> {
    inner: S,
    guard: Arc<Guard>,
    answers: PhantomData<fn() -> A>,
}

impl<S, A, B, R> Service<Request<B>> for Gated<S, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Send + 'static,
    A: Answer<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Most answers are cached: then nothing is boxed and no service cloned.
        let state = match self.guard.try_check(&request) {
            Some(Ok(authorized)) => {
                request.extensions_mut().insert(authorized);
                State::Inner { future: self.inner.call(request) }
            }
            Some(Err(rejection)) => State::Refused { rejection: Some(rejection) },
            None => {
                let clone = self.inner.clone();
                // The one that was polled is the one that is ready.
                let inner = std::mem::replace(&mut self.inner, clone);
                let check = Box::pin(check(Arc::clone(&self.guard), request));
                State::Checking { check, inner }
            }
        };
        ResponseFuture { state, answers: PhantomData }
    }
}

impl Guard {
    /// What can be said of a request without waiting.
    #[inline]
    fn try_check<B>(&self, request: &Request<B>) -> Option<Result<Authorized, Rejection>> {
        let head = self.gate.head(RequestHead::request(request));
        let required = self.rules.find(&head);
        let result = match &required {
            Some(requirement) => self.gate.try_check_seen(&head, requirement)?,
            None => Err(Rejection::no_rule()),
        };
        Some(match result {
            Ok(authorized) => Ok(authorized),
            Err(rejection) => Err(self.gate.refuse(rejection, &head, required.as_deref())),
        })
    }
}

async fn check<B: Send>(guard: Arc<Guard>, request: Request<B>) -> Result<Request<B>, Rejection> {
    let (mut parts, body) = request.into_parts();
    let head = guard.gate.head(RequestHead::parts(&parts));
    let required = guard.rules.find(&head);
    let checked = guard.gate.check_now_or_later(&head, required.as_ref()).await;
    let refuse = |rejection| guard.gate.refuse(rejection, &head, required.as_deref());
    let authorized = checked.map_err(refuse)?;
    parts.extensions.insert(authorized);
    Ok(Request::from_parts(parts, body))
}

pin_project! {
    /// The answer of a service behind a gate, or of the gate.
    pub struct ResponseFuture<S, B, A = Bare>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
        answers: PhantomData<fn() -> A>,
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

impl<S: Service<Request<B>>, B, A> ResponseFuture<S, B, A> {
    /// Has the service answer what comes of the check.
    pub(super) fn checking(
        check: BoxFuture<'static, Result<Request<B>, Rejection>>,
        inner: S,
    ) -> Self {
        Self { state: State::Checking { check, inner }, answers: PhantomData }
    }
}

impl<S, B, R, A> Future for ResponseFuture<S, B, A>
where
    S: Service<Request<B>, Response = Response<R>>,
    A: Answer<R>,
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
                    return Poll::Ready(Ok(A::answer(rejection)));
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

impl<A> Clone for GateLayer<A> {
    fn clone(&self) -> Self {
        Self { guard: Arc::clone(&self.guard), answers: PhantomData }
    }
}

impl<S: Clone, A> Clone for Gated<S, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: Arc::clone(&self.guard), answers: PhantomData }
    }
}

impl<A> fmt::Debug for GateLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateLayer").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, A> fmt::Debug for Gated<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, guard, .. } = self;
        f.debug_struct("Gated").field("inner", inner).field("guard", guard).finish_non_exhaustive()
    }
}

impl<S: Service<Request<B>>, B, A> fmt::Debug for ResponseFuture<S, B, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
