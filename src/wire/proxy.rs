//! The way out: which proxy stands between this client and its servers.

use reqwest::ClientBuilder;

use crate::error::Error;
use crate::secret::Secret;

/// Which proxy is used. Servers on loopback are always called directly.
///
/// # Example: no proxy, whatever the environment says
///
/// ```
/// use okta_introspect::{HttpConfig, Proxy};
///
/// let mut http = HttpConfig::default();
/// http.proxy = Proxy::Off;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// What the environment says: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in capitals or not.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Off,
    /// This one.
    Server(ProxyServer),
}

/// An HTTP proxy.
///
/// # Example: one that wants a password
///
/// ```
/// use okta_introspect::{HttpConfig, Proxy, ProxyServer, Secret};
///
/// let password = Secret::new("correct horse".to_owned());
/// let proxy = ProxyServer::new("http://proxy.acme.example:3128").credentials("orders", password);
/// let mut http = HttpConfig::default();
/// http.proxy = Proxy::Server(proxy);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxyServer {
    /// Its URL, such as `http://proxy.acme.example:3128`, without credentials.
    pub url: String,
    /// User name and password, if it wants them.
    pub credentials: Option<(String, Secret)>,
    /// Hosts to be called directly, in the notation of `NO_PROXY`. Default: none but loopback.
    pub no_proxy: Option<String>,
}

impl ProxyServer {
    /// A proxy that wants no credentials.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), credentials: None, no_proxy: None }
    }

    /// Identifies the client to the proxy.
    #[must_use]
    pub fn credentials(mut self, username: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((username.into(), password));
        self
    }
}

impl Proxy {
    pub(crate) fn configure(&self, builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        let server = match self {
            Self::Environment => return Ok(builder),
            Self::Off => return Ok(builder.no_proxy()),
            Self::Server(server) => server,
        };
        let wrong = |what: &'static str| {
            Error::configuration(what)
                .advise("write it as http://host:port, and credentials apart from it")
        };
        if server.url.contains('@') {
            return Err(wrong("the proxy's URL contains credentials"));
        }
        let proxy = reqwest::Proxy::all(&server.url)
            .map_err(|cause| wrong("the proxy's URL is not one").because(cause.without_url()))?;
        let proxy = match &server.credentials {
            Some((username, password)) => proxy.basic_auth(username, password.expose()),
            None => proxy,
        };
        let direct = server.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
        Ok(builder.proxy(proxy.no_proxy(direct)))
    }
}
