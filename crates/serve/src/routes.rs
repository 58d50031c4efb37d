//! What a listener answers: the proxy's questions, `POST /introspect`, and the documents that clients
//! and services read.

mod told;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::HOST;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use okta_introspect::adapter::ResourceMetadata;
use tower_service::Service as _;

use crate::answer;
use crate::caller::Peer;
use crate::config::ListenerConfig;
use crate::decision::{Decision, Question};
use crate::grpc::{self, Authorize, Grpc, OnUnknown};
use crate::introspection::Reader;
use crate::management::{JWKS, Readiness};
use crate::metrics::Metrics;
use crate::original::{Mode, Original, Unread, checked_host};
use crate::refusal::Refusal;
use crate::state::State;
use told::Told;

/// Where proxies ask in every mode but Envoy's.
pub(crate) const AUTHZ: &str = "/authz";

/// Where services post tokens.
pub(crate) const INTROSPECT: &str = "/introspect";

/// The body of an answer.
pub(crate) type Body = Either<Full<Bytes>, tonic::body::Body>;

/// One listener, whose state may be exchanged while it serves.
pub(crate) struct Listener {
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
#[derive(Debug)]
pub(crate) struct Shared {
    /// The configuration in force.
    pub(crate) state: ArcSwap<State>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Whether requests should be sent here.
    pub(crate) readiness: Readiness,
}

/// Where questions are decided, by whichever protocol they come.
struct Asked {
    index: usize,
    shared: Arc<Shared>,
    /// What was told of the proxy's configuration.
    told: Told,
}

impl Listener {
    /// The listener at this place of the configuration.
    pub(crate) fn new(config: &ListenerConfig, index: usize, shared: Arc<Shared>) -> Arc<Self> {
        let asked = Arc::new(Asked { index, shared: Arc::clone(&shared), told: Told::default() });
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
    pub(crate) async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> Response<Body> {
        let path = request.uri().path();
        let response = match self.mode {
            Some(Mode::Envoy) if grpc::is_call(&request) => {
                request.extensions_mut().insert(peer);
                return Box::pin(self.grpc.call(request)).await.map(Either::Right);
            }
            _ if self.introspection && path == INTROSPECT => {
                Box::pin(self.introspect(request, &peer)).await
            }
            Some(mode) if self.is_authz(mode, path) => self.authz(mode, request, &peer).await,
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
    async fn authz(
        &self,
        mode: Mode,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<answer::Body> {
        let (parts, _) = request.into_parts();
        let state = self.shared.state.load();
        let original = mode.read(&parts, &self.path_prefix);
        let headers = &parts.headers;
        let question = match &original {
            Ok(original) => Ok(Question { original, headers, rule: None }),
            Err(unread) => Err(*unread),
        };
        let decision = self.asked.decide(&state, peer, headers, question).await;
        self.asked.settle(&state, &decision, original.as_ref().ok());
        let mut response = match &decision {
            Decision::Yes { token, .. } => {
                answer::yes(state.identity(token.as_ref()), state.identity.strip_line(), mode)
            }
            Decision::No(refusal) => answer::no(refusal, mode),
        };
        decision.outcome().mark(&mut response);
        response
    }

    /// A service's question about a token.
    async fn introspect(&self, request: Request<Incoming>, peer: &Peer) -> Response<answer::Body> {
        let state = self.shared.state.load_full();
        let callers = &state.listeners[self.asked.index].callers; // one for each listener
        let now = || state.clock.monotonic();
        let identified = callers.identify_client(peer, request.headers());
        let caller = match identified {
            Ok(caller) => Arc::clone(caller),
            Err(refused) => {
                let refused = callers.refuse(refused, now());
                self.turned_away(&Refusal::Caller(refused), refused.status(), None);
                return answer::refused(refused);
            }
        };
        let is_busy = |wait: &Duration| {
            let name = Some(caller.name());
            self.turned_away(&Refusal::Busy(*wait), StatusCode::TOO_MANY_REQUESTS, name);
        };
        if let Err(wait) = caller.admit(now()).inspect_err(is_busy) {
            return answer::busy(wait);
        }
        let admit_miss = || caller.admit_miss(now()).inspect_err(is_busy);
        let reader = Reader { name: caller.name(), admit_miss: &admit_miss };
        state.introspection.answer(request, reader).await
    }

    /// Counts a question at `/introspect` that is not answered, and writes it down.
    #[cold]
    fn turned_away(&self, refusal: &Refusal, status: StatusCode, caller: Option<&str>) {
        self.shared.metrics.refused(refusal.reason());
        if refusal.is_logged() {
            refusal.log_of_caller(status, caller);
        }
    }

    /// A document that anybody may read.
    fn document(&self, request: &Request<Incoming>) -> Response<answer::Body> {
        let state = self.shared.state.load();
        if request.uri().path() == JWKS {
            return answer::jwks(request.method(), state.signer.jwks());
        }
        match metadata(&state, request) {
            Some(resource) => {
                let request = Request::builder().method(request.method()).uri(request.uri().path());
                let request = request.body(()).unwrap_or_default();
                let answered = resource.service::<String>().call(request);
                let Ok(response) = answered.into_inner();
                response.map(Full::from)
            }
            None => answer::status(StatusCode::NOT_FOUND),
        }
    }
}

/// The metadata that a request asks for: that of its host, or the only one there is.
fn metadata<'a>(state: &'a State, request: &Request<Incoming>) -> Option<&'a ResourceMetadata> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(host);
    let host = host.and_then(|host| checked_host(host).ok());
    let origin = state.origins.as_ref().and_then(|origins| origins.find(&host?));
    let mut all = state.resources.iter().flatten();
    let found = match origin {
        Some(origin) => state.resources[origin.index()].as_ref(), // one for each origin
        None => all.next().filter(|_| all.next().is_none()),
    };
    let path = request.uri().path().trim_end_matches('/');
    found.filter(|found| found.path().trim_end_matches('/') == path)
}

/// The other end of the connection of a call of gRPC.
fn peer(extensions: &Extensions) -> &Peer {
    const NOBODY: &Peer = &Peer::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
    extensions.get::<Arc<Peer>>().map_or(NOBODY, |peer| peer)
}

impl Asked {
    /// Decides a question, or why it cannot be read, once it is known that the peer is trusted and, by
    /// `credentials`, which caller it is: nothing is told of a question that anybody else made up.
    async fn decide<'s>(
        &self,
        state: &'s State,
        peer: &Peer,
        credentials: &HeaderMap,
        question: Result<Question<'_>, Unread>,
    ) -> Decision<'s> {
        let access = &state.listeners[self.index]; // one for each listener
        if !access.trusted.contains(peer.ip()) {
            return Decision::No(Refusal::Untrusted);
        }
        match (access.callers.identify(peer, credentials), question) {
            (Ok(caller), Ok(question)) => state.decide(caller, question).await,
            (Ok(_), Err(unread)) => Decision::No(Refusal::Unread(unread)),
            (Err(refused), _) => {
                let now = state.clock.monotonic();
                Decision::No(Refusal::Caller(access.callers.refuse(refused, now)))
            }
        }
    }

    /// Counts a decision, and writes it down.
    fn settle(&self, state: &State, decision: &Decision<'_>, original: Option<&Original<'_>>) {
        match decision {
            Decision::Yes { token, .. } => {
                if token.is_some() {
                    self.shared.readiness.answered();
                }
            }
            Decision::No(refusal) => {
                self.shared.metrics.refused(refusal.reason());
                self.tell(state, refusal, original);
                return;
            }
        }
        if state.config.log.decisions {
            decision.log(original);
        }
    }

    /// A refusal by which the proxy's configuration is at fault is told louder, and not each time.
    #[cold]
    fn tell(&self, state: &State, refusal: &Refusal, original: Option<&Original<'_>>) {
        let reason = refusal.reason();
        if refusal.is_misconfiguration() && self.told.is_due(reason, state.clock.monotonic()) {
            tracing::error!(reason, "{refusal}; is said once in five minutes");
        }
        if refusal.is_logged() {
            refusal.log(original);
        }
    }
}

impl Authorize for Asked {
    async fn authorize(&self, question: grpc::Question<'_>) -> grpc::Answer {
        let state = self.shared.state.load_full();
        let method = question.method.as_str().as_bytes();
        let original =
            Original::new(method, question.scheme.clone(), question.host, question.target);
        let asked = match &original {
            Ok(original) => {
                Ok(Question { original, headers: &question.headers, rule: question.rule })
            }
            Err(malformed) => Err(Unread::from(*malformed)),
        };
        let decision = self.decide(&state, peer(question.call), question.metadata, asked).await;
        self.settle(&state, &decision, original.as_ref().ok());
        match decision {
            Decision::Yes { token, .. } => grpc::Answer::Yes {
                headers: state.identity(token.as_ref()),
                remove: state.identity.strip_list(),
            },
            Decision::No(refusal) => grpc::Answer::No(answer::denial(&refusal)),
        }
    }

    fn unread(&self, why: grpc::Unread) {
        let (state, reason) = (self.shared.state.load(), why.as_str());
        self.shared.metrics.refused(reason);
        if self.told.is_due(reason, state.clock.monotonic()) {
            tracing::warn!(
                reason,
                "a call of Check is denied: {why}; is said once in five minutes"
            );
        }
    }

    fn is_ready(&self) -> bool {
        self.shared.readiness.obstacle().is_none()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("name", &self.name).finish_non_exhaustive()
    }
}
