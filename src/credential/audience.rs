//! Which server an assertion is for.

use crate::error::Error;
use crate::issuer::{EndpointUrl, Endpoints, Issuer};

/// Which URL an assertion names in `aud`.
///
/// # Example: a server that wants its issuer in `aud`
///
/// ```
/// use okta_introspect::{Audience, Client, ClientBuilder, Endpoints, Issuer, SigningKey};
///
/// fn other_server(issuer: Issuer, endpoints: Endpoints, key: SigningKey) -> ClientBuilder {
///     Client::builder(issuer, "orders", key).endpoints(endpoints).audience(Audience::Issuer)
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Audience {
    /// The URL of the endpoint that the assertion is sent to: what Okta demands.
    #[default]
    Endpoint,
    /// The token endpoint's URL, whichever endpoint is called, as RFC 7523 §3 suggests. Only where
    /// all endpoints called are at one origin.
    TokenEndpoint,
    /// The issuer, where the revision of RFC 7523 is heading. Okta refuses it.
    Issuer,
    /// A URL of the caller's choice.
    Custom(String),
}

impl Audience {
    /// The `aud` for a call to `endpoint`.
    pub(crate) fn of<'a>(
        &'a self,
        endpoint: &'a EndpointUrl,
        endpoints: &'a Endpoints,
        issuer: &'a Issuer,
    ) -> &'a str {
        match self {
            Self::Endpoint => endpoint.as_str(),
            Self::TokenEndpoint => endpoints.token.as_str(),
            Self::Issuer => issuer.as_str(),
            Self::Custom(url) => url,
        }
    }

    /// Refuses to send assertions for the token endpoint to endpoints of another origin: what is
    /// there could request tokens with them.
    pub(crate) fn check(&self, endpoints: &Endpoints) -> Result<(), Error> {
        let Endpoints { token, introspection, revocation, .. } = endpoints;
        let names_token_endpoint = match self {
            Self::TokenEndpoint => true,
            Self::Custom(url) => url == token.as_str(),
            Self::Endpoint | Self::Issuer => false,
        };
        let elsewhere = |url: &&EndpointUrl| url.origin() != token.origin();
        match [introspection, revocation].into_iter().find(elsewhere) {
            Some(url) if names_token_endpoint => {
                let what = "assertions for the token endpoint would be sent to another origin";
                Err(Error::configuration(format!("{what}: {}", url.origin()))
                    .advise("let each assertion name the endpoint that it is sent to"))
            }
            _ => Ok(()),
        }
    }
}
