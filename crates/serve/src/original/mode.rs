//! Which proxy asks, and so which source counts.

use std::fmt;

/// The proxy that asks, which decides where the original request is read. Nothing else is looked at:
/// in the modes `nginx` and `envoy` an `X-Forwarded-Uri` is the client's own and means nothing.
///
/// | mode | method | scheme and host | target |
/// |---|---|---|---|
/// | `nginx` | `X-Original-Method` | `X-Original-URL` | `X-Original-URL` |
/// | `caddy`, `traefik`, `haproxy` | `X-Forwarded-Method` | `X-Forwarded-Proto`, `X-Forwarded-Host` | `X-Forwarded-Uri` |
/// | `envoy` | the request's own | `Host` or `:authority` | the path after `path_prefix` |
///
/// `X-Original-URL` is `$scheme://$http_host$request_uri`, as ingress-nginx sends it too. That these
/// are joined is safe because nginx refuses a `Host` with a slash: the first slash of the URL ends
/// the host. `X-Forwarded-Prefix` and `Forwarded` are never read.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Mode;
///
/// assert_eq!(Mode::named("caddy"), Some(Mode::Caddy));
/// assert_eq!(Mode::Envoy.to_string(), "envoy");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// nginx's `auth_request`, and ingress-nginx.
    Nginx,
    /// Caddy's `forward_auth`.
    Caddy,
    /// Traefik's `forwardAuth`.
    Traefik,
    /// HAProxy with the snippet of this project.
    Haproxy,
    /// Envoy's ext_authz over HTTP; over gRPC the attributes say it all.
    Envoy,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 5] =
        [Self::Nginx, Self::Caddy, Self::Traefik, Self::Haproxy, Self::Envoy];

    /// What the configuration calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// The mode that the configuration calls so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The headers that the proxy must set, replacing what the client sent under the same names. Those
    /// that the client sends itself, such as `Authorization`, are not among them.
    pub const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["x-original-method", "x-original-url"],
            Self::Caddy | Self::Traefik | Self::Haproxy => {
                &["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"]
            }
            Self::Envoy => &[],
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
