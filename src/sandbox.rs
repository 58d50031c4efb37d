//! An embedded authorization server on loopback that behaves towards clients as Okta does, for
//! tests and for trying things out without a network.
//!
//! It is the crate `okta-sandbox`, which shares no code with this one: what it accepts was checked
//! by other code than what made it. This module re-exports it, and speaks of issuers, tokens,
//! keys and clocks in this crate's types. All else that a test may do is among the methods of
//! [`okta_sandbox::Sandbox`], to which [`Sandbox`] derefs.
//!
//! # Example: a sandbox with one app and one user
//!
//! ```
//! use okta_introspect::sandbox::{App, Grant, Sandbox, User};
//! use okta_introspect::{Algorithm, SigningKey};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let sandbox = Sandbox::builder()
//!     .app(App::service("0oa1service").key(key.public_jwk()).grant("okta.users.read"))
//!     .user(User::new("00u1ada", "ada@example.test"))
//!     .start()
//!     .await?;
//! assert!(sandbox.issuer().is_loopback());
//! let token = sandbox.issue(&Grant::to_client("0oa1service").user("00u1ada"))?;
//! assert!(sandbox.revoke(&token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use okta_sandbox::{AsToken, Sleep};

pub use okta_sandbox::{
    App, AppKey, AppKind, AppStatus, AuthMethod, Bucket, Channel, ChannelFaults, ClientSecret,
    CustomServer, Delivery, DeliveryOutcome, Error, ErrorKind, EventDraft, Fault, Faults, Grant,
    LogEntity, LogEvent, LogLag, LogOutcome, LogTransaction, LogoutSubject, RateLimitHeaders,
    RecordedRequest, Reset, Seed, ServerIdentity, SignIn, Subscription, Times, TokensOf, User,
    UserStatus,
};

use crate::clock::Clock;
use crate::error;
use crate::issuer::Issuer;
use crate::key::PublicJwk;
use crate::secret::Token;
use crate::support::random::Random;

/// A running sandbox. Cheap to clone; clones share one server, which ends with the last of them.
///
/// # Panics
///
/// As [`okta_sandbox::Sandbox`]: dropping the last clone panics if the server itself did.
#[derive(Clone, Debug)]
pub struct Sandbox(okta_sandbox::Sandbox);

impl Sandbox {
    /// A sandbox to be filled and started.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder(okta_sandbox::Sandbox::builder())
    }

    /// The org authorization server, such as `http://127.0.0.1:4000`.
    pub fn issuer(&self) -> Issuer {
        parse_own(&self.0.issuer())
    }

    /// The custom authorization server with this id; `None` if there is none.
    pub fn custom_issuer(&self, id: &str) -> Option<Issuer> {
        self.0.custom_issuer(id).as_deref().map(parse_own)
    }

    /// Issues an access token without a token request, as if its client or user had got it before.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such client, user or server, or if the
    /// token would be longer than [`Token::MAX_LEN`].
    pub fn issue(&self, grant: &Grant) -> Result<Token, error::Error> {
        self.0.issue(grant).map_err(error::Error::from).and_then(|token| Token::parse(&token))
    }

    /// Issues an ID token, as if the user had just signed in. Any client of the org may introspect
    /// it; it cannot be revoked.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn issue_id_token(&self, sign_in: &SignIn) -> Result<Token, error::Error> {
        self.0
            .issue_id_token(sign_in)
            .map_err(error::Error::from)
            .and_then(|token| Token::parse(&token))
    }
}

impl Deref for Sandbox {
    type Target = okta_sandbox::Sandbox;

    fn deref(&self) -> &okta_sandbox::Sandbox {
        &self.0
    }
}

/// Fills and starts a [`Sandbox`].
#[derive(Debug)]
#[must_use]
pub struct SandboxBuilder(okta_sandbox::SandboxBuilder);

impl SandboxBuilder {
    /// Adds everything in a seed document.
    pub fn seed(self, seed: Seed) -> Self {
        Self(self.0.seed(seed))
    }

    /// Adds an app.
    pub fn app(self, app: App) -> Self {
        Self(self.0.app(app))
    }

    /// Adds a user.
    pub fn user(self, user: User) -> Self {
        Self(self.0.user(user))
    }

    /// Adds a custom authorization server.
    pub fn server(self, server: CustomServer) -> Self {
        Self(self.0.server(server))
    }

    /// Limits a bucket to so many requests a minute; see
    /// [`set_rate_limit`](okta_sandbox::Sandbox::set_rate_limit). Default: 120 for
    /// [`Bucket::Logs`], as in an Okta org, and no other limits.
    pub fn rate_limit(self, bucket: Bucket, per_minute: u32) -> Self {
        Self(self.0.rate_limit(bucket, per_minute))
    }

    /// Sets what one app may use of each bucket, in per cent of it: 1 to 100. Default: 50, as in
    /// Okta.
    pub fn app_share(self, per_cent: u8) -> Self {
        Self(self.0.app_share(per_cent))
    }

    /// Sets how long events take until they are in the System Log; see
    /// [`set_log_lag`](okta_sandbox::Sandbox::set_log_lag). Default: none.
    pub fn log_lag(self, lag: impl Into<LogLag>) -> Self {
        Self(self.0.log_lag(lag))
    }

    /// Tells the server the time. Default: the computer's clock.
    ///
    /// Give the client, the checker and the verifier of a test the same one: with a [`ManualClock`](crate::ManualClock) a fault's [delay](Fault::delay) moves the time,
    /// and is over at once.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self(self.0.clock(Arc::new(SharedClock(clock))))
    }

    /// Makes identifiers from this. Default: the operating system's generator. Signing keys never
    /// come from it.
    pub fn random(self, random: impl Random + 'static) -> Self {
        Self(self.0.random(Arc::new(SharedRandom(random))))
    }

    /// Listens there; port 0 is any free port. Default: `127.0.0.1:0`.
    pub fn listen(self, address: SocketAddr) -> Self {
        Self(self.0.listen(address))
    }

    /// Speaks TLS with this identity; issuers then begin with `https`. Default: plain HTTP.
    pub fn tls(self, identity: ServerIdentity) -> Self {
        Self(self.0.tls(identity))
    }

    /// Speaks TLS with a [certificate of its own](ServerIdentity::self_made), for clients that
    /// trust [`Sandbox::ca_pem`](okta_sandbox::Sandbox::ca_pem).
    pub fn tls_self_made(self) -> Self {
        Self(self.0.tls_self_made())
    }

    /// Sets whether requests are kept for
    /// [`requests`](okta_sandbox::Sandbox::requests). Default: `true`, as tests want it.
    pub fn record_requests(self, record: bool) -> Self {
        Self(self.0.record_requests(record))
    }

    /// Is called with each request when its answer is known, before it is sent; not with those that
    /// a fault leaves without an answer. It must not wait. Default: nothing.
    pub fn on_answer(self, observe: impl Fn(&RecordedRequest) + Send + Sync + 'static) -> Self {
        Self(self.0.on_answer(observe))
    }

    /// Starts the server on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the address is not loopback, or if the seed contradicts itself; the
    /// source is an [`Error`](crate::Error) that says what to do. Otherwise what kept the listener
    /// from opening. See [`okta_sandbox::SandboxBuilder::start`].
    pub async fn start(self) -> io::Result<Sandbox> {
        self.0.start().await.map(Sandbox).map_err(|cause| {
            let kind = cause.kind();
            match cause.downcast::<Error>() {
                Ok(error) => io::Error::new(kind, error::Error::from(error)),
                Err(cause) => cause,
            }
        })
    }
}

/// A clock of this crate as the sandbox's.
#[derive(Debug)]
struct SharedClock<C>(C);

impl<C: Clock> okta_sandbox::Clock for SharedClock<C> {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn monotonic(&self) -> Instant {
        self.0.monotonic()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.0.sleep_until(at)
    }
}

/// A generator of this crate as the sandbox's.
#[derive(Debug)]
struct SharedRandom<R>(R);

impl<R: Random> okta_sandbox::Random for SharedRandom<R> {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl AsToken for Token {
    fn as_token(&self) -> &str {
        self.expose()
    }
}

impl From<&PublicJwk> for AppKey {
    fn from(public: &PublicJwk) -> Self {
        // A PublicJwk is made from a key whose type, curve and size were checked when it was
        // loaded; it is written as a JSON object without private members.
        serde_json::from_str(&public.to_json()).expect("a PublicJwk is a usable public key")
    }
}

impl From<PublicJwk> for AppKey {
    fn from(public: PublicJwk) -> Self {
        Self::from(&public)
    }
}

/// Of the kind [`Key`](crate::ErrorKind::Key) for a key, [`Input`](crate::ErrorKind::Input) for the
/// name of what the sandbox does not have, and [`Configuration`](crate::ErrorKind::Configuration)
/// for all else that a test sets up.
impl From<Error> for error::Error {
    fn from(error: Error) -> Self {
        let what = error.to_string();
        let own = match error.kind() {
            ErrorKind::Key => Self::key(what),
            ErrorKind::Unknown => Self::input(what),
            _ => Self::configuration(what),
        };
        let own = own.advise(error.advice());
        match std::error::Error::source(&error) {
            Some(cause) => own.because(cause.to_string()),
            None => own,
        }
    }
}

fn parse_own(issuer: &str) -> Issuer {
    // A loopback address, with at most `/oauth2/` and a server id that was checked for its
    // characters when it was seeded.
    Issuer::parse(issuer).expect("the sandbox's own issuer is well-formed")
}
