//! The authorization server: one URL in, every endpoint out.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use url::{Host, ParseError, Url};

use crate::error::{Error, redact};

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
        let endpoint = |name: &str| EndpointUrl(format!("{base}/{name}"));
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

/// The URLs that a client calls. Each is also the `aud` of the assertions sent to it.
///
/// # Example: a server without discovery
///
/// ```
/// use okta_introspect::{Client, Endpoints, Issuer};
/// # use okta_introspect::{KeyOptions, SigningKey};
///
/// let endpoints = Endpoints::new(
///     "https://id.example/token".parse()?,
///     "https://id.example/introspect".parse()?,
///     "https://id.example/revoke".parse()?,
///     "https://id.example/keys".parse()?,
/// )?;
/// let issuer = Issuer::parse_other("https://id.example")?;
/// # let key = SigningKey::generate(okta_introspect::Algorithm::Es256)?;
/// let client = Client::builder(issuer, "service", key).endpoints(endpoints).build()?;
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Endpoints {
    /// Where tokens are requested.
    pub token: EndpointUrl,
    /// Where tokens are introspected.
    pub introspection: EndpointUrl,
    /// Where tokens are revoked.
    pub revocation: EndpointUrl,
    /// Where the server's public keys are.
    pub jwks: EndpointUrl,
}

impl Endpoints {
    /// Takes the endpoints as a server documents them. Those of Okta follow from the
    /// [issuer](Issuer::endpoints), and those of most other servers from
    /// [discovery](crate::oauth::metadata::discover).
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if two of them are the same, or if one
    /// is plain `http` on loopback and another is not: assertions would leave unencrypted.
    pub fn new(
        token: EndpointUrl,
        introspection: EndpointUrl,
        revocation: EndpointUrl,
        jwks: EndpointUrl,
    ) -> Result<Self, Error> {
        let all = [&token, &introspection, &revocation, &jwks];
        if all.iter().enumerate().any(|(at, url)| all[..at].contains(url)) {
            return Err(Error::configuration("two endpoints have the same URL")
                .advise("give each endpoint its own URL, as the server documents it"));
        }
        if all.iter().any(|url| url.is_plain_http() != token.is_plain_http()) {
            return Err(Error::configuration("some endpoints are https and some plain http")
                .advise("use https for all of them; plain http is for loopback alone"));
        }
        Ok(Self { token, introspection, revocation, jwks })
    }
}

/// The URL of one endpoint: `https`, or `http` on loopback, without credentials, query or
/// fragment. Kept in exactly one spelling, because Okta compares it character by character.
///
/// # Example: https outside loopback
///
/// ```
/// use okta_introspect::EndpointUrl;
///
/// let url = EndpointUrl::parse("HTTPS://ID.example/introspect")?;
/// assert_eq!(url.as_str(), "https://id.example/introspect");
/// assert!(EndpointUrl::parse("http://id.example/introspect").is_err());
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EndpointUrl(String);

impl EndpointUrl {
    /// Reads an absolute URL.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is not an absolute URL, not
    /// `https` outside loopback, or carries credentials, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse_url(text, "the endpoint").map(|url| Self(url.into()))
    }

    /// The URL as text: what is called, and what is signed as `aud`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_loopback(&self) -> bool {
        text_is_loopback(&self.0)
    }

    pub(crate) fn is_plain_http(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        origin(&self.0)
    }

    /// Host, and port if it is not the scheme's own.
    pub(crate) fn authority(&self) -> &str {
        let origin = self.origin();
        origin.split_once("://").map_or(origin, |(_, authority)| authority)
    }
}

impl FromStr for EndpointUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scheme, host and port of a URL, which have one spelling.
fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or(url, |at| &url[..after_scheme + at])
}

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

fn text_is_loopback(text: &str) -> bool {
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

fn spelling(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
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
    fn endpoints_made_by_hand_are_four_and_equally_safe() {
        let url = |text: &str| EndpointUrl::parse(text).unwrap();
        let [token, introspection, revocation, jwks] = ["token", "introspect", "revoke", "keys"]
            .map(|name| url(&format!("https://a.example/{name}")));
        let endpoints = |introspection: &EndpointUrl, jwks: &EndpointUrl| {
            Endpoints::new(token.clone(), introspection.clone(), revocation.clone(), jwks.clone())
        };
        assert_eq!(endpoints(&introspection, &jwks).unwrap().jwks, jwks);
        for (name, result) in [
            ("one twice", endpoints(&token, &jwks)),
            ("the last one twice", endpoints(&introspection, &revocation)),
            ("plain http among https", endpoints(&url("http://127.0.0.1:1/introspect"), &jwks)),
        ] {
            assert_eq!(result.expect_err(name).kind(), ErrorKind::Configuration, "{name}");
        }
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
