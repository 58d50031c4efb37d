//! The settings of a signer by Vault.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Algorithm, Clock, Error, SignerLimits, SystemClock};

use super::auth::{VaultAuth, check_path};
use super::http::Http;
use super::session::Session;
use super::{Inner, VaultSigner, expected, fault, own_id, transit};

/// Where the key is, and who asks for it.
///
/// # Example: a version of a key in a namespace
///
/// ```no_run
/// use okta_introspect::Error;
/// use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner};
///
/// # async fn example() -> Result<(), Error> {
/// let auth = VaultAuth::Token(VaultSecret::File("/run/vault/token".into()));
/// let signer = VaultSigner::builder("https://vault.example:8200", "service-app", auth)
///     .namespace("team/orders")
///     .mount("transit")
///     .version(3)
///     .key_id("k3")
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct VaultSignerBuilder {
    address: String,
    name: String,
    auth: VaultAuth,
    mount: String,
    namespace: Option<String>,
    version: Option<u64>,
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    authorities: Vec<u8>,
    time_limit: Duration,
    limits: SignerLimits,
    clock: Arc<dyn Clock>,
}

impl VaultSignerBuilder {
    pub(super) fn new(address: String, name: String, auth: VaultAuth) -> Self {
        Self {
            address,
            name,
            auth,
            mount: "transit".to_owned(),
            namespace: None,
            version: None,
            key_id: None,
            algorithm: None,
            authorities: Vec::new(),
            time_limit: VaultSigner::DEFAULT_TIME_LIMIT,
            limits: SignerLimits::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Where the transit engine is mounted. Default: `transit`.
    pub fn mount(mut self, mount: impl Into<String>) -> Self {
        self.mount = mount.into();
        self
    }

    /// The namespace. Default: none.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The version of the key. Default: the latest when the signer is made.
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// The id under which the public half is registered. Default: the key's name and version, as
    /// `service-app-v3`.
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The algorithm. Default: by the curve, or RS256.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Authorities, as PEM, that are trusted beside the operating system's.
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = pem.into();
        self
    }

    /// How long one answer of Vault may take. Default:
    /// [`DEFAULT_TIME_LIMIT`](VaultSigner::DEFAULT_TIME_LIMIT). Bounds: 1 ms to 1 h.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// What the server can do at most, or is to be asked for. Default: nothing is said.
    pub fn limits(mut self, limits: SignerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Logs in and reads the public half of the key.
    ///
    /// # Errors
    ///
    /// A setting that is out of bounds, and whatever keeps Vault from answering, of the kind that the
    /// table [above](super#errors) has.
    pub async fn connect(self) -> Result<VaultSigner, Error> {
        let session = self.session()?;
        let version = self.version_at(&session).await?;
        Ok(self.signer(session, version))
    }

    /// As [`connect`](Self::connect), for code that is not asynchronous: it waits, for as long as the
    /// time limit allows for each of at most four answers.
    ///
    /// # Errors
    ///
    /// As those of [`connect`](Self::connect).
    pub fn connect_blocking(self) -> Result<VaultSigner, Error> {
        // On a thread of its own, since a runtime in a runtime would panic.
        let found = std::thread::scope(|scope| {
            let found = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime =
                    runtime.map_err(|_| fault::configuration("no runtime can be had", ""))?;
                let session = self.session()?;
                let version = runtime.block_on(self.version_at(&session))?;
                Ok((session, version))
            });
            found.join()
        });
        let (session, version) =
            found.unwrap_or_else(|_| Err(fault::configuration("Vault could not be asked", "")))?;
        // Connections end with the runtime in which they were made.
        let session = session.over(self.http()?);
        Ok(self.signer(session, version))
    }

    async fn version_at(&self, session: &Session) -> Result<transit::KeyVersion, Error> {
        let path = format!("{}/keys/{}", self.mount, self.name);
        let answer = session.call(&path, None, "about the key").await?;
        transit::version(&answer, self.version, self.algorithm)
    }

    fn session(&self) -> Result<Session, Error> {
        self.check()?;
        Ok(Session::new(self.http()?, self.auth.clone(), Arc::clone(&self.clock)))
    }

    fn http(&self) -> Result<Http, Error> {
        Http::new(
            &self.address,
            self.namespace.as_deref(),
            &self.authorities,
            Arc::clone(&self.clock),
            self.time_limit,
        )
    }

    fn signer(self, session: Session, version: transit::KeyVersion) -> VaultSigner {
        let key_id = self.key_id.unwrap_or_else(|| own_id(&self.name, version.number));
        let inner = Inner {
            session: Arc::new(session),
            mount: self.mount,
            name: self.name,
            version: version.number,
            expected: expected(version.public, &key_id),
            key_id,
            algorithm: self.algorithm,
            limits: self.limits,
        };
        VaultSigner { inner: Arc::new(inner) }
    }

    fn check(&self) -> Result<(), Error> {
        check_path(&self.mount, "the mount of the transit engine")?;
        check_path(&self.name, "the name of the key")?;
        if self.name.contains('/') {
            return Err(fault::configuration(
                "the name of the key has a `/`",
                "name the mount by itself",
            ));
        }
        if let Some(namespace) = &self.namespace {
            check_path(namespace.trim_end_matches('/'), "the namespace")?;
        }
        self.auth.check()?;
        let limits = Duration::from_millis(1)..=Duration::from_secs(3600);
        match limits.contains(&self.time_limit) {
            true => Ok(()),
            false => Err(fault::configuration(
                format!("Vault cannot have {:?} for an answer", self.time_limit),
                "choose between 1 ms and 1 h; 10 s is the default",
            )),
        }
    }
}

impl fmt::Debug for VaultSignerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSignerBuilder")
            .field("auth", &self.auth)
            .field("version", &self.version)
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
