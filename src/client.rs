//! The front door: settings, and the handle that owns the parts.

mod builder;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::DATE;

use crate::clock::send_time::SendTime;
use crate::clock::server_time::ClockOffset;
use crate::credential::assertion::ClientAssertion;
use crate::credential::client_auth::ClientAuth;
use crate::error::Error;
use crate::issuer::{EndpointUrl, Endpoints, Issuer};
use crate::management::Resource;
use crate::oauth::introspect::{self, Introspection, TokenTypeHint};
use crate::oauth::metadata::{self, Metadata};
use crate::oauth::revoke;
use crate::oauth::token::{
    self, AccessToken, CachedTokenSource, Refreshed, Refreshes, TokenCache, TokenEndpoints,
};
use crate::scope::Scopes;
use crate::secret::Token;
use crate::wire::admission::AdmissionConfig;
use crate::wire::form_post::{FormClient, Target};
use crate::wire::rate_limit::{RateLimit, Remaining};
use crate::wire::transport::Answer;

pub use builder::ClientBuilder;

/// An app at one authorization server. Cheap to clone; clones share connections, key and tokens.
///
/// # Example: is this token still good?
///
/// ```no_run
/// # async fn example(presented: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use okta_introspect::{Client, Issuer, KeyOptions, SigningKey, Token};
///
/// let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
/// let client = Client::builder(issuer, "0oa1b2c3d4", key).build()?;
///
/// let token = Token::parse(presented)?;
/// if client.introspect(&token, None).await?.active {
///     // good right now
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("issuer", &self.issuer().as_str())
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}

struct Inner {
    issuer: Issuer,
    endpoints: Endpoints,
    origin: Url,
    calls: Arc<Calls>,
    tokens: TokenCache,
    refreshes: Arc<Refreshes>,
}

/// What a call needs; shared with the requests that go on in the background.
struct Calls {
    forms: Arc<FormClient>,
    token: Target,
    introspection: Target,
    revocation: Target,
    /// How long a refresh token that was replaced is taken all the same.
    grace_period: Duration,
}

impl Calls {
    async fn request_token(&self, scopes: &Scopes) -> Result<AccessToken, Error> {
        token::request(&self.forms, self.token_endpoints(), scopes).await
    }

    async fn refresh(&self, token: &Token, scopes: Option<&Scopes>) -> Result<Refreshed, Error> {
        let endpoints = self.token_endpoints();
        token::refresh(&self.forms, endpoints, token, scopes, self.grace_period).await
    }

    fn token_endpoints(&self) -> TokenEndpoints<'_> {
        TokenEndpoints { token: &self.token, revocation: &self.revocation }
    }
}

/// An endpoint that a client calls.
///
/// # Example: was a limit stated?
///
/// ```
/// use okta_introspect::{Client, Endpoint};
///
/// fn is_limited(client: &Client) -> bool {
///     client.rate_limit(Endpoint::Introspection).is_some()
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Where tokens are requested.
    Token,
    /// Where tokens are introspected.
    Introspection,
    /// Where tokens are revoked.
    Revocation,
}

impl Client {
    /// Thirty-two: Okta serves an org [75 requests at once][concurrency], and by default at most half of
    /// them to one app; it answers more with 429.
    ///
    /// [concurrency]: https://developer.okta.com/docs/reference/rl2-concurrency/
    pub const DEFAULT_MAX_IN_FLIGHT: usize = AdmissionConfig::DEFAULT_MAX_IN_FLIGHT;

    /// Begins a client of `issuer` that authenticates as `client_id`: with its key, any
    /// [`Signer`](crate::Signer), or in another of the ways of [`ClientAuth`].
    pub fn builder(
        issuer: Issuer,
        client_id: impl Into<String>,
        auth: impl Into<ClientAuth>,
    ) -> ClientBuilder {
        ClientBuilder::new(issuer, client_id.into(), auth.into())
    }

    /// The authorization server.
    pub fn issuer(&self) -> &Issuer {
        &self.inner.issuer
    }

    /// The URLs that are called.
    pub fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    /// The client id of the service app.
    pub fn client_id(&self) -> &str {
        self.inner.calls.forms.client_id()
    }

    /// The registered name of the method by which the client authenticates, such as
    /// `private_key_jwt`. See [`ClientAuth::method`].
    pub fn auth_method(&self) -> &'static str {
        self.inner.calls.forms.auth_method()
    }

    /// Asks whether a token is good now. Nothing is cached.
    ///
    /// # Errors
    ///
    /// Every error means that the state of the token is not known:
    /// [`ClientRefused`](crate::ErrorKind::ClientRefused) is about our own credentials,
    /// [`Malformed`](crate::ErrorKind::Malformed) covers answers in which `active` is not a
    /// boolean, and errors where RFC 7662 wants `active: false`. An inactive token is an answer, not
    /// an error; but a server calls the tokens of other servers inactive too, so that the answer is
    /// worth no more than [`ClaimedIssuer::judge`](crate::ClaimedIssuer::judge) says.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the call.
    pub async fn introspect(
        &self,
        token: &Token,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, Error> {
        let calls = &self.inner.calls;
        introspect::introspect(&calls.forms, &calls.introspection, token, hint, None).await
    }

    /// As [`introspect`](Self::introspect), and tells when the request is sent.
    pub(crate) async fn introspect_noting(
        &self,
        token: &Token,
        hint: Option<TokenTypeHint>,
        send_time: &SendTime,
    ) -> Result<Introspection, Error> {
        let calls = &self.inner.calls;
        let (forms, target) = (&calls.forms, &calls.introspection);
        introspect::introspect(forms, target, token, hint, Some(send_time)).await
    }

    /// What is left of the rate limit for introspection, as far as the server has stated one.
    pub(crate) fn max_per_second(&self) -> Option<NonZeroU32> {
        self.inner.calls.forms.max_per_second()
    }

    pub(crate) fn introspection_remaining(&self, now: Instant) -> Option<Remaining> {
        self.inner.calls.introspection.remaining(now)
    }

    /// Revokes one of this client's own tokens.
    ///
    /// Success proves nothing: a server says the same for tokens that are unknown, or not ours
    /// ([RFC 7009 §2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)). Introspect
    /// afterwards to be sure.
    ///
    /// # Errors
    ///
    /// Those of any call: the token may or may not have been revoked.
    pub async fn revoke(&self, token: &Token, hint: Option<TokenTypeHint>) -> Result<(), Error> {
        let calls = &self.inner.calls;
        revoke::revoke(&calls.forms, &calls.revocation, token, hint).await
    }

    /// Requests a service token with these scopes. Nothing is cached; see
    /// [`token_source`](Self::token_source).
    ///
    /// # Errors
    ///
    /// [`RequestRefused`](crate::ErrorKind::RequestRefused) if a scope is not granted to the app,
    /// and those of any call.
    pub async fn request_token(&self, scopes: &Scopes) -> Result<AccessToken, Error> {
        self.inner.calls.request_token(scopes).await
    }

    /// Gets a new access token for a user's refresh token
    /// ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)), with these scopes or without any
    /// with all that the user granted. Nothing is cached. [`Refreshed`] has an example.
    ///
    /// Keep the [new refresh token](Refreshed::refresh_token), if there is one, before anything else is
    /// done: the old one is good for no more than a grace period, and its use after that
    /// [ends everything](https://developer.okta.com/docs/guides/refresh-tokens/main/) that was issued since
    /// the user signed in. For the same reason
    ///
    /// - calls at once with the same refresh token and scopes share one request, in clones of this client
    ///   too. Several processes that hold the same refresh token need a lock of their own;
    /// - a request that may have reached the server is not repeated, unless
    ///   [`refresh_grace_period`](ClientBuilder::refresh_grace_period) says for how long that does no harm.
    ///
    /// To have a checker ask anew about the tokens of a sign-in that has ended, refresh by
    /// [`Checker::refresh`](crate::Checker::refresh).
    ///
    /// # Errors
    ///
    /// [`InvalidGrant`](crate::ErrorKind::InvalidGrant) if the refresh token is no good: the user has to
    /// sign in again. [`RequestRefused`](crate::ErrorKind::RequestRefused) if a scope was not granted, or
    /// the app may not refresh. If the error [may have taken
    /// effect](crate::Error::may_have_taken_effect), the new refresh token may be lost: try again with the
    /// old one while its grace period lasts, which began with this call at the earliest; later, do not. Of an
    /// answer that is of no use otherwise, [the error has](crate::Error::refresh_token) the new one.
    ///
    /// # Cancellation
    ///
    /// The request goes on when the future is dropped. Its answer reaches a call with the same refresh token
    /// and scopes that begins before it comes; otherwise it is lost, as after an error that may have taken
    /// effect.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn refresh(
        &self,
        refresh_token: &Token,
        scopes: Option<&Scopes>,
    ) -> Result<Refreshed, Error> {
        let calls = Arc::clone(&self.inner.calls);
        let work = |token: Token, scopes: Option<Scopes>| async move {
            calls.refresh(&token, scopes.as_ref()).await
        };
        self.inner.refreshes.share(refresh_token, scopes, work).await
    }

    /// A source of service tokens with these scopes, which requests a new one only when needed.
    pub fn token_source(&self, scopes: Scopes) -> CachedTokenSource {
        self.inner.tokens.source(scopes)
    }

    /// The org's management APIs, called with service tokens of these scopes.
    pub fn resource(&self, scopes: Scopes) -> Resource {
        let forms = Arc::clone(&self.inner.calls.forms);
        Resource::new(forms, self.token_source(scopes), self.inner.origin.clone())
    }

    /// Fetches the server's metadata document. Needs no credentials, and tells the
    /// [clock offset](Self::clock_offset) as any answer does.
    ///
    /// # Errors
    ///
    /// As [`metadata::discover`].
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        let forms = &self.inner.calls.forms;
        let observe = |answer: &Answer, round_trip| {
            if let Some(date) = answer.header(DATE) {
                forms.server_time().observe(date, round_trip);
            }
        };
        metadata::fetch(forms.http(), &self.inner.issuer, observe).await
    }

    /// What the server said last about its rate limit at an endpoint, if it has said anything.
    ///
    /// Okta counts introspection and revocation together, so what it says at one of them is about
    /// both; see [`RateWindows`](crate::RateWindows).
    pub fn rate_limit(&self, endpoint: Endpoint) -> Option<RateLimit> {
        let calls = &self.inner.calls;
        match endpoint {
            Endpoint::Token => calls.token.rate_limit(),
            Endpoint::Introspection => calls.introspection.rate_limit(),
            Endpoint::Revocation => calls.revocation.rate_limit(),
        }
    }

    /// How far the server's clock is ahead of this computer's, as of its latest answer.
    pub fn clock_offset(&self) -> Option<ClockOffset> {
        self.inner.calls.forms.clock_offset()
    }

    /// Makes an assertion for an endpoint that this library does not call itself.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if the signer fails, and
    /// [`Configuration`](crate::ErrorKind::Configuration) if the client authenticates by a method that
    /// has no assertions.
    pub async fn assertion(&self, endpoint: &EndpointUrl) -> Result<ClientAssertion, Error> {
        self.inner.calls.forms.assertion(endpoint.as_str()).await
    }
}
