//! The `htu` claim: which URL a proof is for.

use percent_encoding::percent_decode_str;
use reqwest::Url;

/// The `htu` of a request: its URL without query and fragment, and with the path decoded.
///
/// RFC 9449 §4.3 has the two sides compared after normalisation; Okta compares with the decoded
/// path, in which only `%`, blank, `"` and `#` are written encoded, and refuses `%40` for `@`. A
/// question mark stays encoded as well, since it would begin a query.
pub(crate) fn htu(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    // A path that is not UTF-8 once decoded is left as it is.
    let decoded =
        percent_decode_str(url.path()).decode_utf8().unwrap_or_else(|_| url.path().into());
    let mut htu = String::with_capacity(origin.len() + decoded.len());
    htu.push_str(&origin);
    for c in decoded.chars() {
        match c {
            '%' => htu.push_str("%25"),
            ' ' => htu.push_str("%20"),
            '"' => htu.push_str("%22"),
            '#' => htu.push_str("%23"),
            '?' => htu.push_str("%3F"),
            other => htu.push(other),
        }
    }
    htu
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
            ("https://a.example/%FF%40", "https://a.example/%25FF%2540"),
        ] {
            assert_eq!(htu(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
