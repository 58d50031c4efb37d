//! What is told of Redis, and checked.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Clock, Error, ErrorKind, Random, Secret, SystemClock, SystemRandom};

use crate::address::{Address, Topology};
use crate::cluster::Cluster;
use crate::connection::Dialer;
use crate::credentials::{Credentials, Password};
use crate::link::{Link, Place};
use crate::sentinel::Sentinels;
use crate::store::{RedisStore, Routes};
use crate::tls::{Authorities, TlsFiles};

/// How long a connection may take if nothing else is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest that it may be allowed.
const LONGEST_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Settings of a [`RedisStore`]. Setters never fail; [`build`](Self::build) says what is wrong.
///
/// # Example: sentinels, and a password that is exchanged now and then
///
/// ```no_run
/// use okta_introspect_redis::RedisStore;
///
/// # fn example() -> Result<(), okta_introspect::Error> {
/// let store = RedisStore::builder("redis+sentinel://sentinel-1,sentinel-2,sentinel-3/main")
///     .username("okta-introspect")
///     .password_file("/run/secrets/redis")
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct RedisStoreBuilder {
    address: Result<Address, Error>,
    username: Option<String>,
    password: Option<Password>,
    sentinels: Credentials,
    is_password_twice: bool,
    database: Option<u32>,
    tls: TlsFiles,
    connect_timeout: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl RedisStore {
    /// A store at this URL: `redis://[[user]:password@]host[:port][/database]`, with `rediss` for TLS.
    ///
    /// Several hosts, `host,host`, are nodes of a cluster; with one alone it is `redis+cluster`.
    /// Sentinels are `redis+sentinel://host,host/service[/database]`. Ports are 6379, of sentinels
    /// 26379. A password in a URL is read by others easily: there are
    /// [better places](RedisStoreBuilder::password_file).
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }
}

impl RedisStoreBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            address: Address::parse(url),
            username: None,
            password: None,
            sentinels: Credentials::default(),
            is_password_twice: false,
            database: None,
            tls: TlsFiles::default(),
            connect_timeout: CONNECT_TIMEOUT,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// The user of Redis. Default: that of the URL, or else Redis' user `default`.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The user's password. Default: that of the URL, or none.
    pub fn password(self, password: Secret) -> Self {
        self.any_password(Password::Given(password))
    }

    /// A regular file with the user's password, a line break at its end apart. It is read at each
    /// connection, so that it can be exchanged.
    pub fn password_file(self, path: impl Into<PathBuf>) -> Self {
        self.any_password(Password::File(path.into()))
    }

    fn any_password(mut self, password: Password) -> Self {
        self.is_password_twice |= self.password.is_some();
        self.password = Some(password);
        self
    }

    /// As whom sentinels are asked, if they demand it; they do not get the user's own password.
    pub fn sentinel_password(mut self, username: Option<&str>, password: Secret) -> Self {
        self.sentinels = Credentials {
            username: username.map(str::to_owned),
            password: Some(Password::Given(password)),
        };
        self
    }

    /// The number of the database. Default: that of the URL, or 0. A cluster has 0 alone.
    pub fn database(mut self, database: u32) -> Self {
        self.database = Some(database);
        self
    }

    /// A file with the authorities, in PEM, of which one must have signed the servers' certificates;
    /// no others are trusted then. Default: the operating system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.authorities = Some(Authorities::File(path.into()));
        self
    }

    /// As [`ca_file`](Self::ca_file), for authorities that are at hand as PEM.
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.authorities = Some(Authorities::Pem(pem.into()));
        self
    }

    /// Files with a certificate and its unencrypted key, in PEM, for servers that demand one, as Redis
    /// does unless it is told `tls-auth-clients no`.
    pub fn client_certificate_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.tls.client = Some((certificate.into(), key.into()));
        self
    }

    /// How long a connection may take: the name, TCP, TLS and the first answer together. Default:
    /// 2 s; from 1 ms to 60 s. How long calls may take is for their callers to say.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Another clock than the computer's, for tests.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Another source of randomness than the operating system's, for tests.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Checks the settings. No connection is made yet.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration): the URL cannot be read, something is said twice,
    /// files of TLS are given without `rediss`, a file cannot be read or is not what it should be, or
    /// a time is out of bounds.
    pub fn build(self) -> Result<RedisStore, Error> {
        let address = self.address.clone()?;
        let sentinels = self.sentinels.clone();
        let dialer = self.dialer(&address)?;
        let random = self.random;
        let routes = match address.topology {
            Topology::Single(host) => {
                Routes::One(Link::new(dialer, Arc::clone(&random), Place::Fixed(host)))
            }
            Topology::Cluster(seeds) => {
                Routes::Cluster(Box::new(Cluster::new(dialer, Arc::clone(&random), seeds)))
            }
            Topology::Sentinel { sentinels: hosts, service } => {
                let asking = Dialer { credentials: sentinels, database: 0, ..dialer.clone() };
                let place = Place::Sentinel(Sentinels::new(asking, service, hosts));
                Routes::One(Link::new(dialer, Arc::clone(&random), place))
            }
        };
        Ok(RedisStore::new(routes, random))
    }

    fn dialer(&self, address: &Address) -> Result<Dialer, Error> {
        self.check_once(address)?;
        let database = self.database.or(address.database).unwrap_or(0);
        if database != 0 && matches!(address.topology, Topology::Cluster(_)) {
            return Err(wrong("a cluster of Redis has no database but 0"));
        }
        let given = address.password.clone().map(Password::Given);
        let credentials = Credentials {
            username: self.username.clone().or_else(|| address.username.clone()),
            password: self.password.clone().or(given),
        };
        // A file that cannot be read is better known now than when it is needed.
        if credentials.password()?.is_none() && credentials.username.is_some() {
            return Err(wrong("a user of Redis is named without a password"));
        }
        let tls = match (address.is_tls, &self.tls) {
            (true, files) => Some(Arc::new(files.config()?)),
            (false, TlsFiles { authorities: None, client: None }) => None,
            (false, _) => {
                return Err(wrong("certificates for Redis are of use with rediss:// alone"));
            }
        };
        let longest = LONGEST_CONNECT_TIMEOUT;
        if !(Duration::from_millis(1)..=longest).contains(&self.connect_timeout) {
            return Err(wrong("a connection to Redis may take from 1 ms to 60 s"));
        }
        Ok(Dialer {
            clock: Arc::clone(&self.clock),
            tls,
            credentials,
            database,
            connect_timeout: self.connect_timeout,
        })
    }

    fn check_once(&self, address: &Address) -> Result<(), Error> {
        let twice = [
            (self.username.is_some() && address.username.is_some(), "the user"),
            (self.password.is_some() && address.password.is_some(), "the password"),
            (self.is_password_twice, "the password"),
            (self.database.is_some() && address.database.is_some(), "the database"),
        ];
        match twice.iter().find(|(is_twice, _)| *is_twice) {
            Some((_, what)) => Err(wrong(&format!("{what} of Redis is given twice"))),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("address", &self.address)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

fn wrong(what: &str) -> Error {
    Error::from_store(ErrorKind::Configuration, what)
}
