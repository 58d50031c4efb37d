//! Under which URLs clients call the services.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Uri;

use super::checks::checked_host;
use crate::error::Fault;

/// One URL under which clients call services, and what the proxy does with paths below it. Proofs for
/// bound tokens are compared with it, never with what a header says alone
/// ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)).
///
/// # Example: a proxy that makes `/internal/orders` of a client's `/v1/orders`
///
/// ```
/// use okta_introspect_serve::{Fault, Origin};
///
/// # fn main() -> Result<(), Fault> {
/// let origin = Origin::new("https://api.acme.example")?.strip_prefix("/internal")?.add_prefix("/v1")?;
/// assert_eq!(origin.client_target("/internal/orders?page=2").unwrap(), "/v1/orders?page=2");
/// assert_eq!(origin.client_target("/internals"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    url: String,
    /// The name alone.
    name: String,
    port: u16,
    has_default_port: bool,
    strip: String,
    add: String,
    index: usize,
}

impl Origin {
    /// Reads scheme, host and port.
    ///
    /// # Errors
    ///
    /// Unless it is `http` or `https` with a name or an IPv4 address, without user information, path,
    /// query and fragment.
    pub fn new(url: &str) -> Result<Self, Fault> {
        let refused = |what: &str| {
            Fault::new(format!("the URL {what}"))
                .advise("write scheme and host, such as https://api.acme.example")
        };
        // `Uri` takes a fragment off without a word.
        if url.contains('#') {
            return Err(refused("has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| refused("is not a URL"))?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => ("https", 443),
            Some("http") => ("http", 80),
            _ => return Err(refused("is not one of http or https")),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = checked_host(authority)
            .map_err(|_| refused("has no host that is a name or an IPv4 address"))?;
        let path_and_query = uri.path_and_query().map_or("/", |rest| rest.as_str());
        if !matches!(path_and_query, "" | "/") {
            return Err(refused("has a path").advise("what the proxy takes off is add_prefix"));
        }
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => {
                (name, port.parse().map_err(|_| refused("has a port beyond 65535"))?)
            }
            None => (&*host, default_port),
        };
        let has_default_port = port == default_port;
        let shown_port = if has_default_port { String::new() } else { format!(":{port}") };
        Ok(Self {
            url: format!("{scheme}://{name}{shown_port}"),
            name: name.to_owned(),
            port,
            has_default_port,
            strip: String::new(),
            add: String::new(),
            index: 0,
        })
    }

    /// What the proxy puts before the client's path, and so is to be taken off. Default: nothing.
    ///
    /// # Errors
    ///
    /// Unless it begins with a slash and has plain segments: no query, no escapes, no dots alone.
    pub fn strip_prefix(mut self, prefix: &str) -> Result<Self, Fault> {
        self.strip = checked_prefix(prefix, "strip_prefix")?;
        Ok(self)
    }

    /// What the proxy takes off the client's path, and so is to be put before it. Default: nothing.
    ///
    /// # Errors
    ///
    /// As for [`strip_prefix`](Self::strip_prefix).
    pub fn add_prefix(mut self, prefix: &str) -> Result<Self, Fault> {
        self.add = checked_prefix(prefix, "add_prefix")?;
        Ok(self)
    }

    /// Scheme and host in small letters, and the port unless it is the scheme's own; no slash at the
    /// end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its place in the list, for another list that has something for each.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Path and query as the client called them: the target without `strip_prefix`, behind
    /// `add_prefix`. `None` for a path that is not below `strip_prefix`: what the client called cannot
    /// be told, and no proof is good for it.
    pub fn client_target<'a>(&self, target: &'a str) -> Option<Cow<'a, str>> {
        let rest = target.strip_prefix(&*self.strip)?;
        let at_segment = rest.is_empty() || rest.starts_with(['/', '?']);
        if !at_segment {
            return None;
        }
        if self.add.is_empty() && rest.starts_with('/') {
            return Some(Cow::Borrowed(rest));
        }
        // The root of the origin is a slash.
        let root = if self.add.is_empty() { "/" } else { "" };
        Some(Cow::Owned([&*self.add, root, rest].concat()))
    }
}

/// The hosts that requests may be for. A host that is not here is to be refused with 403: `421` would
/// say it better, but nginx makes 500 of it, and clients repeat it on another connection.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::{Fault, Origin, Origins};
///
/// # fn main() -> Result<(), Fault> {
/// let origins = Origins::new(vec![Origin::new("https://api.acme.example")?])?;
/// assert!(origins.find("api.acme.example:443").is_some());
/// assert!(origins.find("evil.example").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Origins {
    list: Vec<Origin>,
    /// Both spellings where the port is the scheme's own, so that a look-up makes no text.
    by_host: HashMap<String, usize>,
}

impl Origins {
    /// The list. An empty one refuses every host.
    ///
    /// # Errors
    ///
    /// If two are for the same host and port, which `http://a` and `https://a` are as well: requests
    /// name no scheme that could be relied on.
    pub fn new(mut list: Vec<Origin>) -> Result<Self, Fault> {
        let mut by_host = HashMap::new();
        for (index, origin) in list.iter_mut().enumerate() {
            origin.index = index;
            let mut spellings = vec![format!("{}:{}", origin.name, origin.port)];
            if origin.has_default_port {
                spellings.push(origin.name.clone());
            }
            for host in spellings {
                if let Some(first) = by_host.insert(host, index) {
                    let advice = "leave one of them out";
                    let what = format!("origins[{first}] is for the same host");
                    return Err(Fault::new(what).at(format!("origins[{index}]")).advise(advice));
                }
            }
        }
        Ok(Self { list, by_host })
    }

    /// The origin of this host, in small letters, with or without the scheme's own port.
    pub fn find(&self, host: &str) -> Option<&Origin> {
        self.list.get(*self.by_host.get(host)?)
    }

    /// All of them, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.list.iter()
    }
}

/// The prefix without a slash at its end.
pub(crate) fn checked_prefix(prefix: &str, name: &str) -> Result<String, Fault> {
    let prefix = prefix.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\\;".contains(&byte);
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    let mut segments = prefix.split('/');
    let begins_with_slash = segments.next() == Some("");
    match begins_with_slash && prefix.bytes().all(plain) && segments.all(is_segment) {
        true => Ok(prefix.to_owned()),
        false => Err(Fault::new("this is not a path of plain segments")
            .at(name)
            .advise("write it like /internal")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_a_host_that_is_not_in_the_list_has_no_origin() {
        let origins =
            ["https://api.acme.example", "http://Plain.example/", "https://odd.example:8443"];
        let origins = origins.map(|url| Origin::new(url).unwrap());
        let origins = Origins::new(origins.into()).unwrap();
        for (host, url) in [
            ("api.acme.example", Some("https://api.acme.example")),
            ("api.acme.example:443", Some("https://api.acme.example")),
            ("plain.example:80", Some("http://plain.example")),
            ("plain.example", Some("http://plain.example")),
            ("odd.example:8443", Some("https://odd.example:8443")),
            ("odd.example", None),
            ("odd.example:443", None),
            ("api.acme.example:80", None),
            ("api.acme.example:0443", None),
            ("api.acme.example.", None),
            ("evil.example", None),
            ("xapi.acme.example", None),
            ("", None),
        ] {
            assert_eq!(origins.find(host).map(Origin::url), url, "{host}");
        }
        assert!(origins.iter().map(Origin::index).eq(0..3));
        assert!(Origins::default().find("api.acme.example").is_none());
    }

    #[test]
    fn two_origins_for_one_host_are_a_fault() {
        for second in ["https://a.example:443/", "http://a.example", "https://A.example"] {
            let list = ["https://b.example", "https://a.example", second];
            let list = list.map(|url| Origin::new(url).unwrap()).into();
            let fault = Origins::new(list).unwrap_err();
            assert_eq!(fault.place(), Some("origins[2]"), "{second}");
            assert!(fault.to_string().contains("origins[1]"), "{fault}");
        }
        let apart = ["https://a.example", "https://a.example:8443"];
        assert!(Origins::new(apart.map(|url| Origin::new(url).unwrap()).into()).is_ok());
    }

    #[test]
    fn an_origin_is_scheme_and_host_alone() {
        for url in [
            "",
            "/",
            "a.example",
            "localhost:8080",
            "ftp://a.example",
            "https://",
            "https://a.example/orders",
            "https://a.example?x",
            "https://a.example/?x",
            "https://a.example#x",
            "https://a.example/#x",
            "https://ada:secret@a.example",
            "https://a.example:",
            "https://a.example:65536",
            "https://[::1]",
            "https://a_b.example",
            " https://a.example",
        ] {
            let fault = Origin::new(url).unwrap_err();
            assert!(
                !fault.to_string().contains("secret") && fault.advice().is_some(),
                "{url}: {fault}"
            );
        }
        assert_eq!(Origin::new("http://127.0.0.1:8080").unwrap().url(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_rewritten_path_is_told_as_the_client_called_it() {
        for (strip, add, target, expected) in [
            ("", "", "/orders?x=1", Some("/orders?x=1")),
            ("/", "/", "/orders", Some("/orders")),
            ("/internal", "", "/internal/orders", Some("/orders")),
            ("/internal/", "", "/internal/", Some("/")),
            ("/internal", "", "/internal", Some("/")),
            ("/internal", "", "/internal?x", Some("/?x")),
            ("/internal", "/v1", "/internal?x", Some("/v1?x")),
            ("/internal", "/v1/", "/internal/orders", Some("/v1/orders")),
            ("", "/v1", "/orders", Some("/v1/orders")),
            ("/internal", "/v1", "/internals/orders", None),
            ("/internal", "/v1", "/orders", None),
            ("/internal", "/v1", "/orders?/internal/", None),
        ] {
            let origin = Origin::new("https://a.example").unwrap();
            let origin = origin.strip_prefix(strip).unwrap_or_else(|_| panic!("{strip}"));
            let origin = origin.add_prefix(add).unwrap();
            assert_eq!(origin.client_target(target).as_deref(), expected, "{strip} {add} {target}");
        }
    }

    #[test]
    fn a_prefix_is_a_path_of_plain_segments() {
        let origin = || Origin::new("https://a.example").unwrap();
        for prefix in
            ["internal", "/a//b", "/a/../b", "/./a", "/a?x", "/a#x", "/a%2fb", "/a b", "/é"]
        {
            let fault = origin().strip_prefix(prefix).unwrap_err();
            assert_eq!(fault.place(), Some("strip_prefix"), "{prefix}");
            assert_eq!(origin().add_prefix(prefix).unwrap_err().place(), Some("add_prefix"));
        }
    }
}
