//! Calls to protected resources, such as Okta's management APIs, with a service token.

pub(crate) mod link;
mod pages;
mod path;

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Request;
use url::Url;

use crate::clock::server_time::ClockOffset;
use crate::error::Error;
use crate::error::diagnosis::Diagnosis;
use crate::error::refusal::{Demand, Refusal};
use crate::oauth::token::{AccessToken, CachedTokenSource, TokenSource};
use crate::secret::Secret;
use crate::wire::call::{Outcome, RequestFactory};
use crate::wire::error_response;
use crate::wire::form_post::{DPOP, DPOP_NONCE, FormClient};
use crate::wire::place::Place;
use crate::wire::secret_header::secret_header;
use crate::wire::transport::{Answer, SentSecrets};

pub use pages::Pages;

/// A call to an API of the org.
///
/// # Example: deactivate a user
///
/// ```
/// use http::Method;
/// use okta_introspect::ResourceCall;
///
/// let path = "/api/v1/users/00u1/lifecycle/deactivate?sendEmail=false";
/// let call = ResourceCall::json(Method::POST, path, "{}");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceCall {
    /// The HTTP method.
    pub method: Method,
    /// The path with its query, beginning with `/`: `/api/v1/users?limit=200`; or a whole URL of
    /// the same origin, such as the `next` link of a page.
    ///
    /// Text, because the parsers of URLs mend what they read: no part of this is ever dropped,
    /// trimmed or resolved away. A path with which that would happen is refused.
    pub path: String,
    /// What to send, and its media type.
    pub body: Option<(HeaderValue, Vec<u8>)>,
}

impl ResourceCall {
    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    /// A call with a JSON body.
    pub fn json(method: Method, path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let body = Some((HeaderValue::from_static("application/json"), body.into()));
        Self { method, path: path.into(), body }
    }
}

impl fmt::Debug for ResourceCall {
    /// Leaves out query and body, which may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceCall")
            .field("method", &self.method)
            .field("path", &self.path.split(['?', '#']).next().unwrap_or_default())
            .field("bytes", &self.body.as_ref().map(|(_, body)| body.len()))
            .finish_non_exhaustive()
    }
}

/// The successful answer of an API.
///
/// # Example: read it as JSON
///
/// ```
/// use okta_introspect::{Error, ResourceAnswer};
///
/// fn logins(answer: &ResourceAnswer) -> Result<Vec<String>, Error> {
///     let users: Vec<serde_json::Value> = answer.json()?;
///     let login = |user: &serde_json::Value| user["profile"]["login"].as_str().map(str::to_owned);
///     Ok(users.iter().filter_map(login).collect())
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceAnswer {
    /// The HTTP status, 200 to 299.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl ResourceAnswer {
    /// The longest answer that is read, in bytes: a full page of Okta's System Log has a few
    /// megabytes.
    pub const MAX_LEN: usize = 16 * 1024 * 1024;
}

impl fmt::Debug for ResourceAnswer {
    /// Leaves out headers and body, which may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceAnswer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The APIs of one origin, called with tokens from one source. Cheap to clone; all `Resource`s of
/// one client share its rate windows and circuits.
///
/// # Example: the first page of users
///
/// ```no_run
/// use okta_introspect::{Client, Error, ResourceCall, Scopes};
///
/// # async fn example(client: &Client) -> Result<(), Error> {
/// let users = client.resource(Scopes::parse("okta.users.read")?);
/// let page = users.call(&ResourceCall::get("/api/v1/users?limit=200")).await?;
/// println!("{} bytes", page.body.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Resource {
    inner: Arc<Inner>,
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("origin", &self.inner.place())
            .field("scopes", self.inner.tokens.scopes())
            .finish_non_exhaustive()
    }
}

struct Inner {
    forms: Arc<FormClient>,
    tokens: CachedTokenSource,
    origin: Url,
}

impl Resource {
    pub(crate) fn new(forms: Arc<FormClient>, tokens: CachedTokenSource, origin: Url) -> Self {
        Self { inner: Arc::new(Inner { forms, tokens, origin }) }
    }

    /// The address below which the APIs are.
    pub(crate) fn origin(&self) -> &Url {
        &self.inner.origin
    }

    /// How far the server's clock is ahead of this computer's, as of its latest answer.
    pub(crate) fn clock_offset(&self) -> Option<ClockOffset> {
        self.inner.forms.clock_offset()
    }

    /// The pages of a list, beginning with this call.
    pub fn pages(&self, call: ResourceCall) -> Pages {
        Pages::new(self.clone(), call)
    }

    /// Calls an API. The token is presented as it has to be, with a new proof if it is bound; a
    /// token that is refused is replaced once; a DPoP nonce is obeyed once. Methods other than
    /// `GET`, `HEAD`, `PUT` and `DELETE` are repeated only after 429, with which a server says
    /// that it did nothing.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if the path leads to another origin, which must never see
    /// the token, or if it would not be sent as it is written;
    /// [`RequestRefused`](crate::ErrorKind::RequestRefused) and the like for every status that is
    /// not a success; and those of the token source.
    pub async fn call(&self, call: &ResourceCall) -> Result<ResourceAnswer, Error> {
        let url = path::resolve(&self.inner.origin, &call.path)?;
        let context = self.inner.forms.context();
        let limits = context.admission().api(&call.method, &url);
        let mut requests = ResourceRequests {
            resource: &self.inner,
            call,
            url,
            sent: None,
            proof: None,
            renewed: false,
            nonce_followed: false,
        };
        let place = Place::of(&requests.url);
        let answer = context.call(&place, &limits, &mut requests).await?.answer;
        Ok(ResourceAnswer { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

impl Inner {
    /// Where a nonce of the APIs belongs.
    fn place(&self) -> String {
        self.origin.origin().ascii_serialization()
    }
}

/// Makes the requests of one call.
struct ResourceRequests<'a> {
    resource: &'a Inner,
    call: &'a ResourceCall,
    url: Url,
    sent: Option<AccessToken>,
    proof: Option<Secret>,
    renewed: bool,
    nonce_followed: bool,
}

impl RequestFactory for ResourceRequests<'_> {
    type Prerequisite = AccessToken;

    async fn prerequisite(&mut self) -> Result<AccessToken, Error> {
        self.resource.tokens.token().await
    }

    async fn request(&mut self, token: AccessToken) -> Result<Request, Error> {
        let presentation = token.present_to(&self.call.method, &self.url).await?;
        self.sent = Some(token);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, secret_header(presentation.authorization.expose())?);
        if let Some(proof) = presentation.dpop {
            headers.insert(DPOP, secret_header(proof.expose())?);
            self.proof = Some(proof);
        }
        let mut request = Request::new(self.call.method.clone(), self.url.clone());
        if let Some((content_type, body)) = &self.call.body {
            headers.insert(CONTENT_TYPE, content_type.clone());
            *request.body_mut() = Some(body.clone().into());
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn secrets(&self) -> SentSecrets {
        let token = self.sent.as_ref().map(|token| token.token().secret().clone());
        [token, self.proof.clone(), None, None, None]
    }

    fn evaluate(&mut self, answer: &Answer) -> Outcome {
        let nonce = answer.header(DPOP_NONCE);
        if let Some(nonce) = nonce {
            self.resource.forms.prover().remember_nonce(&self.resource.place(), nonce);
        }
        if answer.status.is_success() {
            return Outcome::Done;
        }
        let error = match answer.repeats_secrets() {
            true => error_response::read(answer),
            false => error_response::read(answer).with_body(&answer.body),
        };
        let demands_nonce = error.refusal().and_then(Refusal::demand) == Some(Demand::Nonce);
        if nonce.is_some() && demands_nonce && !std::mem::replace(&mut self.nonce_followed, true) {
            return Outcome::Again;
        }
        if answer.status == StatusCode::UNAUTHORIZED
            && let Some(refused) = &self.sent
            && !std::mem::replace(&mut self.renewed, true)
        {
            self.resource.tokens.invalidate(refused);
            return Outcome::Again;
        }
        let diagnosis = error.refusal().and_then(|refused| Diagnosis::of(refused, |_| None));
        Outcome::Refused(match diagnosis {
            Some(diagnosis) => error.diagnosed(diagnosis),
            None => error,
        })
    }

    fn max_answer(&self) -> usize {
        ResourceAnswer::MAX_LEN
    }

    fn is_repeatable(&self) -> bool {
        // Those that RFC 9110 §9.2.2 calls idempotent.
        [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS]
            .contains(&self.call.method)
    }
}
