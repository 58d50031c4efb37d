//! Filling and starting a sandbox.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::sandbox::Sandbox;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::http::server::{Observer, Server};
use crate::http::tls::ServerIdentity;
use crate::model::app::App;
use crate::model::custom_server::CustomServer;
use crate::model::limits::Bucket;
use crate::model::log_lag::LogLag;
use crate::model::recorded::RecordedRequest;
use crate::model::seed::Seed;
use crate::model::state::State;
use crate::model::user::User;
use crate::random::{Random, SystemRandom};
use crate::world::World;

/// Loopback, any free port.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Fills and starts a [`Sandbox`].
#[derive(Debug)]
#[must_use]
pub struct SandboxBuilder {
    seed: Seed,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    address: SocketAddr,
    tls: Tls,
    records: bool,
    observer: Observer,
}

/// What clients are to speak.
#[derive(Debug)]
enum Tls {
    Plain,
    SelfMade,
    Given(ServerIdentity),
}

impl Tls {
    fn identity(self) -> Result<Option<ServerIdentity>, Error> {
        match self {
            Self::Plain => Ok(None),
            Self::SelfMade => ServerIdentity::self_made().map(Some),
            Self::Given(identity) => Ok(Some(identity)),
        }
    }
}

impl Sandbox {
    /// A sandbox to be filled and started.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }
}

impl SandboxBuilder {
    pub(crate) fn new() -> Self {
        Self {
            seed: Seed::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            address: DEFAULT_ADDRESS,
            tls: Tls::Plain,
            records: true,
            observer: Observer::default(),
        }
    }

    /// Adds everything in a seed document.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed.apps.extend(seed.apps);
        self.seed.users.extend(seed.users);
        self.seed.servers.extend(seed.servers);
        self.seed.rate_limits.extend(seed.rate_limits);
        self.seed.app_share = seed.app_share.or(self.seed.app_share);
        if seed.log_lag != LogLag::default() {
            self.seed.log_lag = seed.log_lag;
        }
        self
    }

    /// Adds an app.
    pub fn app(mut self, app: App) -> Self {
        self.seed.apps.push(app);
        self
    }

    /// Adds a user.
    pub fn user(mut self, user: User) -> Self {
        self.seed.users.push(user);
        self
    }

    /// Adds a custom authorization server.
    pub fn server(mut self, server: CustomServer) -> Self {
        self.seed.servers.push(server);
        self
    }

    /// Limits a bucket to so many requests a minute; see [`Sandbox::set_rate_limit`]. Default: 120
    /// for [`Bucket::Logs`], as in an Okta org, and no other limits.
    pub fn rate_limit(mut self, bucket: Bucket, per_minute: u32) -> Self {
        self.seed.rate_limits.insert(bucket, per_minute);
        self
    }

    /// Sets what one app may use of each bucket, in per cent of it. Default: 50, as in Okta.
    /// Bounds: 1 to 100; more counts as 100, and zero shuts every app out.
    pub fn app_share(mut self, per_cent: u8) -> Self {
        self.seed.app_share = Some(per_cent);
        self
    }

    /// Sets how long events take until they are in the System Log; see [`Sandbox::set_log_lag`].
    /// Default: none.
    pub fn log_lag(mut self, lag: impl Into<LogLag>) -> Self {
        self.seed.log_lag = lag.into();
        self
    }

    /// Tells the server the time. Default: the computer's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes identifiers from this. Default: the operating system's generator. Signing keys never
    /// come from it.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Listens there; port 0 is any free port. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Speaks TLS with this identity; issuers then begin with `https`. Default: plain HTTP.
    pub fn tls(mut self, identity: ServerIdentity) -> Self {
        self.tls = Tls::Given(identity);
        self
    }

    /// Speaks TLS with a [certificate of its own](ServerIdentity::self_made), for clients that
    /// trust [`Sandbox::ca_pem`].
    pub fn tls_self_made(mut self) -> Self {
        self.tls = Tls::SelfMade;
        self
    }

    /// Sets whether requests are kept for [`Sandbox::requests`]. Default: `true`, as tests want
    /// it.
    pub fn record_requests(mut self, record: bool) -> Self {
        self.records = record;
        self
    }

    /// Is called with each request when its answer is known, before it is sent; not with those that
    /// a fault leaves without an answer. It must not wait. Default: nothing.
    pub fn on_answer(mut self, observe: impl Fn(&RecordedRequest) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Starts the server on the current tokio runtime. Signing keys are made only when they are
    /// first needed, so this takes a millisecond.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the address is not loopback, or if the seed contradicts itself: two apps,
    /// users or servers with one id, an empty id, a server outside its bounds; the source is an
    /// [`Error`] that says what to do. Otherwise what kept the listener from opening.
    pub async fn start(self) -> io::Result<Sandbox> {
        if !self.address.ip().is_loopback() {
            let what = format!("a sandbox listens on loopback only, not on {}", self.address.ip());
            return Err(invalid(Error::new(what, "use 127.0.0.1")));
        }
        let mut state = State::new(self.seed, self.clock.now()).map_err(invalid)?;
        state.records.enabled = self.records;
        let identity = self.tls.identity().map_err(invalid)?;
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let world = World::new(self.clock, self.random, state);
        Ok(Sandbox::start(listener, Server::new(address, identity, world, self.observer)))
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
