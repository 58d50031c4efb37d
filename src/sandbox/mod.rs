//! An embedded authorization server on loopback that behaves towards clients as Okta does.
//!
//! It has an org server, custom servers and a few management endpoints; real keys, real
//! signatures, and Okta's own words for every refusal. Nothing is scripted: each answer is
//! computed from what the server knows at that moment. It is made for tests and for trying things
//! out without a network, and protects nothing: never rely on it for anything real.
//!
//! Where Okta's documents are silent the sandbox is strict: what it accepts, Okta should accept.
//! It does not do client secrets, users' sign-ins, refresh tokens, `jwks_uri`, or searches in the
//! management API.
//!
//! What tests need besides: the [clock](SandboxBuilder::clock), [rate limits](Bucket),
//! [faults](Fault) and outages, [TLS](SandboxBuilder::tls_self_made),
//! [rotation of keys](Sandbox::rotate_keys) and of
//! [DPoP nonces](Sandbox::rotate_dpop_nonce), tokens [without a request](Sandbox::issue), and the
//! [requests](Sandbox::requests) that came.
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

mod answer;
mod api;
mod app_objects;
mod authority;
mod body;
mod builder;
mod call;
mod certificate;
mod client_auth;
mod directory;
mod discovery;
mod dpop;
mod fault;
mod faults;
mod grant;
mod introspect;
mod keys;
mod limits;
mod log;
mod mint;
mod nonces;
mod request;
mod resource;
mod respond;
mod revoke;
mod rotation;
mod routes;
mod seed;
mod server;
mod sign_in;
mod spoil;
mod state;
mod system_log;
mod throttle;
mod tls;
mod token;
mod tokens;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use builder::SandboxBuilder;
pub use fault::{Fault, Reset};
pub use faults::{Faults, Times};
pub use grant::Grant;
pub use limits::{Bucket, RateLimitHeaders};
pub use log::{LogEntity, LogEvent, LogOutcome, LogTransaction};
pub use request::RecordedRequest;
pub use seed::{App, AppKey, AppKind, AppStatus, AuthMethod, CustomServer, Seed, User, UserStatus};
pub use sign_in::SignIn;
pub use tls::ServerIdentity;

use crate::error::Error;
use crate::issuer::Issuer;
use crate::secret::Token;
use authority::Authority;
use log::LogEntity as Entity;
use server::Shared;
use tokens::{Digest, TokenKind};

/// A running sandbox. Cheap to clone; clones share one server.
///
/// The server runs as tasks of the tokio runtime on which it was started, and ends when the last
/// handle is dropped: the listener is closed and connections are cut.
///
/// # Panics
///
/// Dropping the last handle panics if a request made the server itself panic, so that the fault
/// shows in the test that owns it.
#[derive(Clone)]
pub struct Sandbox {
    running: Arc<Running>,
}

/// Ends the server when the last handle goes. The server's own tasks do not hold it.
struct Running {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Running {
    fn start(listener: TcpListener, shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let task = tokio::spawn(server::run(listener, Arc::clone(&shared))).abort_handle();
        Self { shared, task }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        assert!(
            std::thread::panicking() || !self.shared.has_panicked(),
            "the sandbox panicked while it answered a request"
        );
    }
}

impl Sandbox {
    /// A sandbox to be filled and started.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    /// The org authorization server, such as `http://127.0.0.1:4000`.
    pub fn issuer(&self) -> Issuer {
        parse_own(&Authority::Org.issuer(&self.shared().base()))
    }

    /// The custom authorization server with this id; `None` if there is none.
    pub fn custom_issuer(&self, id: &str) -> Option<Issuer> {
        let authority = self.shared().state().authority(id)?;
        Some(parse_own(&authority.issuer(&self.shared().base())))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared().address
    }

    /// The certificate of the authority that a sandbox with a
    /// [certificate of its own](SandboxBuilder::tls_self_made) made for it, as PEM.
    pub fn ca_pem(&self) -> Option<&str> {
        self.shared().identity.as_ref()?.ca_pem()
    }

    /// The server's clock: the sandbox's clock and the [offset](Self::set_clock_offset).
    pub fn now(&self) -> DateTime<Utc> {
        self.shared().now()
    }

    /// Sets how far the server's clock is ahead of the clock that the sandbox was given; negative
    /// is behind. Default: zero. Shows in `Date`, in tokens, and in how assertions are judged.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        self.shared().state().clock_offset = offset;
    }

    /// Adds an app, or replaces the one with the same client id. Tokens stay as they are.
    pub fn register(&self, app: App) {
        self.shared().state().register(app);
    }

    /// Registers one more public key for an app.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such app.
    pub fn add_key(&self, client_id: &str, key: impl Into<AppKey>) -> Result<(), Error> {
        self.shared().state().add_key(client_id, key.into())
    }

    /// Deactivates an app's key: it stays registered, and signatures with it are refused.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such app, or no such key.
    pub fn deactivate_key(&self, client_id: &str, key_id: &str) -> Result<(), Error> {
        self.shared().state().deactivate_key(client_id, key_id)
    }

    /// Grants an Okta API scope to an app.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such app.
    pub fn grant(&self, client_id: &str, scope: impl Into<String>) -> Result<(), Error> {
        self.shared().state().grant(client_id, scope.into())
    }

    /// Activates or deactivates an app. Deactivation kills its tokens for good.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such app.
    pub fn set_app_status(&self, client_id: &str, status: AppStatus) -> Result<(), Error> {
        let mut state = self.shared().state();
        state.set_app_status(client_id, status)?;
        let target = state.app(client_id).map(|app| Entity::app(&app));
        drop(state);
        let event_type = match status {
            AppStatus::Active => "application.lifecycle.activate",
            AppStatus::Inactive => "application.lifecycle.deactivate",
        };
        self.shared().log_change(event_type, target);
        Ok(())
    }

    /// Sets a user's status. Only an active user's tokens are active; deactivation
    /// ([`UserStatus::Deprovisioned`]) kills them for good.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such user.
    pub fn set_user_status(&self, id: &str, status: UserStatus) -> Result<(), Error> {
        let mut state = self.shared().state();
        let before = state.user(id).map(|user| user.status);
        state.set_user_status(id, status)?;
        let target = state.user(id).map(Entity::user);
        drop(state);
        let event_type = match (status, before) {
            (UserStatus::Active, Some(UserStatus::Suspended)) => "user.lifecycle.unsuspend",
            (UserStatus::Active, _) => "user.lifecycle.activate",
            (UserStatus::Suspended, _) => "user.lifecycle.suspend",
            (UserStatus::Deprovisioned, _) => "user.lifecycle.deactivate",
            (UserStatus::LockedOut, _) => "user.account.lock",
            _ => return Ok(()),
        };
        self.shared().log_change(event_type, target);
        Ok(())
    }

    /// Revokes an access token as an administrator would, whoever owns it; whether it was one of
    /// this sandbox and not revoked before.
    pub fn revoke(&self, token: &Token) -> bool {
        let digest = Digest::of(token.expose());
        let mut state = self.shared().state();
        let found = state.tokens.find(&digest).filter(|issued| issued.kind == TokenKind::Access);
        let found = found.cloned().filter(|_| state.tokens.revoke(&digest));
        let Some(issued) = found else { return false };
        let authority = issued.authority.as_ref().and_then(|id| state.authority(id));
        drop(state);
        let event_type = authority.unwrap_or(Authority::Org).revoke_event();
        self.shared().log_change(event_type, Some(mint::entity(token.expose(), &issued)));
        true
    }

    /// The requests so far, oldest first; of very many only the last 10 000.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared().state().requests()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared().state().clear_requests();
    }

    /// The System Log, oldest event first; of very many only the last 10 000. Clients read it at
    /// `/api/v1/logs`.
    pub fn log(&self) -> Vec<LogEvent> {
        self.shared().state().log.events().cloned().collect()
    }

    fn shared(&self) -> &Shared {
        &self.running.shared
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address()).finish_non_exhaustive()
    }
}

fn parse_own(issuer: &str) -> Issuer {
    // A loopback address, with at most `/oauth2/` and a server id that was checked for its
    // characters when it was seeded.
    Issuer::parse(issuer).expect("the sandbox's own issuer is well-formed")
}
