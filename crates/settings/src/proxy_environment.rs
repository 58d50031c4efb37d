//! The proxy that the environment names: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in capitals or not.
//!
//! Read here and not by the HTTP client, which goes on without a proxy where it cannot read one, and
//! where `REQUEST_METHOD` is set. `HTTP_PROXY` does not count: every server is called by https, or on
//! loopback, and so directly.

use okta_introspect::{ProxyServer, Secret};

use crate::environment::Environment;
use crate::error::SettingsError;
use crate::found::{Found, Origin};

/// In the order in which they count.
const NAMES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The proxy, and the variable that names it; `None` if none does.
pub(crate) fn read(environment: &Environment) -> Result<Option<Found<ProxyServer>>, SettingsError> {
    let value = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let found = NAMES.into_iter().find_map(|name| Some((name, value(name)?)));
    let Some((variable, url)) = found else { return Ok(None) };
    let mut server = url.to_str().and_then(server).ok_or_else(|| {
        SettingsError::new(format!("the proxy that the variable {variable} names is not one"))
            .advise("set it to http://host:port, if need be with user:password@ before the host, or unset it")
    })?;
    let direct = ["NO_PROXY", "no_proxy"].into_iter().find_map(value);
    server.no_proxy = direct.and_then(|hosts| hosts.to_str()).map(str::to_owned);
    Ok(Some(Found::new(server, Origin::Variable(variable))))
}

/// Reads `[http[s]://][user[:password]@]host[:port][/]`.
pub(crate) fn server(text: &str) -> Option<ProxyServer> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return None;
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, authority) = match rest.rsplit_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, rest),
    };
    let uri: http::Uri = format!("{scheme}://{authority}/").parse().ok()?;
    let port_is_right = match authority.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok_and(|port| port > 0),
        _ => true,
    };
    if uri.host().is_none_or(str::is_empty) || uri.path() != "/" || !port_is_right {
        return None;
    }
    let proxy = ProxyServer::new(format!("{scheme}://{authority}"));
    let Some(user) = user else { return Some(proxy) };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    Some(proxy.credentials(decoded(name)?, Secret::new(decoded(password)?)))
}

/// The text with `%41` for `A`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let hex = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        if byte.is_some() {
            rest = &tail[2..];
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<Found<ProxyServer>>, SettingsError> {
        let empty = Environment::empty();
        read(&variables.iter().fold(empty, |it, (name, value)| it.variable(name, value)))
    }

    #[test]
    fn every_form_of_a_proxy_is_read() {
        for (value, url, credentials) in [
            ("http://p.example:3128", "http://p.example:3128", None),
            ("p.example:3128", "http://p.example:3128", None),
            ("HTTPS://p.example/", "https://p.example", None),
            ("http://[::1]:3128", "http://[::1]:3128", None),
            ("http://ada:p%40ss@p.example:1", "http://p.example:1", Some(("ada", "p@ss"))),
            ("ada@p.example", "http://p.example", Some(("ada", ""))),
        ] {
            let server = proxy(&[("https_proxy", value)]).unwrap().unwrap().value;
            assert_eq!(server.url, url, "{value}");
            let found = server.credentials.as_ref();
            let found = found.map(|(name, password)| (name.as_str(), password.expose()));
            assert_eq!(found, credentials, "{value}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_the_variables_name_alone() {
        for value in [
            "http://",
            "socks5://s3cret:1",
            "ftp://s3cret",
            "http://s3cret:port",
            "http://s3cret:0",
            "http://s3cret:70000",
            "http://s3cret/path",
            "http://s3 cret",
            "://s3cret",
            "@",
        ] {
            let error = proxy(&[("ALL_PROXY", value)]).expect_err(value);
            let told = format!("{error} {}", error.advice());
            assert!(told.contains("ALL_PROXY") && !told.contains("s3cret"), "{value}: {told}");
        }
    }

    #[test]
    fn the_first_variable_that_is_set_counts_and_others_are_not_proxies() {
        let found = proxy(&[("HTTPS_PROXY", ""), ("all_proxy", "a"), ("no_proxy", "b")]);
        let found = found.unwrap().unwrap();
        assert_eq!(found.origin, Origin::Variable("all_proxy"));
        assert_eq!(found.value.url, "http://a");
        assert_eq!(found.value.no_proxy.as_deref(), Some("b"));
        for variables in [&[("HTTP_PROXY", "http://")][..], &[("REQUEST_METHOD", "GET")], &[]] {
            assert!(proxy(variables).unwrap().is_none());
        }
    }
}
