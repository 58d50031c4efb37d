//! Paths of API calls: what is written is what is sent, or nothing is.
//!
//! A URL parser mends: it drops a fragment, removes tabs and line breaks, trims blanks, turns `\`
//! into `/` and resolves `..`. A path made of an id that contains such a thing would silently name
//! another resource, so it is refused here, with what to write instead.

use percent_encoding::percent_decode_str;
use url::{Position, Url};

use crate::error::Error;

/// The URL of a path with its query, or of a whole URL, below `origin`.
pub(super) fn resolve(origin: &Url, text: &str) -> Result<Url, Error> {
    let path = path_of(origin, text)?;
    if let Some((fault, instead)) = fault(path) {
        let what = format!("the API's path {fault}");
        return Err(Error::input(what).advise(instead));
    }
    let url = origin.join(path).ok().filter(|url| url.origin() == origin.origin());
    // Whatever else a parser may do, it did not do it here.
    url.filter(|url| is_whole(url, path)).ok_or_else(|| {
        Error::input("the API's path would be sent otherwise than it is written")
            .advise("percent-encode what stands in it")
    })
}

/// What of `text` is path and query.
fn path_of<'a>(origin: &Url, text: &'a str) -> Result<&'a str, Error> {
    let elsewhere = || {
        Error::input("the API's path leads to another host, which must not see the token")
            .advise(format!("give a path that begins with /, or a URL below {origin}"))
    };
    if text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\") {
        return Ok(text);
    }
    let (_, after_scheme) = text.split_once("://").ok_or_else(elsewhere)?;
    let url = Url::parse(text).map_err(|cause| elsewhere().because(cause))?;
    let is_ours =
        url.origin() == origin.origin() && url.username().is_empty() && url.password().is_none();
    let path = after_scheme.find('/').map(|at| &after_scheme[at..]);
    path.filter(|_| is_ours).ok_or_else(elsewhere)
}

/// What in the path would not be sent as it is written, and what to write instead.
fn fault(path: &str) -> Option<(&'static str, &'static str)> {
    let segments = path.split('?').next().unwrap_or_default();
    let is_dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    if path.contains('#') {
        Some(("contains a #, where a URL's path ends", "write # as %23"))
    } else if path.contains(|c: char| c.is_ascii_control()) {
        Some(("contains control characters, perhaps a line break", "leave them out"))
    } else if path.ends_with(' ') {
        Some(("ends with a blank", "leave it out, or write it as %20"))
    } else if segments.contains('\\') {
        Some(("contains a backslash, which a URL takes for /", "write \\ as %5C"))
    } else if segments.split('/').any(is_dots) {
        Some((
            "has a segment of dots, which leads to what stands beside",
            "give the path without it",
        ))
    } else {
        None
    }
}

fn is_whole(url: &Url, path: &str) -> bool {
    let sent = &url[Position::BeforePath..];
    percent_decode_str(sent).eq(percent_decode_str(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str) -> Option<String> {
        let origin = Url::parse("https://acme.okta.com").unwrap();
        resolve(&origin, text).ok().map(|url| url[Position::BeforePath..].to_owned())
    }

    #[test]
    fn what_is_sent_is_what_is_written() {
        for path in [
            "/",
            "/api/v1/users?limit=200&after=00u1",
            "/api/v1/users/ada%23x%40acme.example",
            "/api/v1/users/ada@acme.example",
            "/api//v1/users/",
            "/api/v1/users/a..b",
            "/api/v1/users?q=../a\\b",
            "/api/v1/users?",
            "/api/v1/users?search=a?b",
        ] {
            assert_eq!(sent(path).as_deref(), Some(path));
            assert_eq!(sent(&format!("https://acme.okta.com{path}")).as_deref(), Some(path));
        }
        assert_eq!(sent("/x?search=a eq \"é\"").unwrap(), "/x?search=a%20eq%20%22%C3%A9%22");
    }

    #[test]
    fn what_would_become_another_path_is_refused() {
        for path in [
            "/api/v1/users/ada#x@acme.example",
            "/api/v1/users?q=a#b",
            "/api/v1/users/00u1\n",
            "/api/v1/us\ters",
            "/api/v1/users/\u{7f}",
            "/api/v1/users/00u1 ",
            "/api/v1/users?q=a ",
            "/api\\v1",
            "/api/v1/users/..",
            "/api/v1/users/../groups",
            "/api/v1/users/%2E%2e/groups",
            "/api/v1/users/./00u1",
        ] {
            assert_eq!(sent(path), None, "{path:?}");
            assert_eq!(sent(&format!("https://acme.okta.com{path}")), None, "{path:?}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in [
            "",
            "api/v1/users",
            " /api/v1/users",
            "?limit=1",
            "//evil.example/api",
            "/\\evil.example/api",
            "https:evil.example",
            "https:/api/v1/users",
            "https://acme.okta.com",
            "https://acme.okta.com?x",
            "https://acme.okta.com.evil.example/api",
            "https://acme.okta.com@evil.example/api",
            "https://u@acme.okta.com/api",
            "https://:p@acme.okta.com/api",
            "https://acme.okta.com:444/api",
            "http://acme.okta.com/api",
        ] {
            assert_eq!(sent(text), None, "{text:?}");
        }
    }
}
