//! A request as the server received it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::form::Form;
use super::refusal::Refusal;
use crate::model::event::Origin;
use crate::model::recorded::{Fields, Pairs, RecordedRequest, find, pairs};

/// A request, read whole.
#[derive(Clone)]
pub(crate) struct Request {
    /// Names the request in `X-Okta-Request-Id` and in the System Log.
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Pairs,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Scheme, host and port under which the client called, such as `http://127.0.0.1:4000`.
    pub(crate) base: String,
    /// The address of the client.
    pub(crate) peer: IpAddr,
    /// The query as it came.
    raw_query: String,
}

impl Request {
    pub(crate) fn new(
        id: String,
        base: String,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        peer: IpAddr,
    ) -> Self {
        let raw_query = uri.query().unwrap_or_default().to_owned();
        let query = pairs(raw_query.as_bytes());
        let path = uri.path().to_owned();
        Self { id, method, path, query, headers, body, base, peer, raw_query }
    }

    /// The path, cut at its slashes. Slashes too many at its begin are left out: Okta routes
    /// `//oauth2/…` (an org URL with a slash at its end) like `/oauth2/…`, and then complains about
    /// `aud`. Those elsewhere make empty segments, which lead nowhere.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.trim_start_matches('/').split('/').collect()
    }

    /// The path with one slash at its begin.
    pub(crate) fn clean_path(&self) -> String {
        format!("/{}", self.segments().join("/"))
    }

    /// The URL of the endpoint that was called, without query: what an assertion's `aud` must be.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}{}", self.base, self.clean_path())
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter; the first of several.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The members of a form body.
    ///
    /// A body of another type, or of two, is refused, and one without a type is not taken for a
    /// form.
    pub(crate) fn form(&self) -> Result<Form, Refusal> {
        let mut types = self.headers.get_all(header::CONTENT_TYPE).iter();
        let Some(media_type) = types.next() else {
            return Ok(Form::default());
        };
        let essence = media_type.to_str().unwrap_or_default().split(';').next();
        let is_form = essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM));
        if !is_form || types.next().is_some() {
            return Err(Refusal::api(
                StatusCode::BAD_REQUEST,
                "E0000021",
                "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
            ));
        }
        Form::read(&self.body).ok_or_else(|| {
            Refusal::request("The request contained multiple parameters with the same name.")
        })
    }

    /// The request as the System Log tells of it.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            request_id: self.id.clone(),
            path: self.path.clone(),
            ip: self.peer.to_string(),
            user_agent: self.header(&header::USER_AGENT).map(str::to_owned),
        }
    }

    /// The request as tests see it.
    pub(crate) fn record(&self, at: DateTime<Utc>) -> RecordedRequest {
        let is_form =
            self.header(&header::CONTENT_TYPE).is_some_and(|value| value.starts_with(FORM));
        RecordedRequest {
            at,
            id: self.id.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            query: Fields::new(self.raw_query.as_bytes()),
            headers: self.headers.clone(),
            form: Fields::new(if is_form { &self.body } else { b"" }),
            status: 0,
            refusal: None,
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, media_type: Option<&str>, body: &'static str) -> Request {
        let mut headers = HeaderMap::new();
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        Request::new(
            "req1".to_owned(),
            "http://127.0.0.1:1".to_owned(),
            Method::POST,
            &uri.parse().unwrap(),
            headers,
            body.into(),
            IpAddr::from([127, 0, 0, 1]),
        )
    }

    const FORM_UTF_8: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

    #[test]
    fn slashes_too_many_at_the_begin_do_not_reach_the_endpoint() {
        let first = request("//oauth2/v1/token?a=b", FORM_UTF_8, "");
        assert_eq!(first.endpoint(), "http://127.0.0.1:1/oauth2/v1/token");
        assert_eq!(first.query("a"), Some("b"));
        assert_eq!(request("/a//b/", None, "").segments(), ["a", "", "b", ""]);
    }

    #[test]
    fn an_empty_member_counts_as_absent() {
        let form = request("/", FORM_UTF_8, "token=&scope=a+b%20c").form().ok().unwrap();
        assert_eq!(form.member("token"), None);
        assert_eq!(form.member("scope"), Some("a b c"));
    }

    #[test]
    fn a_body_without_a_type_is_no_form_and_json_is_refused() {
        assert!(request("/", None, "token=a").form().ok().unwrap().member("token").is_none());
        assert!(request("/", Some("application/json"), "{}").form().is_err());
        assert!(request("/", FORM_UTF_8, "a=1&a=1").form().is_err());
    }
}
