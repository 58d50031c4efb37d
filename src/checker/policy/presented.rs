//! What a request presents.

use std::fmt;

use crate::credential::dpop::{self, Replay};
use crate::secret::Token;

/// A token as a request presents it, with the proof of possession that came along. `Debug` shows
/// neither.
///
/// A plain text is a bearer token:
///
/// ```no_run
/// # use okta_introspect::{Error, checker::{Checker, Requirement, Verdict}};
/// # async fn example(checker: Checker, any: Requirement, token: &str) -> Result<(), Error> {
/// let verdict = checker.check(token, &any).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    token: &'a str,
    scheme: Scheme<'a>,
    resource: Option<&'a str>,
}

#[derive(Clone, Copy)]
pub(crate) enum Scheme<'a> {
    Bearer {
        /// Where no token is taken that is not bound to a key, whatever the requirement says.
        must_be_bound: bool,
    },
    Dpop(dpop::PresentedProof<'a>),
}

impl<'a> Presented<'a> {
    /// As `Authorization: Bearer …`.
    pub fn bearer(token: &'a str) -> Self {
        Self { token, scheme: Scheme::Bearer { must_be_bound: false }, resource: None }
    }

    /// As `Authorization: DPoP …`, with the content of the `DPoP` header
    /// ([RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)).
    ///
    /// `url` is the URL that the client called, as it called it: scheme and host must come from
    /// your configuration, because a sender can write any host into a request. A query is left
    /// out of the comparison.
    pub fn dpop(token: &'a str, proof: &'a str, method: &'a str, url: &'a str) -> Self {
        let scheme = Scheme::Dpop(dpop::PresentedProof::new(proof, method, url));
        Self { scheme, ..Self::bearer(token) }
    }

    /// Whether the use of the proof counts. Default: [`Replay::Consume`]. Without a proof this says
    /// nothing.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        if let Scheme::Dpop(proof) = &mut self.scheme {
            proof.replay = replay;
        }
        self
    }

    /// By way of this proxy, which may ask about the same request again within
    /// [`repeat_within`](crate::checker::ProofConfig::repeat_within). The name must come from your
    /// configuration, or from how the proxy has authenticated itself: a sender that could choose it
    /// could repeat what it has overheard. Without a proof this says nothing.
    ///
    /// # Example
    ///
    /// ```
    /// use okta_introspect::checker::Presented;
    ///
    /// fn behind_proxy<'a>(token: &'a str, proof: &'a str, url: &'a str) -> Presented<'a> {
    ///     Presented::dpop(token, proof, "GET", url).through("gateway-1")
    /// }
    /// ```
    #[must_use]
    pub fn through(mut self, proxy: &'a str) -> Self {
        if let Scheme::Dpop(proof) = &mut self.scheme {
            proof.proxy = Some(proxy);
        }
        self
    }

    /// To this resource: the token must have been issued for it, which is its audience, whatever
    /// the requirement says. Compared exactly.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use okta_introspect::{Error, checker::{Checker, Presented, Requirement}};
    /// # async fn example(checker: Checker, any: Requirement, token: &str) -> Result<(), Error> {
    /// let presented = Presented::bearer(token).to("https://api.acme.example/mcp");
    /// let verdict = checker.check(presented, &any).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn to(self, resource: &'a str) -> Self {
        Self { resource: Some(resource), ..self }
    }

    pub(crate) fn token(&self) -> &'a str {
        self.token
    }

    pub(crate) fn scheme(&self) -> Scheme<'a> {
        self.scheme
    }

    pub(crate) fn resource(&self) -> Option<&'a str> {
        self.resource
    }

    /// As [`bearer`](Self::bearer), where no token is taken that is not bound to a key, whatever the
    /// requirement says.
    #[cfg(feature = "tower")]
    pub(crate) fn bearer_where_bound(token: &'a str, must_be_bound: bool) -> Self {
        Self { scheme: Scheme::Bearer { must_be_bound }, ..Self::bearer(token) }
    }
}

impl<'a> From<&'a str> for Presented<'a> {
    fn from(token: &'a str) -> Self {
        Self::bearer(token)
    }
}

impl<'a> From<&'a Token> for Presented<'a> {
    fn from(token: &'a Token) -> Self {
        Self::bearer(token.expose())
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Scheme::Bearer { .. } => "Bearer [redacted]",
            Scheme::Dpop(_) => "DPoP [redacted]",
        })
    }
}
