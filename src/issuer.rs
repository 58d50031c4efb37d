//! The authorization server: one URL in, every endpoint out.

mod absolute_url;
mod endpoints;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use url::Url;

use crate::error::{Error, redact};

pub(crate) use absolute_url::parse_url;
use absolute_url::{origin, text_is_loopback};
pub use endpoints::{EndpointUrl, Endpoints};

/// An authorization server, named by its issuer URL.
///
/// `https://acme.okta.com` is Okta's org authorization server,
/// `https://acme.okta.com/oauth2/default` a custom one. Every endpoint, and so every assertion's
/// `aud`, follows from it. Parsed once, always in the same spelling, without a trailing slash.
///
/// # Example: an org and a custom server
///
/// ```
/// use okta_introspect::Issuer;
///
/// let org = Issuer::parse("https://acme.okta.com/")?;
/// assert!(org.is_org());
/// assert_eq!(org.as_str(), "https://acme.okta.com");
///
/// let custom = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// assert_eq!((custom.custom_id(), custom.org()), (Some("default"), "https://acme.okta.com"));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Issuer {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Org,
    Custom { id: String },
    Other,
}

impl Issuer {
    /// Reads the issuer URL of an Okta org or of one of its custom authorization servers.
    ///
    /// A trailing slash is removed. `http` is taken for loopback addresses only.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for what can never work, with what to
    /// write instead: no `https` outside loopback, a placeholder such as `{yourOktaDomain}`, the
    /// `-admin` host of Okta's own domains, a host ending in `.com.com`, credentials, a query or
    /// a fragment in the URL, or a path that is neither empty nor `/oauth2/{id}`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = parse_url(text, "the issuer")?;
        refuse_okta_mistakes(&url)?;
        let segments: Vec<&str> =
            url.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let kind = match segments.as_slice() {
            [] => Kind::Org,
            ["oauth2", id] if !matches!(*id, "v1" | ".well-known") => {
                Kind::Custom { id: (*id).to_owned() }
            }
            _ => {
                let org = url.origin().ascii_serialization();
                let path = redact::path(Path::new(url.path()));
                let what = format!("the issuer has a path that no Okta server has: {path}");
                let advice = format!(
                    "use {org} for the org server or {org}/oauth2/default for a custom one"
                );
                return Err(Error::configuration(what).advise(advice));
            }
        };
        Ok(Self { text: spelling(&url), kind })
    }

    /// Reads the issuer URL of a server that is not Okta's and may have any path.
    ///
    /// Its endpoints are not known from the URL: take them from
    /// [discovery](crate::oauth::metadata::discover) or name them one by one.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is not an absolute URL, not
    /// `https` outside loopback, or carries credentials, a query or a fragment.
    pub fn parse_other(text: &str) -> Result<Self, Error> {
        let url = parse_url(text, "the issuer")?;
        Ok(Self { text: spelling(&url), kind: Kind::Other })
    }

    /// The issuer as text, as it stands in `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is an Okta org authorization server, whose access tokens are opaque.
    pub fn is_org(&self) -> bool {
        self.kind == Kind::Org
    }

    /// The id of an Okta custom authorization server, such as `default`.
    pub fn custom_id(&self) -> Option<&str> {
        match &self.kind {
            Kind::Custom { id } => Some(id),
            Kind::Org | Kind::Other => None,
        }
    }

    /// The org's own address, where the management APIs are: `https://acme.okta.com`.
    pub fn org(&self) -> &str {
        match &self.kind {
            Kind::Org | Kind::Custom { .. } => self.origin(),
            Kind::Other => &self.text,
        }
    }

    /// Whether it is a server of Okta's, at its org's address.
    pub(crate) fn is_okta(&self) -> bool {
        self.kind != Kind::Other
    }

    /// Whether the server is this computer itself.
    pub fn is_loopback(&self) -> bool {
        text_is_loopback(&self.text)
    }

    /// Whether the server is called without TLS, which only loopback ones are.
    pub(crate) fn is_plain_http(&self) -> bool {
        self.text.starts_with("http://")
    }

    /// Scheme, host and port, whatever the kind of server.
    pub(crate) fn origin(&self) -> &str {
        origin(&self.text)
    }

    /// The endpoints, where Okta has them; `None` for [other servers](Self::parse_other).
    pub fn endpoints(&self) -> Option<Endpoints> {
        let base = match &self.kind {
            Kind::Org => format!("{}/oauth2/v1", self.text),
            Kind::Custom { .. } => format!("{}/v1", self.text),
            Kind::Other => return None,
        };
        let endpoint = |name: &str| EndpointUrl::below(&base, name);
        Some(Endpoints {
            token: endpoint("token"),
            introspection: endpoint("introspect"),
            revocation: endpoint("revoke"),
            jwks: endpoint("keys"),
        })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Issuer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Refuses what Okta's own SDKs refuse, and for the same domains only: other hosts may well have
/// `-admin` in their name.
fn refuse_okta_mistakes(url: &Url) -> Result<(), Error> {
    const ADMIN_SUFFIXES: [&str; 8] = [
        "-admin.okta.com",
        "-admin.oktapreview.com",
        "-admin.okta-emea.com",
        "-admin.okta-gov.com",
        "-admin.okta.mil",
        "-admin.okta-miltest.com",
        "-admin.trex-gov.com",
        "-admin.trexcloud.com",
    ];
    let host = url.host_str().unwrap_or_default();
    if host.ends_with(".com.com") {
        let what = format!("the issuer's host ends in .com.com: {host}");
        return Err(Error::configuration(what).advise("remove the second .com"));
    }
    if ADMIN_SUFFIXES.iter().any(|suffix| host.ends_with(suffix)) {
        let what = format!("the issuer is the address of the admin console: {host}");
        let advice = format!("use https://{}", host.replacen("-admin.", ".", 1));
        return Err(Error::configuration(what).advise(advice));
    }
    Ok(())
}

fn spelling(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_org_server_has_its_endpoints_below_oauth2() {
        let issuer = Issuer::parse("https://acme.okta.com/").unwrap();
        let endpoints = issuer.endpoints().unwrap();
        assert!(issuer.is_org());
        assert_eq!(issuer.as_str(), "https://acme.okta.com");
        assert_eq!(endpoints.token.as_str(), "https://acme.okta.com/oauth2/v1/token");
        assert_eq!(endpoints.introspection.as_str(), "https://acme.okta.com/oauth2/v1/introspect");
        assert_eq!(endpoints.revocation.as_str(), "https://acme.okta.com/oauth2/v1/revoke");
        assert_eq!(endpoints.jwks.as_str(), "https://acme.okta.com/oauth2/v1/keys");
    }

    #[test]
    fn a_custom_server_has_its_endpoints_below_its_id() {
        let issuer = Issuer::parse("HTTPS://Acme.okta.com/oauth2/default//").unwrap();
        assert_eq!(issuer.custom_id(), Some("default"));
        assert_eq!(issuer.org(), "https://acme.okta.com");
        assert_eq!(
            issuer.endpoints().unwrap().introspection.as_str(),
            "https://acme.okta.com/oauth2/default/v1/introspect"
        );
    }

    #[test]
    fn http_is_for_loopback_only() {
        for text in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1/oauth2/default"]
        {
            assert!(Issuer::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in ["http://acme.okta.com", "http://localhost.evil.example", "http://128.0.0.1"] {
            assert_eq!(Issuer::parse(text).expect_err(text).kind(), ErrorKind::Configuration);
        }
    }

    #[test]
    fn what_can_never_work_is_refused_with_advice() {
        for (name, text, advice) in [
            ("empty", "", "set it to your org's address"),
            ("placeholder", "https://{yourOktaDomain}", "your own org's name"),
            ("angle placeholder", "https://<org>.okta.com", "your own org's name"),
            ("no scheme", "acme.okta.com", "begin it with https://"),
            ("quotes", "'https://acme.okta.com'", "the value alone"),
            ("no such port", "https://acme.okta.com:99999", "65535"),
            ("no host", "https://", "like https://acme.okta.com"),
            ("a blank in the host", "https://acme .okta.com", "like https://acme.okta.com"),
            ("a token", "https://acme.okta.com/eyJpass.e30.x", "/oauth2/default"),
            ("a token at no https", "http://acme.okta.com/eyJpass.e30.x", "use https"),
            ("a token at no port", "https://acme.okta.com:99999/eyJpass.e30.x", "65535"),
            ("other scheme", "ftp://acme.okta.com", "begin it with https://"),
            ("two schemes", "https://https://acme.okta.com", "one scheme"),
            ("admin console", "https://acme-admin.okta.com", "use https://acme.okta.com"),
            ("admin preview", "https://a-admin.oktapreview.com", "use https://a.oktapreview.com"),
            (".com.com", "https://acme.okta.com.com", "remove the second .com"),
            ("credentials", "https://user:pass@acme.okta.com", "before the @"),
            ("query", "https://acme.okta.com?x=pass", "remove everything from the ?"),
            ("fragment", "https://acme.okta.com#pass", "remove everything from the ?"),
            ("endpoint", "https://acme.okta.com/oauth2/v1/token", "/oauth2/default"),
            ("bare oauth2", "https://acme.okta.com/oauth2", "/oauth2/default"),
            ("version as id", "https://acme.okta.com/oauth2/v1", "/oauth2/default"),
            ("typing error", "https://acme.okta.com/oath2/default", "/oauth2/default"),
        ] {
            let error = Issuer::parse(text).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
            assert!(error.advice().contains(advice), "{name}: {}", error.advice());
            assert!(!error.to_string().contains("pass"), "{name}");
        }
    }

    #[test]
    fn admin_in_the_name_of_a_custom_domain_is_fine() {
        assert!(Issuer::parse("https://it-admin.acme.example").is_ok());
    }

    #[test]
    fn other_servers_may_have_any_path_but_no_known_endpoints() {
        let issuer = Issuer::parse_other("https://id.example/realms/main/").unwrap();
        assert_eq!(issuer.as_str(), "https://id.example/realms/main");
        assert_eq!(issuer.endpoints(), None);
    }
}
