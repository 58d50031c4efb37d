//! The handle of a running sandbox: everything that a test may do with it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use super::faults::Faults;
use crate::channel::settings::Channel;
use crate::channel::subscription::{Subscription, subscribe};
use crate::error::Error;
use crate::http::listener;
use crate::http::server::Server;
use crate::model::app::{App, AppStatus};
use crate::model::app_key::AppKey;
use crate::model::as_token::AsToken;
use crate::model::authority::Authority;
use crate::model::client_secret::ClientSecret;
use crate::model::event::LogEntity;
use crate::model::event_type::{self, EventType, KEY_ROLLOVER};
use crate::model::grant::Grant;
use crate::model::recorded::RecordedRequest;
use crate::model::sign_in::SignIn;
use crate::model::tokens::{Digest, TokenKind};
use crate::model::user::UserStatus;
use crate::oauth::issue::{self, Order};
use crate::world::World;

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
    server: Arc<Server>,
    runtime: Handle,
    task: AbortHandle,
    /// What serves the channels. Those that end leave a little behind until the sandbox ends.
    channels: Mutex<JoinSet<()>>,
}

impl Running {
    fn start(listener: TcpListener, server: Server) -> Self {
        let server = Arc::new(server);
        let task = tokio::spawn(listener::run(listener, Arc::clone(&server))).abort_handle();
        let (runtime, channels) = (Handle::current(), Mutex::default());
        Self { server, runtime, task, channels }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        assert!(
            std::thread::panicking() || !self.server.has_panicked(),
            "the sandbox panicked while it answered a request"
        );
    }
}

impl Sandbox {
    pub(crate) fn start(listener: TcpListener, server: Server) -> Self {
        Self { running: Arc::new(Running::start(listener, server)) }
    }

    /// The issuer of the org authorization server, such as `http://127.0.0.1:4000`.
    pub fn issuer(&self) -> String {
        Authority::Org.issuer(&self.server().base())
    }

    /// The issuer of the custom authorization server with this id; `None` if there is none.
    pub fn custom_issuer(&self, id: &str) -> Option<String> {
        let authority = self.world().state().authority(id)?;
        Some(authority.issuer(&self.server().base()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server().address
    }

    /// The certificate of the authority that a sandbox with a
    /// [certificate of its own](crate::SandboxBuilder::tls_self_made) made for it, as PEM.
    pub fn ca_pem(&self) -> Option<&str> {
        self.server().identity.as_ref()?.ca_pem()
    }

    /// The server's clock: the sandbox's clock and the [offset](Self::set_clock_offset).
    pub fn now(&self) -> DateTime<Utc> {
        self.world().now()
    }

    /// Sets how far the server's clock is ahead of the clock that the sandbox was given; negative
    /// is behind. Default: zero. Shows in `Date`, in tokens, and in how assertions are checked.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        self.world().state().clock_offset = offset;
    }

    /// Adds an app, or replaces the one with the same client id. Tokens stay as they are.
    pub fn register(&self, app: App) {
        let now = self.world().now();
        self.world().state().register(app, now);
    }

    /// Registers one more public key for an app.
    ///
    /// # Errors
    ///
    /// If there is no such app.
    pub fn add_key(&self, client_id: &str, key: impl Into<AppKey>) -> Result<(), Error> {
        let now = self.world().now();
        let key = key.into().created_at(now);
        let target = LogEntity::key(&key.object_id(), key.key_id());
        self.world().state().change_keys(client_id, |keys| keys.push(key))?;
        self.log_key(event_type::KEY_CREATED, client_id, target);
        Ok(())
    }

    /// Deactivates an app's key: it stays registered, and signatures with it are refused.
    ///
    /// # Errors
    ///
    /// If there is no such app, or no such key.
    pub fn deactivate_key(&self, client_id: &str, key_id: &str) -> Result<(), Error> {
        self.world().state().deactivate_key(client_id, key_id)?;
        let app = self.world().state().app(client_id);
        let mut keys = app.iter().flat_map(|app| &app.jwks);
        if let Some(key) = keys.find(|key| key.key_id() == Some(key_id)) {
            let target = LogEntity::key(&key.object_id(), key.key_id());
            self.log_key(event_type::KEY_DEACTIVATED, client_id, target);
        }
        Ok(())
    }

    /// Registers one more client secret for an app.
    ///
    /// # Errors
    ///
    /// If there is no such app.
    pub fn add_secret(
        &self,
        client_id: &str,
        secret: impl Into<ClientSecret>,
    ) -> Result<(), Error> {
        let secret = secret.into().created_at(self.world().now());
        let target = LogEntity::secret(&secret.object_id());
        self.world().state().change_secrets(client_id, |secrets| secrets.push(secret))?;
        self.log_key(event_type::KEY_CREATED, client_id, target);
        Ok(())
    }

    /// Deactivates an app's client secret: it stays registered, and nobody gets in with it.
    ///
    /// # Errors
    ///
    /// If there is no such app, or no such secret.
    pub fn deactivate_secret(&self, client_id: &str, secret: &str) -> Result<(), Error> {
        let mut found = None;
        self.world().state().change_secrets(client_id, |secrets| {
            for secret in secrets.iter_mut().filter(|own| own.is(secret)) {
                secret.set_active(false);
                found = Some(secret.object_id());
            }
        })?;
        let id = found.ok_or_else(|| Error::unknown_secret(client_id))?;
        self.log_key(event_type::KEY_DEACTIVATED, client_id, LogEntity::secret(&id));
        Ok(())
    }

    /// Grants an Okta API scope to an app.
    ///
    /// # Errors
    ///
    /// If there is no such app.
    pub fn grant(&self, client_id: &str, scope: impl Into<String>) -> Result<(), Error> {
        self.world().state().grant(client_id, scope.into())
    }

    /// Activates or deactivates an app. Deactivation kills its tokens for good.
    ///
    /// # Errors
    ///
    /// If there is no such app.
    pub fn set_app_status(&self, client_id: &str, status: AppStatus) -> Result<(), Error> {
        let now = self.world().now();
        let mut state = self.world().state();
        state.set_app_status(client_id, status, now)?;
        let target = state.app(client_id).map(|app| LogEntity::app(&app)).into_iter().collect();
        drop(state);
        let event_type = match status {
            AppStatus::Active => event_type::APP_ACTIVATED,
            AppStatus::Inactive => event_type::APP_DEACTIVATED,
        };
        self.world().log_change(event_type, target);
        Ok(())
    }

    /// Sets a user's status. Only an active user's tokens are active; deactivation
    /// ([`UserStatus::Deprovisioned`]) kills them for good.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn set_user_status(&self, id: &str, status: UserStatus) -> Result<(), Error> {
        let now = self.world().now();
        let mut state = self.world().state();
        let before = state.user(id).map(|user| user.status);
        state.set_user_status(id, status, now)?;
        let target = state.user(id).map(LogEntity::user).into_iter().collect();
        drop(state);
        let event_type = match (status, before) {
            (UserStatus::Active, Some(UserStatus::Suspended)) => event_type::USER_UNSUSPENDED,
            (UserStatus::Active, _) => event_type::USER_ACTIVATED,
            (UserStatus::Suspended, _) => event_type::USER_SUSPENDED,
            (UserStatus::Deprovisioned, _) => event_type::USER_DEACTIVATED,
            (UserStatus::LockedOut, _) => event_type::USER_LOCKED,
            _ => return Ok(()),
        };
        self.world().log_change(event_type, target);
        Ok(())
    }

    /// Rotates the keys of a custom server at once: the key published as the next one signs from
    /// now on, another next one is made, and the key that signed so far stays published for 24
    /// hours.
    ///
    /// # Errors
    ///
    /// If there is no such server. The org server's keys cannot
    /// be rotated by hand, at Okta either.
    pub fn rotate_keys(&self, server_id: &str) -> Result<(), Error> {
        let world = self.world();
        world.keep_up();
        let now = world.now();
        world.state().rotate_keys(server_id, now)?;
        world.log_change(KEY_ROLLOVER, vec![LogEntity::server(server_id)]);
        Ok(())
    }

    /// Schedules the next rotation of a custom server's keys, in place of one that was scheduled
    /// before. Default: none. Until then the `max-age` of the published keys shrinks with the time
    /// that is left, as Okta's does.
    ///
    /// # Errors
    ///
    /// If there is no such server.
    pub fn schedule_rotation(&self, server_id: &str, at: DateTime<Utc>) -> Result<(), Error> {
        self.world().keep_up();
        self.world().state().schedule_rotation(server_id, at)
    }

    /// Issues an access token without a token request, as if its client or user had got it before.
    ///
    /// # Errors
    ///
    /// If there is no such client, user or server.
    pub fn issue(&self, grant: &Grant) -> Result<String, Error> {
        let world = self.world();
        world.keep_up();
        let (app, authority) = world.state().party(&grant.client_id, grant.server.as_deref())?;
        let user = match &grant.user_id {
            Some(id) => Some(world.state().known_user(id)?.clone()),
            None => None,
        };
        let own_lifetime_secs = || i64::from(authority.token_lifetime_secs());
        let order = Order {
            app: &app,
            user: user.as_ref(),
            scopes: grant.scopes.iter().flat_map(|scope| scope.split_ascii_whitespace()).collect(),
            lifetime_secs: grant.lifetime_secs().unwrap_or_else(own_lifetime_secs),
            jkt: grant.jkt.clone(),
        };
        Ok(issue::access_token(world, &authority, &self.server().base(), order, world.now()).0)
    }

    /// Issues an ID token, as if the user had just signed in. Any client of the org may introspect
    /// it; it cannot be revoked.
    ///
    /// # Errors
    ///
    /// If there is no such client, user or server.
    pub fn issue_id_token(&self, sign_in: &SignIn) -> Result<String, Error> {
        let world = self.world();
        world.keep_up();
        let (_, authority) = world.state().party(&sign_in.client_id, sign_in.server.as_deref())?;
        let user = world.state().known_user(&sign_in.user_id)?.clone();
        let base = self.server().base();
        Ok(issue::id_token(world, &authority, &base, sign_in, &user, world.now()))
    }

    /// Revokes an access token as an administrator would, whichever client it belongs to. The
    /// answer is whether it was one of this sandbox and not revoked before.
    pub fn revoke(&self, token: &(impl AsToken + ?Sized)) -> bool {
        let token = token.as_token();
        let digest = Digest::of(token);
        let mut state = self.world().state();
        let found = state.tokens.find(&digest).filter(|issued| issued.kind == TokenKind::Access);
        let found = found.cloned().filter(|_| state.tokens.revoke(&digest));
        let Some(issued) = found else { return false };
        let authority = issued.authority.as_ref().and_then(|id| state.authority(id));
        drop(state);
        let event_type = authority.unwrap_or(Authority::Org).revoke_event();
        let target = issue::entities(self.world(), token, &issued);
        self.world().log_change(event_type, target);
        true
    }

    /// Makes all DPoP nonces invalid at once. Without this a nonce is replaced every 24 hours and
    /// stays good for three days. The next proof is answered with `use_dpop_nonce`, whatever
    /// nonce it has.
    pub fn rotate_dpop_nonce(&self) {
        self.world().state().nonces.forget();
    }

    /// Sets whether token endpoints refuse every nonce and demand another one each time, which no
    /// client can satisfy. Default: `false`.
    pub fn demand_nonces_forever(&self, forever: bool) {
        self.world().state().nonces.demands_forever = forever;
    }

    /// Tells a receiver on loopback from now on what happens, by this channel.
    ///
    /// # Errors
    ///
    /// If the channel's URL is not on loopback, if it is https and no authority is trusted, or if a
    /// header or an event type cannot be used.
    pub fn subscribe(&self, channel: Channel) -> Result<Subscription, Error> {
        let (subscription, work) = subscribe(&self.running.server, channel)?;
        let channels = self.running.channels.lock();
        let mut channels = channels.unwrap_or_else(PoisonError::into_inner);
        drop(channels.spawn_on(work, &self.running.runtime));
        Ok(subscription)
    }

    /// What goes wrong on purpose. Default: nothing.
    pub fn faults(&self) -> Faults<'_> {
        Faults::of(self.server())
    }

    /// The requests so far, oldest first; of very many only the last 10 000, and of long ones only
    /// as many of the last as take 32 MiB. None if they are
    /// [not kept](crate::SandboxBuilder::record_requests).
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.world().state().records.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.world().state().records.clear();
    }

    fn log_key(&self, event_type: EventType, client_id: &str, key: LogEntity) {
        let app = self.world().state().app(client_id).map(|app| LogEntity::app(&app));
        self.world().log_change(event_type, app.into_iter().chain([key]).collect());
    }

    fn server(&self) -> &Server {
        &self.running.server
    }

    pub(super) fn world(&self) -> &World {
        &self.running.server.world
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address()).finish_non_exhaustive()
    }
}
