//! What tests see of the requests that came.

use std::fmt;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};

/// Names and values in the order in which they came.
pub(crate) type Pairs = Vec<(String, String)>;

/// A request that the sandbox received, with what it answered, if it did.
///
/// `Debug` shows no secret: of headers, query and form it prints the values that are known to be
/// harmless. The methods give everything as it came.
#[derive(Clone)]
pub struct RecordedRequest {
    pub(crate) at: DateTime<Utc>,
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Fields,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Fields,
    pub(crate) status: u16,
    pub(crate) refusal: Option<String>,
}

/// The fields of a query or a form: kept as they came, and read when they are asked for. Read, a
/// form of many short members takes twenty times its bytes.
#[derive(Clone, Default)]
pub(crate) struct Fields {
    text: Box<[u8]>,
    pairs: OnceLock<Pairs>,
}

impl Fields {
    pub(crate) fn new(text: &[u8]) -> Self {
        Self { text: text.into(), pairs: OnceLock::new() }
    }

    fn pairs(&self) -> &Pairs {
        self.pairs.get_or_init(|| pairs(&self.text))
    }
}

impl RecordedRequest {
    pub(crate) fn note_answer(&mut self, status: u16, refusal: Option<&str>) {
        self.status = status;
        self.refusal = refusal.map(str::to_owned);
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        let texts = [self.id.as_str(), &self.path, self.refusal.as_deref().unwrap_or_default()];
        size_of::<Self>()
            + headers.map(|header| header + HEADER_OVERHEAD).sum::<usize>()
            + texts.iter().map(|text| text.len()).sum::<usize>()
            + self.query.text.len()
            + self.form.text.len()
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
        find(self.query.pairs(), name)
    }

    /// The names of the query parameters, in order.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query.pairs().iter().map(|(name, _)| name.as_str())
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
        find(self.form.pairs(), name)
    }

    /// The names of the members of the form body, in order.
    pub fn form_names(&self) -> impl Iterator<Item = &str> {
        self.form.pairs().iter().map(|(name, _)| name.as_str())
    }

    /// The HTTP status of the answer; 0 while there is none, and for ever if a fault left the
    /// request without one.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What was wrong with it, as the answer says: an OAuth error with its description, or the
    /// summary of the management API. `None` while there is no answer, and for one that refuses
    /// nothing.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
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
            .field("query", &Redacted(self.query.pairs()))
            .field("headers", &headers.map(masked).collect::<Vec<_>>())
            .field("form", &Redacted(self.form.pairs()))
            .field("status", &self.status)
            .field("refusal", &self.refusal)
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

/// About what a header takes besides its text.
const HEADER_OVERHEAD: usize = 64;

/// Reads a query or a form.
pub(crate) fn pairs(text: &[u8]) -> Pairs {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The first value of this name.
pub(crate) fn find<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
impl RecordedRequest {
    /// A request with this body, which is a form.
    pub(crate) fn example(body: Vec<u8>) -> Self {
        Self {
            at: DateTime::UNIX_EPOCH,
            id: "req1".to_owned(),
            method: Method::POST,
            path: "/oauth2/v1/introspect".to_owned(),
            query: Fields::new(b"token=s3cret"),
            headers: HeaderMap::new(),
            form: Fields::new(&body),
            status: 0,
            refusal: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header;

    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let body = b"token=s3cret&client_assertion=s3cret&tokn=s3cret&scope=okta.users.read";
        let mut record = RecordedRequest::example(body.to_vec());
        record.headers.insert(header::AUTHORIZATION, "Bearer s3cret".parse().unwrap());
        let shown = format!("{record:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("okta.users.read"), "{shown}");
        assert_eq!(record.form("tokn"), Some("s3cret"));
    }
}
