//! The transport: one pooled client, no redirects, no cookies, bounded time and size.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Request, StatusCode, redirect};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::clock::{Clock, Deadline, later};
use crate::error::Error;
use crate::error::redact::{excerpt, shows};
use crate::issuer::{Endpoints, Issuer};
use crate::key::BYTE_ORDER_MARK;
use crate::secret::Secret;
use crate::support::json;
use crate::support::json_misfit::Misfit;
use crate::wire::bounds;
use crate::wire::content_encoding::{self, IDENTITY};
use crate::wire::no_answer::{Failure, NoAnswer, timed_out};
use crate::wire::place::Place;
use crate::wire::proxy::Proxy;
use crate::wire::proxy_fault::ProxyFault;
use crate::wire::tls::{self, Roots, TlsBackend};

/// How servers are reached.
///
/// # Example: a backend that answers quickly or not at all
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::HttpConfig;
///
/// let mut http = HttpConfig::default();
/// http.timeout = Duration::from_secs(5);
/// http.connect_timeout = Duration::from_secs(1);
/// http.user_agent = "orders/1.0".to_owned();
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpConfig {
    /// How long one call may take in all, from the wait for its place among those in flight to the
    /// last byte of the answer.
    /// Default: [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT). Bounds: 1 ms to one hour.
    pub timeout: Duration,
    /// How long a connection may take to open. Default:
    /// [`DEFAULT_CONNECT_TIMEOUT`](Self::DEFAULT_CONNECT_TIMEOUT). Bounds: 1 ms to one hour.
    pub connect_timeout: Duration,
    /// The `User-Agent`, which Okta records. Default:
    /// [`DEFAULT_USER_AGENT`](Self::DEFAULT_USER_AGENT).
    pub user_agent: String,
    /// Certificate authorities to trust besides the operating system's, as PEM. Default: none.
    pub extra_roots: Vec<u8>,
    /// Which proxy is used. Default: what the environment says.
    pub proxy: Proxy,
    /// Which library does TLS. Default: rustls where the feature is on.
    pub tls: TlsBackend,
}

impl HttpConfig {
    /// Thirty seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// Ten seconds.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// This crate's name and version.
    pub const DEFAULT_USER_AGENT: &str = concat!("okta-introspect/", env!("CARGO_PKG_VERSION"));

    /// The longest answer that is read, in bytes. Introspection answers have a few hundred.
    pub const MAX_ANSWER: usize = 1024 * 1024;
}

/// Leaves the certificates out: in many a bundle there is a private key beside them.
impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("user_agent", &self.user_agent)
            .field("extra_roots", &format_args!("{} bytes", self.extra_roots.len()))
            .field("proxy", &self.proxy)
            .field("tls", &self.tls)
            .finish()
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            timeout: Self::DEFAULT_TIMEOUT,
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            user_agent: Self::DEFAULT_USER_AGENT.to_owned(),
            extra_roots: Vec::new(),
            proxy: Proxy::default(),
            tls: TlsBackend::default(),
        }
    }
}

/// Where a client's requests go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Destination {
    /// This computer, without TLS: no certificates have to be read.
    PlainLoopback,
    /// This computer.
    Loopback,
    /// Anywhere, always with TLS.
    Elsewhere,
}

impl Destination {
    pub(crate) fn of(issuer: &Issuer, endpoints: &Endpoints) -> Self {
        let called =
            [&endpoints.token, &endpoints.introspection, &endpoints.revocation, &endpoints.jwks];
        if issuer.is_plain_http() && called.iter().all(|endpoint| endpoint.is_plain_http()) {
            Self::PlainLoopback
        } else if issuer.is_loopback() && called.iter().all(|endpoint| endpoint.is_loopback()) {
            Self::Loopback
        } else {
            Self::Elsewhere
        }
    }

    /// For calls to the issuer's own address.
    pub(crate) fn of_issuer(issuer: &Issuer) -> Self {
        match (issuer.is_plain_http(), issuer.is_loopback()) {
            (true, _) => Self::PlainLoopback,
            (false, true) => Self::Loopback,
            (false, false) => Self::Elsewhere,
        }
    }
}

/// Okta's id of a request, for its support and its System Log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-okta-request-id");

/// Longer ids are not Okta's, and would only fill messages.
const MAX_REQUEST_ID: usize = 128;

/// Sends requests. Knows nothing of OAuth.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    user_agent: HeaderValue,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    proxy: Proxy,
}

impl Http {
    pub(crate) fn new(
        config: &HttpConfig,
        clock: Arc<dyn Clock>,
        destination: Destination,
    ) -> Result<Self, Error> {
        if !bounds::WAIT.contains(&config.timeout) {
            return Err(Error::configuration(format!("a call cannot take {:?}", config.timeout))
                .advise("choose a timeout between 1 ms and 1 h; 30 s is the default"));
        }
        bounds::check("the connect_timeout", config.connect_timeout, bounds::WAIT)?;
        let user_agent = user_agent(&config.user_agent)?;
        let builder = Client::builder()
            .user_agent(user_agent.clone())
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, IDENTITY)]))
            .connect_timeout(config.connect_timeout)
            .redirect(redirect::Policy::none())
            .referer(false)
            // `max_retries_per_request(0)` stops reqwest from keeping a copy of each request.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .tcp_nodelay(true);
        let builder = match destination {
            Destination::Elsewhere => config.proxy.configure(builder)?,
            // What is meant for this computer must not go to a proxy elsewhere.
            Destination::PlainLoopback | Destination::Loopback => builder.no_proxy(),
        };
        let extra_roots = &config.extra_roots;
        let roots = match destination {
            Destination::PlainLoopback => Roots::None,
            // An editor's mark would hide the first certificate.
            Destination::Loopback | Destination::Elsewhere => {
                Roots::SystemAnd(extra_roots.strip_prefix(BYTE_ORDER_MARK).unwrap_or(extra_roots))
            }
        };
        let client = tls::configure(builder, config.tls, roots)?.build().map_err(|cause| {
            Error::configuration("the HTTP client cannot be built").because(cause)
        })?;
        let (timeout, proxy) = (config.timeout, config.proxy.clone());
        Ok(Self { client, user_agent, clock, timeout, proxy })
    }

    /// What every request names as its sender.
    pub(crate) fn user_agent(&self) -> &HeaderValue {
        &self.user_agent
    }

    /// When a call that begins now must be over.
    pub(crate) fn deadline(&self) -> Deadline<'_> {
        self.deadline_of(self.clock.monotonic())
    }

    /// When a call that began then must be over.
    pub(crate) fn deadline_of(&self, begun: Instant) -> Deadline<'_> {
        Deadline::new(&*self.clock, later(begun, self.timeout))
    }

    /// The clock's monotonic time.
    pub(crate) fn monotonic(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Sends one request and reads the whole answer of at most `max` bytes, unless `deadline`
    /// comes first.
    pub(crate) async fn send(
        &self,
        request: Request,
        place: &Place,
        max: usize,
        deadline: &mut Deadline<'_>,
    ) -> Result<Answer, Failure> {
        // Pinned here, where it stays: a future of this size is not to be moved about.
        let received = pin!(self.receive(request, place, max));
        match deadline.before(received).await {
            Some(answer) => answer.map_err(|cause| cause.into_failure(place)),
            None => Err(Failure { error: timed_out(place), lasting: true }),
        }
    }

    async fn receive(
        &self,
        request: Request,
        place: &Place,
        max: usize,
    ) -> Result<Answer, NoAnswer> {
        let mut response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(cause) => return Err(self.no_answer(cause).await),
        };
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(NoAnswer::TooLong { max });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(NoAnswer::Transport)? {
            if body.len() + chunk.len() > max {
                return Err(NoAnswer::TooLong { max });
            }
            body.extend_from_slice(&chunk);
        }
        let (status, mut headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = content_encoding::unpack(&mut headers, body, max)
            .map_err(|content_encoding::TooLong| NoAnswer::TooLong { max })?;
        let place = place.clone();
        Ok(Answer { place, status, headers, body, sent: SentSecrets::default(), received: None })
    }

    /// What the error says, or the proxy about it.
    async fn no_answer(&self, cause: reqwest::Error) -> NoAnswer {
        // Boxed, because it is seldom needed and would make every call's future larger.
        match Box::pin(ProxyFault::of(&cause, &self.proxy)).await {
            Some(fault) => NoAnswer::Proxy(cause, fault),
            None => NoAnswer::Transport(cause),
        }
    }
}

/// Every request has four copies of it, which for a static text count no references.
fn user_agent(text: &str) -> Result<HeaderValue, Error> {
    if text == HttpConfig::DEFAULT_USER_AGENT {
        return Ok(HeaderValue::from_static(HttpConfig::DEFAULT_USER_AGENT));
    }
    HeaderValue::try_from(text).map_err(|cause| {
        Error::configuration("the user agent cannot stand in a header")
            .advise("leave line breaks and other control characters out")
            .because(cause)
    })
}

/// What is secret in a request: up to three forms of what the client authenticates with, and two more.
pub(crate) type SentSecrets = [Option<Secret>; 5];

/// A complete answer of a server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) place: Place,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The secrets of the request, which servers repeat at times. They are masked in quotes.
    pub(crate) sent: SentSecrets,
    /// A secret that came with the answer itself. It is masked as well.
    pub(crate) received: Option<Secret>,
}

impl Answer {
    pub(crate) fn host(&self) -> &str {
        self.place.host()
    }

    pub(crate) fn path(&self) -> &str {
        self.place.path()
    }

    /// A header that has one readable value.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Okta's id of the request. One that repeats a secret is no id.
    pub(crate) fn request_id(&self) -> Option<&str> {
        let id = self.header(REQUEST_ID).filter(|id| id.len() <= MAX_REQUEST_ID)?;
        (!shows(id, &self.secrets())).then_some(id)
    }

    /// Quotes from the answer.
    pub(crate) fn excerpt(&self, text: impl AsRef<[u8]>) -> String {
        excerpt(text.as_ref(), &self.secrets())
    }

    /// Whether anything secret of the request stands in the body.
    pub(crate) fn repeats_secrets(&self) -> bool {
        shows(&String::from_utf8_lossy(&self.body), &self.secrets())
    }

    fn secrets(&self) -> Vec<&str> {
        self.sent.iter().chain([&self.received]).flatten().map(Secret::expose).collect()
    }

    /// Reads the body as JSON of the type `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.body.is_empty() {
            return Err(self.malformed("is empty"));
        }
        if !self.is_json() {
            let content_type = self.excerpt(self.header(CONTENT_TYPE).unwrap_or("no content type"));
            return Err(self.malformed(&format!("is not JSON but {content_type}")));
        }
        if let Some(coding) = content_encoding::packed_by(&self.headers) {
            let coding = self.excerpt(coding);
            return Err(self.malformed(&format!("is packed ({coding}), and cannot be unpacked")));
        }
        json::read(&self.body).map_err(|cause| self.misread::<T>(&cause))
    }

    /// Why the body is no `T`, without the values of the document: they are about people.
    fn misread<T: DeserializeOwned>(&self, cause: &serde_json::Error) -> Error {
        let (line, column) = (cause.line(), cause.column());
        self.malformed(&match cause.classify() {
            Category::Eof => "ends in the middle of its JSON".to_owned(),
            Category::Syntax | Category::Io => {
                format!("is not valid JSON (line {line}, column {column})")
            }
            Category::Data => {
                // No misfit: a member occurs twice, or the document is nested too deep, perhaps for
                // serde_json as well.
                let document = serde_json::from_slice(&self.body).ok();
                let why = match document.and_then(|document| Misfit::of::<T>(&document)) {
                    Some(misfit) => misfit.to_string(),
                    None => format!("it {cause}"),
                };
                format!("does not have the expected members ({})", self.excerpt(why))
            }
        })
    }

    pub(crate) fn is_json(&self) -> bool {
        let essence = self
            .header(CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim();
        essence.eq_ignore_ascii_case("application/json")
            || essence
                .rsplit_once('+')
                .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"))
    }

    /// Whether the body may be quoted. JSON, even the beginning of it, has values in it that are
    /// about people; what is packed says nothing.
    fn is_quotable(&self) -> bool {
        let is_json = || match serde_json::from_slice::<IgnoredAny>(&self.body) {
            Ok(_) => true,
            Err(fault) => fault.classify() == Category::Eof,
        };
        content_encoding::packed_by(&self.headers).is_none() && !is_json()
    }

    /// An error that says why this is not an answer of an authorization server.
    pub(crate) fn malformed(&self, what: &str) -> Error {
        let quoted = match self.is_quotable().then(|| self.excerpt(&self.body)) {
            Some(quoted) if !quoted.is_empty() => format!("; it begins: {quoted}"),
            _ => String::new(),
        };
        let what = format!(
            "the answer of {} (status {}) {what}{quoted}",
            self.path(),
            self.status.as_u16()
        );
        Error::malformed(what)
            .advise("check that the issuer is the address of an authorization server and that no proxy answers for it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::clock::SystemClock;

    fn http(user_agent: &str) -> Result<Http, Error> {
        let config = HttpConfig { user_agent: user_agent.to_owned(), ..HttpConfig::default() };
        Http::new(&config, Arc::new(SystemClock), Destination::PlainLoopback)
    }

    #[test]
    fn a_user_agent_is_what_a_header_can_hold() {
        let default = HttpConfig::DEFAULT_USER_AGENT;
        for agent in ["", "orders/1.0 (Linux)", "aufträge/1.0", default] {
            assert_eq!(http(agent).unwrap().user_agent().as_bytes(), agent.as_bytes());
        }
        let error = http("orders\r\nx-admin: yes").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!error.to_string().contains("x-admin"));
    }
}
