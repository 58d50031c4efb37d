//! The URLs that a client calls.

use std::fmt;
use std::str::FromStr;

use super::absolute_url::{origin, parse_url, text_is_loopback};
use crate::error::Error;

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
    /// [issuer](crate::Issuer::endpoints), and those of most other servers from
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

    /// The one of this name below a URL that was read already.
    pub(super) fn below(base: &str, name: &str) -> Self {
        Self(format!("{base}/{name}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

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
}
