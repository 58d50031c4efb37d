//! The proxy as the official SDKs have it: host, port, user name and password.

use okta_introspect::{ProxyServer, Secret};

use crate::error::SettingsError;
use crate::found::{Found, Origin};
use crate::proxy_environment;

/// The proxy settings of one source.
///
/// # Example: a proxy that the program names
///
/// ```
/// use okta_introspect_settings::{Environment, Found, Layer, Origin, ProxyLayer, Settings};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let host = Found::new("proxy.acme.example:3128".to_owned(), Origin::Flag("--proxy"));
/// let proxy = ProxyLayer { host: Some(host), ..ProxyLayer::default() };
/// let loader = Settings::loader().layer(Layer { proxy, ..Layer::default() });
/// # let loader = loader.environment(Environment::empty());
/// let used = loader.load()?.proxy()?;
/// assert_eq!(used.map(|it| it.value).as_deref(), Some("http://proxy.acme.example:3128"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProxyLayer {
    /// A host name, or a URL without credentials.
    pub host: Option<Found<String>>,
    /// Its port, unless the host has it.
    pub port: Option<Found<u16>>,
    /// The user name for it.
    pub username: Option<Found<String>>,
    /// The password for it.
    pub password: Option<Found<Secret>>,
}

impl ProxyLayer {
    /// This layer, and `below` for what it does not have. Whether they belong together is checked
    /// when the proxy is used.
    pub(crate) fn or_else(self, below: Self) -> Self {
        Self {
            host: self.host.or(below.host),
            port: self.port.or(below.port),
            username: self.username.or(below.username),
            password: self.password.or(below.password),
        }
    }

    /// The proxy to use; without a host, that of `HTTPS_PROXY` and similar variables.
    pub(crate) fn proxy(
        &self,
        environment: impl FnOnce() -> Result<Option<Found<ProxyServer>>, SettingsError>,
    ) -> Result<Option<Found<ProxyServer>>, SettingsError> {
        let Some(host) = &self.host else {
            return match self.origin_without_host() {
                Some(origin) => Err(SettingsError::new("a proxy is described, but has no host")
                    .found_in(origin)
                    .advise("set OKTA_CLIENT_PROXY_HOST or okta.client.proxy.host")),
                None => environment(),
            };
        };
        let mut url = match host.value.contains("://") {
            true => host.value.clone(),
            false => format!("http://{}", host.value),
        };
        if let Some(port) = &self.port {
            url = format!("{}:{}", url.trim_end_matches('/'), port.value);
        }
        let server = proxy_environment::server(&url)
            .filter(|server| server.credentials.is_none())
            .ok_or_else(|| {
                SettingsError::new("the proxy's host is not one").found_in(&host.origin).advise(
                    "write a host name or http://host:port, and user name and password apart from it",
                )
            })?;
        let password =
            || self.password.as_ref().map_or_else(|| Secret::new(""), |it| it.value.clone());
        let server = match &self.username {
            Some(username) => server.credentials(username.value.clone(), password()),
            None => server,
        };
        Ok(Some(Found::new(server, host.origin.clone())))
    }

    fn origin_without_host(&self) -> Option<&Origin> {
        let port = self.port.as_ref().map(|found| &found.origin);
        let username = self.username.as_ref().map(|found| &found.origin);
        let password = self.password.as_ref().map(|found| &found.origin);
        port.or(username).or(password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    fn found<T>(value: T) -> Option<Found<T>> {
        Some(Found::new(value, Origin::Flag("--test")))
    }

    #[test]
    fn a_proxy_is_a_host_with_or_without_scheme_and_port() {
        for (host, port, url) in [
            ("p.example", None, "http://p.example"),
            ("p.example", Some(3128), "http://p.example:3128"),
            ("https://p.example/", Some(3128), "https://p.example:3128"),
            ("http://p.example:8080", None, "http://p.example:8080"),
        ] {
            let layer = ProxyLayer {
                host: found(host.to_owned()),
                port: port.and_then(found),
                ..ProxyLayer::default()
            };
            assert_eq!(layer.proxy(|| Ok(None)).unwrap().unwrap().value.url, url, "{host}");
        }
    }

    #[test]
    fn without_a_host_the_environment_decides_unless_something_is_missing() {
        assert!(ProxyLayer::default().proxy(|| Ok(None)).unwrap().is_none());
        let named = Environment::empty().variable("HTTPS_PROXY", "http://p.example");
        let proxy = ProxyLayer::default().proxy(|| proxy_environment::read(&named));
        assert_eq!(proxy.unwrap().unwrap().origin, Origin::Variable("HTTPS_PROXY"));
        let stray = ProxyLayer { password: found(Secret::new("s3cret")), ..ProxyLayer::default() };
        let failure = stray.proxy(|| Ok(None)).unwrap_err().to_string();
        assert!(failure.contains("no host") && !failure.contains("s3cret"), "{failure}");
    }

    #[test]
    fn what_is_no_host_of_a_proxy_is_refused_without_its_text() {
        for host in ["http://", "socks5://s3cret", "ada:s3cret@p.example", "s3cret/path"] {
            let layer = ProxyLayer { host: found(host.to_owned()), ..ProxyLayer::default() };
            let failure = layer.proxy(|| Ok(None)).expect_err(host).to_string();
            assert!(!failure.contains("s3cret"), "{failure}");
        }
    }
}
