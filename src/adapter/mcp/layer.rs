//! The tower layer that looks into the body.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::super::challenge::Rejection;
use super::super::gate::Gate;
use super::super::head::RequestHead;
use super::super::layer::{Answer, Bare, ProblemDetails, ResponseFuture};
use super::super::required::Required;
use super::body::McpBody;
use super::encoding::is_plain;
use super::fault::BodyFault;
use super::message::read;
use super::rules::McpRules;
use crate::checker::Authorized;
use crate::clock::{Deadline, later};

/// Puts a gate before an MCP server, with a requirement for each tool: requests that meet theirs go on,
/// with [`Authorized`] among their extensions; the others are answered as by
/// [`GateLayer`](super::super::GateLayer). Made by [`Gate::mcp_layer`].
///
/// Every request is checked, as the specification demands. What is not looked at again is a stream of
/// events that has begun: it goes on until the server ends it.
///
/// # Example: the whole guard
///
/// ```
/// use std::time::Duration;
/// use axum::Router;
/// use axum::routing::post;
/// use okta_introspect::adapter::{Gate, McpRules, ResourceMetadata};
/// use okta_introspect::{Checker, Error, Issuer, Requirement};
///
/// # #[cfg(feature = "axum")]
/// fn server(checker: Checker, issuer: &Issuer) -> Result<Router, Error> {
///     let resource = ResourceMetadata::builder("https://api.acme.example/mcp");
///     let resource = resource.authorization_server(issuer).build()?;
///     let now = Requirement::new().scope("orders.delete").max_age(Duration::ZERO);
///     let rules = McpRules::new(Requirement::new().scope("orders.read")).tool("delete_order", now);
///
///     let guard = Gate::new(checker).resource(resource.clone()).mcp_layer(rules);
///     let mcp = Router::new().route("/mcp", post(async || "…")).layer(guard);
///     Ok(mcp.merge(resource.router()))
/// }
/// ```
#[must_use]
pub struct McpLayer<A = Bare> {
    guard: Arc<Guard>,
    answers: PhantomData<fn() -> A>,
}

#[derive(Debug)]
struct Guard {
    gate: Gate,
    rules: McpRules,
}

impl Gate {
    /// A layer for an MCP server, which lets in what meets the requirement of the tool that it calls.
    pub fn mcp_layer(&self, rules: McpRules) -> McpLayer {
        let guard = Guard { gate: self.clone(), rules };
        McpLayer { guard: Arc::new(guard), answers: PhantomData }
    }
}

impl<A> McpLayer<A> {
    /// Gives refusals a body that programs can read
    /// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
    pub fn problem_details(self) -> McpLayer<ProblemDetails> {
        self.answers()
    }

    /// Has refusals written by `T`.
    pub fn answers<T>(self) -> McpLayer<T> {
        McpLayer { guard: self.guard, answers: PhantomData }
    }
}

impl<S, A> Layer<S> for McpLayer<A> {
    type Service = McpGuarded<S, A>;

    fn layer(&self, inner: S) -> McpGuarded<S, A> {
        McpGuarded { inner, guard: Arc::clone(&self.guard), answers: PhantomData }
    }
}

/// An MCP server behind a gate; made by [`McpLayer`].
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{McpGuarded, McpLayer};
/// use tower_layer::Layer;
///
/// fn guard<S>(layer: &McpLayer, server: S) -> McpGuarded<S> {
///     layer.layer(server)
/// }
/// ```
pub struct McpGuarded<S, A = Bare> {
    inner: S,
    guard: Arc<Guard>,
    answers: PhantomData<fn() -> A>,
}

impl<S, A, B, R> Service<Request<B>> for McpGuarded<S, A>
where
    S: Service<Request<McpBody>, Response = Response<R>> + Clone,
    B: Body + Send + 'static,
    B::Data: Send,
    A: Answer<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, McpBody, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        // The one that was polled is the one that is ready.
        let inner = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::checking(Box::pin(check(Arc::clone(&self.guard), request)), inner)
    }
}

async fn check<B>(guard: Arc<Guard>, request: Request<B>) -> Result<Request<McpBody>, Rejection>
where
    B: Body + Send,
    B::Data: Send,
{
    let (mut parts, body) = request.into_parts();
    let head = guard.gate.head(RequestHead::parts(&parts));
    let (authorized, body) = guard.admit(&head, body).await?;
    parts.extensions.insert(authorized);
    Ok(Request::from_parts(parts, body))
}

impl Guard {
    async fn admit<B: Body>(
        &self,
        head: &RequestHead<'_>,
        body: B,
    ) -> Result<(Authorized, McpBody), Rejection> {
        let Self { gate, rules } = self;
        let refuse = |rejection, required| Err(gate.refuse(rejection, head, Some(required)));
        // Nothing is read for a request without a token.
        if let Err(rejection) = gate.has_token(head, rules.default()) {
            return refuse(rejection, rules.default());
        }
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(fault) => return refuse(Rejection::body(fault), rules.default()),
        };
        let required = match self.required(head, &body) {
            Ok(required) => required,
            Err(fault) => return refuse(Rejection::body(fault), rules.default()),
        };
        match gate.check_now_or_later(head, Some(&required)).await {
            Ok(authorized) => Ok((authorized, body)),
            Err(rejection) => refuse(rejection, &required),
        }
    }

    async fn read<B: Body>(&self, body: B) -> Result<McpBody, BodyFault> {
        let clock = self.gate.checker().clock();
        let mut deadline = Deadline::new(clock, later(clock.monotonic(), self.rules.read_timeout));
        let read = deadline.before(McpBody::read(body, self.rules.max_body)).await;
        read.unwrap_or(Err(BodyFault::TooSlow))
    }

    fn required(&self, head: &RequestHead<'_>, body: &McpBody) -> Result<Required<'_>, BodyFault> {
        // A request that opens a stream or ends a session has no body. What has one is read whatever
        // its method is, since the service may do so too.
        if body.is_end_stream() && *head.method() != Method::POST {
            return Ok(self.rules.default().into());
        }
        if !is_plain(head.headers()) {
            return Err(BodyFault::Encoded);
        }
        self.rules.required(&read(body.as_slice())?)
    }
}

impl<A> Clone for McpLayer<A> {
    fn clone(&self) -> Self {
        Self { guard: Arc::clone(&self.guard), answers: PhantomData }
    }
}

impl<S: Clone, A> Clone for McpGuarded<S, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: Arc::clone(&self.guard), answers: PhantomData }
    }
}

impl<A> fmt::Debug for McpLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpLayer").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, A> fmt::Debug for McpGuarded<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, guard, .. } = self;
        f.debug_struct("McpGuarded")
            .field("inner", inner)
            .field("guard", guard)
            .finish_non_exhaustive()
    }
}
