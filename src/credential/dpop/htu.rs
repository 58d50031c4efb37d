//! The `htu` claim: which URL a proof is for.

use reqwest::Url;

/// The `htu` of a request: its URL without query and fragment, in one canonical spelling.
///
/// RFC 9449 §4.3 has the two sides compared after normalisation. Okta compares with the decoded
/// path, in which only `%`, blank, `"` and `#` are written encoded, and refuses `%40` for `@`. What
/// would change the path's meaning if it were decoded stays encoded as well: separators, dots,
/// `?` and control characters.
pub(crate) fn htu(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), canonical(url.path()))
}

/// Whether a proof's `htu` names the URL of a request. Neither is mended before: what a URL parser
/// would drop, add or resolve is refused, since somebody behind us may read it otherwise.
pub(crate) fn names(claimed: &str, requested: &str) -> bool {
    match (strict(claimed), strict(requested)) {
        (Some(claimed), Some(requested)) => htu(&claimed) == htu(&requested),
        _ => false,
    }
}

/// An http or https URL that says plainly what it says.
fn strict(text: &str) -> Option<Url> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    let (scheme, rest) = text.split_once("://")?;
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if text.contains(is_odd) || !is_http || rest.starts_with('/') {
        return None;
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest[..end].split_once('/').unwrap_or((&rest[..end], ""));
    if authority.contains('@') || path.split('/').any(is_dots) {
        return None;
    }
    Url::parse(text).ok()
}

/// Whether a segment stands for a folder or its parent, however it is written.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// A path with each escape undone that may be; left as it is if what comes out is not UTF-8.
fn canonical(path: &str) -> String {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| escaped(after)).flatten();
        match escaped {
            Some(byte) if !stays_encoded(byte) => decoded.push(byte),
            Some(byte) => decoded.extend(format!("%{byte:02X}").bytes()),
            None if stays_encoded(first) && first != b'/' && first != b'.' => {
                decoded.extend(format!("%{first:02X}").bytes());
            }
            None => decoded.push(first),
        }
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| path.to_owned())
}

/// The byte whose two hexadecimal digits these are.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn stays_encoded(byte: u8) -> bool {
    byte.is_ascii_control()
        || matches!(byte, b'%' | b' ' | b'"' | b'#' | b'?' | b'/' | b'\\' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn htu_has_the_decoded_path_and_no_query() {
        for (url, expected) in [
            ("https://acme.okta.com/oauth2/v1/token", "https://acme.okta.com/oauth2/v1/token"),
            ("https://acme.okta.com/api/v1/users?limit=2#x", "https://acme.okta.com/api/v1/users"),
            ("https://acme.okta.com:443/a", "https://acme.okta.com/a"),
            ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"),
            (
                "https://a.example/users/ada%40acme.example",
                "https://a.example/users/ada@acme.example",
            ),
            ("https://a.example/a%20b%25c%22d%23e%3Ff", "https://a.example/a%20b%25c%22d%23e%3Ff"),
            ("https://a.example/a+b", "https://a.example/a+b"),
            ("https://a.example/%C3%A9", "https://a.example/é"),
            ("https://a.example/%FF%40", "https://a.example/%FF%40"),
            ("https://a.example/a%2fb%5Cc%2Ed%09", "https://a.example/a%2Fb%5Cc%2Ed%09"),
            ("https://a.example/a%252Fb", "https://a.example/a%252Fb"),
            ("https://a.example/a.b", "https://a.example/a.b"),
        ] {
            assert_eq!(htu(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_request_is_named_in_any_spelling_that_means_the_same() {
        for (claimed, requested) in [
            ("https://api.example/a/b", "https://api.example/a/b"),
            ("HTTPS://API.example:443/a/b", "https://api.example/a/b"),
            ("https://api.example/a/b?page=2#top", "https://api.example/a/b"),
            ("https://api.example/ada@acme", "https://api.example/ada%40acme"),
            ("https://api.example/a%2fb", "https://api.example/a%2Fb"),
            ("https://api.example/%C3%A9", "https://api.example/é"),
            ("https://api.example", "https://api.example/"),
        ] {
            assert!(names(claimed, requested), "{claimed} {requested}");
        }
    }

    #[test]
    fn a_url_that_would_have_to_be_mended_names_nothing() {
        const REQUESTED: &str = "https://api.example/a/b";
        for claimed in [
            "",
            "/a/b",
            "https:api.example/a/b",
            "https:///api.example/a/b",
            "https:\\\\api.example/a/b",
            "https://api.example\\a\\b",
            "https://api.example/x/../a/b",
            "https://api.example/x/%2e%2E/a/b",
            "https://api.example/./a/b",
            "https://api.example/x%2F..%2Fa/b",
            "https://api.example/a%2Fb",
            "https://ada@api.example/a/b",
            "https://ada:secret@api.example/a/b",
            "https://api.example/a/\tb",
            "https://api.example/a/b\n",
            " https://api.example/a/b",
            "https://api.example/a/b ",
            "https://api.example/A/b",
            "https://api.example/a/b/",
            "https://api.example//a/b",
            "https://api.example:8443/a/b",
            "http://api.example/a/b",
            "ftp://api.example/a/b",
        ] {
            assert!(!names(claimed, REQUESTED), "{claimed}");
            assert!(!names(REQUESTED, claimed), "{claimed}");
        }
        // No UTF-8, and the text that it is written as.
        assert!(!names("https://api.example/%25FF", "https://api.example/%FF"));
        // Two odd spellings of one path are not compared either.
        assert!(!names("https://api.example/x/../a", "https://api.example/x/../a"));
    }
}
