//! A request as the server received it, and what tests see of it afterwards.

use std::fmt;

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use url::form_urlencoded;

use super::answer::Refusal;

/// Names and values in the order in which they came.
pub(super) type Pairs = Vec<(String, String)>;

/// A request, read whole.
#[derive(Clone)]
pub(super) struct Request {
    /// Names the request in `X-Okta-Request-Id` and in the System Log.
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Pairs,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Scheme, host and port under which the client called, such as `http://127.0.0.1:4000`.
    pub(super) base: String,
}

impl Request {
    pub(super) fn new(
        id: String,
        base: String,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        let query = pairs(uri.query().unwrap_or_default().as_bytes());
        Self { id, method, path: uri.path().to_owned(), query, headers, body, base }
    }

    /// The path, cut at its slashes. Empty segments are left out: Okta routes `//oauth2/…` (an
    /// org URL with a slash too many) like `/oauth2/…`, and then complains about `aud`.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The path without slashes too many.
    pub(super) fn clean_path(&self) -> String {
        format!("/{}", self.segments().join("/"))
    }

    /// The URL of the endpoint that was called, without query: what an assertion's `aud` must be.
    pub(super) fn endpoint(&self) -> String {
        format!("{}{}", self.base, self.clean_path())
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter; the first of several.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The members of a form body.
    ///
    /// A body of another type is refused, and one without a type is not taken for a form.
    pub(super) fn form(&self) -> Result<Form, Refusal> {
        let Some(media_type) = self.header(&header::CONTENT_TYPE) else {
            return Ok(Form(Pairs::new()));
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::api(
                StatusCode::BAD_REQUEST,
                "E0000021",
                "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
            ));
        }
        let form = Form(pairs(&self.body));
        match form.has_duplicates() {
            true => Err(Refusal::request(
                "The request contained multiple parameters with the same name.",
            )),
            false => Ok(form),
        }
    }
}

/// The members of a form, each of which occurs once
/// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
pub(super) struct Form(Pairs);

impl Form {
    /// A member that is present and not empty; RFC 6749 §3.2 takes an empty one for absent.
    pub(super) fn member(&self, name: &str) -> Option<&str> {
        find(&self.0, name).filter(|value| !value.is_empty())
    }

    fn has_duplicates(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// A request that the sandbox received, with what it answered, if it did.
///
/// `Debug` shows no secret: of headers, query and form it prints the values that are known to be
/// harmless. The methods give everything as it came.
#[derive(Clone)]
pub struct RecordedRequest {
    at: DateTime<Utc>,
    id: String,
    method: Method,
    path: String,
    query: Pairs,
    headers: HeaderMap,
    form: Pairs,
    status: Option<StatusCode>,
}

impl RecordedRequest {
    pub(super) fn new(request: &Request, at: DateTime<Utc>) -> Self {
        let is_form = request
            .header(&header::CONTENT_TYPE)
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form { pairs(&request.body) } else { Pairs::new() };
        let Request { id, method, path, query, headers, .. } = request.clone();
        Self { at, id, method, path, query, headers, form, status: None }
    }

    pub(super) fn note_answer(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// When it came, by the server's clock.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The `X-Okta-Request-Id` of the answer.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The HTTP method, such as `POST`.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path as it was called, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The names of the query parameters, in order.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// The first header of this name, whatever its case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The names of the headers, in lower case.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(HeaderName::as_str)
    }

    /// The first member of the form body of this name.
    pub fn form(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }

    /// The names of the members of the form body, in order.
    pub fn form_names(&self) -> impl Iterator<Item = &str> {
        self.form.iter().map(|(name, _)| name.as_str())
    }

    /// The HTTP status of the answer; 0 while there is none, and for ever if a fault left the
    /// request without one.
    pub fn status(&self) -> u16 {
        self.status.map_or(0, |status| status.as_u16())
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.headers.iter().map(|(name, value)| {
            (name.as_str(), value.to_str().ok().filter(|_| HARMLESS.contains(&name.as_str())))
        });
        f.debug_struct("RecordedRequest")
            .field("at", &self.at)
            .field("id", &self.id)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &Redacted(&self.query))
            .field("headers", &headers.map(masked).collect::<Vec<_>>())
            .field("form", &Redacted(&self.form))
            .field("status", &self.status())
            .finish()
    }
}

struct Redacted<'a>(&'a Pairs);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| {
            (name.as_str(), Some(value.as_str()).filter(|_| HARMLESS.contains(&name.as_str())))
        });
        f.debug_list().entries(shown.map(masked)).finish()
    }
}

fn masked<'a>((name, value): (&'a str, Option<&'a str>)) -> (&'a str, &'a str) {
    (name, value.unwrap_or("[redacted]"))
}

/// The headers, query parameters and form members whose values hold no secret. Everything else
/// may be one: a token sent under a mistyped name is still a token.
const HARMLESS: [&str; 20] = [
    "accept",
    "accept-encoding",
    "after",
    "client_assertion_type",
    "client_id",
    "content-length",
    "content-type",
    "grant_type",
    "host",
    "limit",
    "scope",
    "since",
    "sortOrder",
    "token_type_hint",
    "until",
    "user-agent",
    "x-okta-retry-count",
    "x-okta-retry-for",
    "connection",
    "filter",
];

fn pairs(text: &[u8]) -> Pairs {
    form_urlencoded::parse(text).into_owned().collect()
}

fn find<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, media_type: Option<&str>, body: &'static str) -> Request {
        let mut headers = HeaderMap::new();
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        headers.insert(header::AUTHORIZATION, "Bearer s3cret".parse().unwrap());
        Request::new(
            "req1".to_owned(),
            "http://127.0.0.1:1".to_owned(),
            Method::POST,
            &uri.parse().unwrap(),
            headers,
            body.into(),
        )
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

    #[test]
    fn slashes_too_many_do_not_reach_the_endpoint() {
        let request = request("//oauth2/v1//token/?a=b", FORM, "");
        assert_eq!(request.endpoint(), "http://127.0.0.1:1/oauth2/v1/token");
        assert_eq!(request.query("a"), Some("b"));
    }

    #[test]
    fn an_empty_member_counts_as_absent() {
        let form = request("/", FORM, "token=&scope=a+b%20c").form().ok().unwrap();
        assert_eq!(form.member("token"), None);
        assert_eq!(form.member("scope"), Some("a b c"));
    }

    #[test]
    fn a_body_without_a_type_is_no_form_and_json_is_refused() {
        assert!(request("/", None, "token=a").form().ok().unwrap().member("token").is_none());
        assert!(request("/", Some("application/json"), "{}").form().is_err());
        assert!(request("/", FORM, "a=1&a=1").form().is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let body = "token=s3cret&client_assertion=s3cret&tokn=s3cret&scope=okta.users.read";
        let request = request("/oauth2/v1/introspect?token=s3cret", FORM, body);
        let record = RecordedRequest::new(&request, DateTime::UNIX_EPOCH);
        let shown = format!("{record:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("okta.users.read"), "{shown}");
        assert_eq!(record.form("tokn"), Some("s3cret"));
    }
}
