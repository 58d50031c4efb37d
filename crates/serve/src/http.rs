//! What a listener answers: the proxy's questions, `POST /introspect`, and the documents that clients
//! and services read.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;

use crate::answer::{self, ENVOY_REMOVE};
use crate::caller::{Caller, Callers, Peer};
use crate::decision::{Decision, Question};
use crate::grpc::{self, Authorize, Denial, Grpc};
use crate::metrics::{Metrics, Outcome};
use crate::original::{Mode, Original, TrustedPeers};
use crate::refusal::Refusal;
use crate::state::State;

/// Where proxies ask in every mode but Envoy's.
pub const AUTHZ: &str = "/authz";

/// Where services post tokens.
pub const INTROSPECT: &str = "/introspect";

/// Where the public keys of the identity token are.
pub const JWKS: &str = "/.well-known/jwks.json";

/// The body of an answer.
pub type Body = Either<Full<Bytes>, tonic::body::Body>;

/// One listener, whose state may be exchanged while it serves.
pub struct Listener {
    /// Where it is, for logs.
    name: String,
    mode: Option<Mode>,
    path_prefix: String,
    introspection: bool,
    shared: Arc<Shared>,
    grpc: Grpc<Asked>,
    asked: Arc<Asked>,
}

/// What all listeners share.
pub struct Shared {
    /// The configuration in force.
    pub state: ArcSwap<State>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether requests should be sent here.
    pub readiness: Readiness,
}

/// Where questions are decided, by whichever protocol they come.
struct Asked {
    index: usize,
    shared: Arc<Shared>,
    /// Whether it was said already that the proxy is not set up.
    said: AtomicBool,
}

impl Listener {
    /// The listener at this place of the configuration.
    pub fn new(config: &ListenerConfig, index: usize, shared: Arc<Shared>) -> Arc<Self> {
        let asked = Asked { index, shared: Arc::clone(&shared), said: AtomicBool::new(false) };
        let asked = Arc::new(asked);
        Arc::new(Self {
            name: config.address.to_string(),
            mode: config.mode,
            path_prefix: config.path_prefix.clone(),
            introspection: config.introspection,
            grpc: Grpc::new(Arc::clone(&asked), OnUnknown::Deny, grpc::MAX_MESSAGE),
            shared,
            asked,
        })
    }

    /// Answers a request.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        let response = match self.mode {
            Some(Mode::Envoy) if grpc::is_grpc(request.headers()) => {
                return Box::pin(self.grpc.call(request)).await.map(Either::Right);
            }
            _ if self.introspection && path == INTROSPECT => {
                Box::pin(self.introspect(request)).await
            }
            Some(mode) if self.is_authz(mode, path) => self.authz(mode, request).await,
            _ => self.document(&request),
        };
        response.map(Either::Left)
    }

    fn is_authz(&self, mode: Mode, path: &str) -> bool {
        match mode {
            Mode::Envoy => path.starts_with(&*self.path_prefix),
            Mode::Nginx | Mode::Caddy | Mode::Traefik | Mode::Haproxy => path == AUTHZ,
        }
    }

    /// A proxy's question over HTTP.
    async fn authz(&self, mode: Mode, request: Request<Incoming>) -> Response<answer::Body> {
        let (parts, _) = request.into_parts();
        let state = self.shared.state.load();
        let decision = match mode.read(&parts, &self.path_prefix) {
            Ok(original) => {
                let question = Question { original: &original, headers: &parts.headers, rule: None };
                self.asked.decide(&state, peer(&parts.extensions), question).await
            }
            Err(unread) => Decision::No(Refusal::Unread(unread)),
        };
        self.asked.settle(&state, &decision, mode);
        match decision {
            Decision::Yes { token, .. } => answer::yes(state.identity(token.as_ref(), mode)),
            Decision::No(refusal) => answer::no(&refusal, mode),
        }
    }

    /// A service's question about a token.
    async fn introspect(&self, request: Request<Incoming>) -> Response<answer::Body> {
        let state = self.shared.state.load_full();
        let peer = peer(request.extensions());
        let caller = match state.callers(self.asked.index).identify(peer, request.headers()) {
            Ok(caller) => Arc::clone(caller),
            Err(refused) => return refused.response(),
        };
        let now = || state.clock.monotonic();
        if let Err(wait) = caller.admit(now()) {
            return answer::busy(wait);
        }
        let admit_miss = || caller.admit_miss(now());
        let reader = Reader { name: caller.name(), admit_miss: &admit_miss };
        state.introspection.answer(request, reader).await
    }

    /// A document that anybody may read.
    fn document(&self, request: &Request<Incoming>) -> Response<answer::Body> {
        let state = self.shared.state.load();
        let path = request.uri().path();
        if path == JWKS {
            return answer::document(request.method(), state.signer.jwks(), answer::JWK_SET);
        }
        match state.resources.iter().flatten().find(|resource| resource.path() == path) {
            Some(resource) => resource.service().answer(request),
            None => answer::status(StatusCode::NOT_FOUND),
        }
    }
}
