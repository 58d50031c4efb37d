//! Reads the form of an introspection request
//! ([RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).

use std::borrow::Cow;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, StatusCode};
use okta_introspect::Token;

/// The longest body taken, in bytes: the longest token with every character percent-encoded, and
/// what stands beside it.
pub(super) const MAX_BODY: usize = 3 * Token::MAX_LEN + 2048;

/// What is asked.
pub(super) struct Question {
    pub(super) token: Token,
    /// How old the answer may be, if the reader says so.
    pub(super) max_age: Option<Duration>,
}

/// Why a request is not answered with an introspection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) description: &'static str,
}

impl Refusal {
    const fn new(status: StatusCode, description: &'static str) -> Self {
        Self { status, description }
    }
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, description)
}

pub(super) const TOO_LONG: Refusal =
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long to be a token");

pub(super) const BROKEN: Refusal = invalid("the body did not come whole");

pub(super) const TOO_SLOW: Refusal =
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");

/// What its own server would say of it was not asked, and so is not said.
pub(super) const FOREIGN: Refusal = invalid("the token is of an issuer that is not asked here");

/// Refuses a request whose body need not be read.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    if parts.method != Method::POST {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "introspection is asked for by POST",
        ));
    }
    // Nothing is taken from there, and a token in a URL is one in a log.
    if parts.uri.query().is_some() {
        return Err(invalid("the parameters belong in the body, not in the URL"));
    }
    let unsupported = |what| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return unsupported("the body must not be compressed");
    }
    let mut types = parts.headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (types.next(), types.next());
    let is_form = first.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form || second.is_some() {
        return unsupported("the body must be application/x-www-form-urlencoded");
    }
    Ok(())
}

/// Reads the parameters. `token_type_hint` may stand there and changes nothing, as RFC 7662 leaves
/// open; parameters that are unknown are left alone.
pub(super) fn read(body: &[u8]) -> Result<Question, Refusal> {
    let parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> = serde_urlencoded::from_bytes(body)
        .map_err(|_| invalid("the body cannot be read as a form"))?;
    let sole = |name: &str| {
        let mut values = parameters.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        // RFC 6749 §3.2: not more than once. Two readers could take different ones.
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(invalid("a parameter occurs twice")),
        }
    };
    sole("token_type_hint")?;
    let token = sole("token")?.ok_or_else(|| invalid("the parameter token is missing"))?;
    // A file that is sent by `curl --data-urlencode token@FILE` ends with a line break.
    let token = token.trim_matches(|char: char| char.is_ascii_whitespace());
    let token = Token::parse(token).map_err(|_| invalid("this cannot be a token"))?;
    let max_age = sole("max_age")?.map(|text| seconds(text)).transpose()?;
    Ok(Question { token, max_age })
}

/// Whole seconds, as everywhere in HTTP and OAuth.
fn seconds(text: &str) -> Result<Duration, Refusal> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More than fits is bounded by the configuration, as every large number is.
    is_number
        .then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
        .ok_or_else(|| invalid("max_age must be a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_that_is_no_form_in_a_body_is_refused_before_its_body_is_read() {
        for (name, method, uri, headers, status) in [
            ("good", "POST", "/introspect", &[("content-type", FORM)][..], 200),
            (
                "with a charset",
                "POST",
                "/introspect",
                &[("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8")],
                200,
            ),
            ("GET", "GET", "/introspect", &[("content-type", FORM)], 405),
            ("in the URL", "POST", "/introspect?token=a", &[("content-type", FORM)], 400),
            ("an empty query", "POST", "/introspect?", &[("content-type", FORM)], 400),
            ("JSON", "POST", "/introspect", &[("content-type", "application/json")], 415),
            ("none", "POST", "/introspect", &[], 415),
            (
                "a longer type",
                "POST",
                "/introspect",
                &[("content-type", "application/x-www-form-urlencoded-x")],
                415,
            ),
            (
                "two types",
                "POST",
                "/introspect",
                &[("content-type", FORM), ("content-type", "application/json")],
                415,
            ),
            (
                "compressed",
                "POST",
                "/introspect",
                &[("content-type", FORM), ("content-encoding", "gzip")],
                415,
            ),
        ] {
            let result = check(&parts(method, uri, headers));
            let found = result.map_or_else(|refusal| refusal.status.as_u16(), |()| 200);
            assert_eq!(found, status, "{name}");
        }
    }

    #[test]
    fn one_token_is_read_and_nothing_is_guessed() {
        let ok = |body: &str| {
            let question = read(body.as_bytes()).unwrap_or_else(|no| panic!("{body}: {no:?}"));
            (question.token.expose().to_owned(), question.max_age.map(|age| age.as_secs()))
        };
        let plain = || "abc".to_owned();
        assert_eq!(ok("token=abc"), (plain(), None));
        assert_eq!(ok("token=a%2Fb%2Bc%3D"), ("a/b+c=".to_owned(), None));
        assert_eq!(ok("token=abc&token_type_hint=access_token&max_age=5"), (plain(), Some(5)));
        assert_eq!(ok("token=abc&token_type_hint=made_up&other=1&other=2"), (plain(), None));
        assert_eq!(ok("token=abc&max_age=0"), (plain(), Some(0)));
        assert_eq!(ok("token=+%09abc%0D%0A"), (plain(), None));
        assert_eq!(ok("token=abc&max_age=99999999999999999999"), (plain(), Some(u64::MAX)));
        for (body, says) in [
            ("", "token is missing"),
            ("tokens=abc", "token is missing"),
            ("token=", "cannot be a token"),
            ("token", "cannot be a token"),
            ("token=null", "cannot be a token"),
            ("token=%0Anull%0A", "cannot be a token"),
            ("token=%C2%A0abc", "cannot be a token"),
            ("token=a+b", "cannot be a token"),
            ("token=a%0Ab", "cannot be a token"),
            ("token=abc&token=abc", "occurs twice"),
            ("token=abc&%74oken=def", "occurs twice"),
            ("token=abc&token_type_hint=a&token_type_hint=b", "occurs twice"),
            ("token=abc&max_age=1&max_age=2", "occurs twice"),
            ("token=abc&max_age=", "number of seconds"),
            ("token=abc&max_age=-1", "number of seconds"),
            ("token=abc&max_age=+1", "number of seconds"),
            ("token=abc&max_age=1.5", "number of seconds"),
            ("token=abc&max_age=5s", "number of seconds"),
        ] {
            let refusal = read(body.as_bytes()).err().unwrap_or_else(|| panic!("{body}: taken"));
            assert_eq!(refusal.status, 400, "{body}");
            assert!(refusal.description.contains(says), "{body}: {refusal:?}");
        }
    }

    #[test]
    fn the_longest_token_fits_however_it_is_encoded() {
        let body = format!("token={}", "%41".repeat(Token::MAX_LEN));
        assert!(body.len() <= MAX_BODY && read(body.as_bytes()).is_ok());
    }
}
