//! The handle: one store and one secret for all checkers of a process.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::metrics::{Counters, SharedMetrics};
use super::org::{Asker, EntryName, Org, host};
use super::seal::Keys;
use super::secret::SharedSecret;
use super::store::SharedStore;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::secret::Token;
use crate::support::random::{Random, SystemRandom};
use crate::wire::admission::circuit::Circuit;

/// A store that the instances of a service share, and the secret that they have in common. Cheap to
/// clone; clones share everything. One for a process: all of its checkers go by the same clock.
///
/// Each use of the store has 20 ms, and at most a fifth of what its caller can wait; what was not answered
/// is tried twice more within some 0.3 s, if the caller can wait. A store that fails five times in a row is left alone for a second, and up to eight seconds if it goes on. All that
/// fails means that this instance asks by itself.
///
/// # Example: share by whatever the private key gives
///
/// ```
/// use okta_introspect::shared::{InProcessStore, Shared, SharedSecret};
/// use okta_introspect::{Error, SigningKey, SystemClock};
///
/// fn shared(key: &SigningKey) -> Result<Shared, Error> {
///     // A test's store; services take one of `okta-introspect-redis`.
///     let store = InProcessStore::new(SystemClock);
///     Shared::builder(store, SharedSecret::of_key(key)?).build()
/// }
/// ```
#[derive(Clone)]
pub struct Shared {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Arc<dyn SharedStore>,
    keys: Keys,
    previous: Option<Keys>,
    pub(super) random: Arc<dyn Random>,
    /// By what this process is known where it claims.
    pub(super) owner: String,
    pub(super) circuit: Circuit,
    /// What was told of the circuit.
    pub(super) is_left_alone: AtomicBool,
    /// Why the latest use failed.
    pub(super) failure: Mutex<String>,
    pub(super) counters: Counters,
    /// How many puts are under way.
    pub(super) puts: AtomicUsize,
    orgs: Mutex<HashMap<String, Arc<Org>>>,
}

impl Shared {
    /// Begins with the engine and the secret.
    pub fn builder(store: impl SharedStore + 'static, secret: SharedSecret) -> SharedBuilder {
        SharedBuilder {
            store: Arc::new(store),
            secret,
            previous: None,
            random: Arc::new(SystemRandom),
        }
    }

    /// What was done so far.
    pub fn metrics(&self) -> SharedMetrics {
        let orgs = self.inner.orgs();
        let changes = orgs.values().map(|org| org.scales().changes()).sum();
        let uncertainty = orgs.values().filter_map(|org| org.scales().uncertainty()).max();
        self.inner.counters.snapshot(changes, uncertainty)
    }

    /// What an org has in the store.
    pub(crate) fn org(&self, issuer: &Issuer) -> Arc<Org> {
        let host = host(issuer);
        let new = || Arc::new(Org::new(host, &self.inner.keys));
        Arc::clone(self.inner.orgs().entry(host.to_owned()).or_insert_with(new))
    }

    /// One who asks a server: `shared_as` is what tells those apart whose answers may differ, the
    /// endpoint and the client.
    pub(crate) fn asker(&self, issuer: &Issuer, shared_as: &str) -> Asker {
        Asker {
            org: self.org(issuer),
            issuer: issuer.as_str().to_owned(),
            shared_as: shared_as.to_owned(),
        }
    }

    /// What stands for a token; `None` if OpenSSL fails.
    pub(crate) fn name(&self, asker: &Asker, token: &Token) -> Option<EntryName> {
        let previous = self.inner.previous.as_ref();
        EntryName::new(asker, token.expose(), &self.inner.keys, previous)
    }

    /// The engine, for what has no budget: streams.
    pub(crate) fn store(&self) -> &Arc<dyn SharedStore> {
        &self.inner.store
    }

    /// Where randomness comes from.
    pub(crate) fn random(&self) -> &Arc<dyn Random> {
        &self.inner.random
    }

    /// Seals what is to lie under a name.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        self.inner.keys.seal(&*self.inner.random, name, plain)
    }

    /// Opens what lies under a name; `None` if it was not sealed for it with one of our secrets.
    pub(crate) fn open(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let previous = || self.inner.previous.as_ref()?.open(name, value);
        self.inner.keys.open(name, value).or_else(previous)
    }
}

impl Inner {
    pub(super) fn failure(&self) -> MutexGuard<'_, String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn orgs(&self) -> MutexGuard<'_, HashMap<String, Arc<Org>>> {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

/// Makes a [`Shared`].
///
/// # Example: the secret is being changed
///
/// ```
/// use okta_introspect::Error;
/// use okta_introspect::shared::{Shared, SharedSecret, SharedStore};
///
/// fn shared(store: impl SharedStore + 'static, new: &[u8], old: &[u8]) -> Result<Shared, Error> {
///     let builder = Shared::builder(store, SharedSecret::parse(new)?);
///     builder.previous(SharedSecret::parse(old)?).build()
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct SharedBuilder {
    store: Arc<dyn SharedStore>,
    secret: SharedSecret,
    previous: Option<SharedSecret>,
    random: Arc<dyn Random>,
}

impl SharedBuilder {
    /// Another secret by which is looked up and opened, and nothing is put: first give the new one
    /// to all instances so, then exchange the two, and later leave the old one out. Default: none.
    pub fn previous(mut self, secret: SharedSecret) -> Self {
        self.previous = Some(secret);
        self
    }

    /// Where randomness comes from: nonces, ids and jitter. Default: the operating system. Nonces
    /// that repeat give away what was sealed with them.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// The handle.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if OpenSSL fails.
    pub fn build(self) -> Result<Shared, Error> {
        let mut owner = [0; 16];
        self.random.fill(&mut owner);
        Ok(Shared {
            inner: Arc::new(Inner {
                keys: Keys::new(&self.secret)?,
                previous: self.previous.as_ref().map(Keys::new).transpose()?,
                store: self.store,
                random: self.random,
                owner: URL_SAFE_NO_PAD.encode(owner),
                circuit: super::budget::circuit(),
                is_left_alone: AtomicBool::new(false),
                failure: Mutex::default(),
                counters: Counters::default(),
                puts: AtomicUsize::new(0),
                orgs: Mutex::default(),
            }),
        })
    }
}

impl fmt::Debug for SharedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBuilder").field("store", &self.store).finish_non_exhaustive()
    }
}
