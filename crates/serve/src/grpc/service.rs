//! The service, for a server of HTTP/2.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::{Code, Request, Response, Status};
use tower_service::Service as _;

use super::authorize::Authorize;
use super::deadline;
use super::generated::authorization::authorization_server::{Authorization, AuthorizationServer};
use super::generated::authorization::{CheckRequest, CheckResponse};
use super::generated::health::health_server::HealthServer;
use super::health;
use super::question::Question;
use super::reply::{Answer, Denial, GRPC_STATUS, OnUnknown};
use super::unread::Unread;

/// The largest message that is read unless a configuration says otherwise: 64 KiB. Envoy takes 60 KiB of
/// headers from a client by default and sends the path twice; bodies it sends only if it is told to.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Whether a request is a call of this service: by its path, and gRPC's content type.
///
/// The content type alone would not do. Where a proxy asks over HTTP and hands on the client's content
/// type, it is for the client to choose, and gRPC says "no" with the status 200, which is a yes there. So
/// no question over HTTP may have such a path: a listener for Envoy needs a prefix for its questions.
pub fn is_call<B>(request: &http::Request<B>) -> bool {
    let media_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = media_type.and_then(|media_type| media_type.strip_prefix(b"application/grpc"));
    let is_grpc = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')));
    is_grpc && [CHECK, HEALTH].contains(&request.uri().path())
}

/// Whether calls have paths below this one, so that questions over HTTP must not.
pub(crate) fn has_calls_below(prefix: &str) -> bool {
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    [CHECK, HEALTH].iter().any(|call| call.strip_prefix(prefix).is_some_and(is_below))
}

/// `envoy.service.auth.v3.Authorization/Check`, and gRPC's health check (`grpc.health.v1.Health/Check`).
/// Cheap to clone.
pub struct Grpc<A> {
    authorization: AuthorizationServer<Checks<A>>,
    health: HealthServer<health::Answers<A>>,
    checks: Arc<Checks<A>>,
}

struct Checks<A> {
    authorize: Arc<A>,
    unknown: OnUnknown,
}

impl<A: Authorize> Grpc<A> {
    /// A service where this decides. A message of more than `max_message` bytes (as a rule
    /// [`MAX_MESSAGE`]) is denied with 431 before it is read.
    pub fn new(authorize: Arc<A>, unknown: OnUnknown, max_message: usize) -> Self {
        let health = HealthServer::new(health::Answers(Arc::clone(&authorize)));
        let checks = Arc::new(Checks { authorize, unknown });
        Self {
            authorization: AuthorizationServer::from_arc(Arc::clone(&checks))
                .max_decoding_message_size(max_message),
            health: health.max_decoding_message_size(MAX_HEALTH_MESSAGE),
            checks,
        }
    }

    /// Answers a call. What is [none](is_call) is answered with the status 404.
    pub async fn call<B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        if !is_call(&request) {
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        if request.uri().path() == HEALTH {
            let Ok(response) = self.health.clone().call(request).await;
            return response;
        }
        let Ok(response) = self.authorization.clone().call(request).await;
        match unread(response.headers()) {
            None => response,
            Some(why) => self.checks.deny(why).response(self.checks.unknown),
        }
    }
}

#[tonic::async_trait]
impl<A: Authorize> Authorization for Checks<A> {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let waits = deadline::of(request.metadata().as_ref());
        let answer = match question(&request)? {
            Ok(question) => self.decide(question, waits).await,
            Err(why) => self.deny(why),
        };
        let outcome = answer.outcome();
        let mut response = Response::new(answer.message(self.unknown));
        // The status of HTTP is 200 in any case.
        response.extensions_mut().insert(outcome);
        Ok(response)
    }
}

/// The question of a call; an error if it has none, which is the proxy's mistake.
fn question(request: &Request<CheckRequest>) -> Result<Result<Question<'_>, Unread>, Status> {
    let attributes = request.get_ref().attributes.as_ref();
    let http = attributes.and_then(|attributes| attributes.request.as_ref()?.http.as_ref());
    let (extensions, metadata) = (request.extensions(), request.metadata().as_ref());
    match attributes.zip(http) {
        Some((attributes, http)) => Ok(Question::read(attributes, http, extensions, metadata)),
        None => Err(Status::invalid_argument(NO_HTTP)),
    }
}

impl<A: Authorize> Checks<A> {
    /// "Not known" if it takes as long as the proxy waits: a call that fails is for the proxy to judge.
    async fn decide(&self, question: Question<'_>, waits: Option<Duration>) -> Answer {
        let deciding = self.authorize.authorize(question);
        let Some(waits) = waits else { return deciding.await };
        let decided = tokio::time::timeout(waits, deciding).await;
        decided.unwrap_or_else(|_| Answer::No(Denial::unknown()))
    }

    /// Denies a call that has no question that can be read.
    #[cold]
    fn deny(&self, why: Unread) -> Answer {
        self.authorize.unread(why);
        Answer::No(why.denial())
    }
}

/// Why a call failed, if a client can bring that about by what it sends: then the call must not fail.
fn unread(headers: &HeaderMap) -> Option<Unread> {
    match Code::from_bytes(headers.get(GRPC_STATUS)?.as_bytes()) {
        Code::OutOfRange => Some(Unread::TooLarge),
        Code::Internal => Some(Unread::Message),
        _ => None,
    }
}

// Not derived, which would ask the same of what decides.
impl<A> Clone for Grpc<A> {
    fn clone(&self) -> Self {
        Self {
            authorization: self.authorization.clone(),
            health: self.health.clone(),
            checks: Arc::clone(&self.checks),
        }
    }
}

impl<A> fmt::Debug for Grpc<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A request for the health check has a service's name in it, and nothing else.
const MAX_HEALTH_MESSAGE: usize = 1024;

const NO_HTTP: &str = "the attributes have no request of HTTP: is this the HTTP filter's check?";
