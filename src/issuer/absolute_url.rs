//! Reads the URLs of servers: which ones are safe to call, and what to say of others.

use std::net::IpAddr;

use url::{Host, ParseError, Url};

use crate::error::{Error, redact};

/// Reads an absolute URL that is `https`, or `http` on loopback, and has neither credentials nor query
/// nor fragment. `role` is what it is, for messages.
pub(crate) fn parse_url(text: &str, role: &str) -> Result<Url, Error> {
    let text = text.trim();
    let wrong = |what: &str, advice: &'static str| {
        // Without a scheme it may be anything that was given by mistake, a token too.
        let shown =
            if text.contains("://") { format!(": {}", printable(text)) } else { String::new() };
        Err(Error::configuration(format!("{role} {what}{shown}")).advise(advice))
    };
    if text.is_empty() {
        let advice = "set it to your org's address, for instance https://acme.okta.com";
        return Err(Error::configuration(format!("{role} is empty")).advise(advice));
    }
    if text.contains(['{', '}', '<', '>']) {
        return wrong("still contains a placeholder", "put your own org's name in its place");
    }
    if text.matches("://").count() > 1 {
        return wrong("contains `://` more than once", "write one scheme and one host");
    }
    if text.starts_with(['"', '\'', '`']) {
        return wrong("has quotes around it", "write the value alone");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(ParseError::InvalidPort) => {
            return wrong("has a port that is none", "write a number up to 65535, or no port");
        }
        Err(_) if text.starts_with("https://") => {
            return wrong(
                "has no host name that can be one",
                "write it like https://acme.okta.com",
            );
        }
        Err(_) => return wrong("is not an absolute URL", "begin it with https://"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("contains credentials", "remove what stands before the @");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("contains a query or a fragment", "remove everything from the ? or # on");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return wrong("is not https", "use https; http is for loopback addresses only"),
        _ => return wrong("is not https", "begin it with https://"),
    }
    Ok(url)
}

/// Scheme, host and port of a URL, which have one spelling.
pub(super) fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or(url, |at| &url[..after_scheme + at])
}

pub(super) fn text_is_loopback(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The text for a message, without what may be secret: credentials, query and fragment, and all of
/// it where a key or a token is a part of its path.
fn printable(text: &str) -> String {
    if redact::is_key_or_token(text) {
        return redact::MASK.to_owned();
    }
    // What stands before an @ is taken for credentials wherever it is: passwords have slashes and
    // question marks too, and a URL may be so wrong that its parts cannot be told.
    let (before, rest) = text.rfind('@').map_or(("", text), |at| text.split_at(at));
    let scheme = match (before.find(':'), before.find("://")) {
        (Some(colon), Some(at)) if colon == at => &before[..at + 3],
        _ => "",
    };
    let hidden = if before.is_empty() { "" } else { "…" };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}{hidden}{}…", &rest[..=at]),
        None => format!("{scheme}{hidden}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_sign_anywhere_is_taken_for_the_end_of_credentials() {
        for (text, printed) in [
            ("https://a.example", "https://a.example"),
            ("https://user:pw@a.example", "https://…@a.example"),
            ("htt@s://a.example", "…@s://a.example"),
            ("@", "@"),
            ("user@", "…@"),
            ("https:/user:pw@a.example?x#y", "…@a.example?…"),
            ("://@é", "://…@é"),
        ] {
            assert_eq!(printable(text), printed, "{text}");
        }
    }
}
