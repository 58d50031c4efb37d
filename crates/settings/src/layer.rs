//! The settings of one source, and how sources are merged.

use std::path::PathBuf;

use okta_introspect::{Algorithm, DpopMode};

use crate::auth_mode::AuthMode;
use crate::found::{Found, Origin, Source};
use crate::proxy::ProxyLayer;
use crate::shared::SharedLayer;

/// The settings of one source. Nothing is checked yet but their notation.
///
/// # Example: what a program's flags give
///
/// ```
/// use okta_introspect_settings::{Environment, Found, Layer, Origin, Settings};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let timeout = Some(Found::new(5, Origin::Flag("--okta-timeout")));
/// let flags = Layer { timeout, ..Layer::default() };
/// let loader = Settings::loader().layer(flags);
/// # let loader = loader.environment(Environment::empty());
/// assert_eq!(loader.load()?.http()?.timeout.as_secs(), 5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// The org, or a custom authorization server.
    pub server: Option<Found<String>>,
    /// The id of a custom authorization server of that org.
    pub auth_server: Option<Found<String>>,
    /// The client id of the service app.
    pub client_id: Option<Found<String>>,
    /// The app's private key.
    pub key: Option<Found<Source>>,
    /// The app's client secret.
    pub secret: Option<Found<Source>>,
    /// The id under which the key is registered.
    pub key_id: Option<Found<String>>,
    /// The key's passphrase.
    pub passphrase: Option<Found<Source>>,
    /// The algorithm to sign with.
    pub algorithm: Option<Found<Algorithm>>,
    /// Separated by blanks.
    pub scopes: Option<Found<String>>,
    /// In seconds; 0 is the default.
    pub timeout: Option<Found<u64>>,
    /// In seconds; 0 is the default.
    pub connect_timeout: Option<Found<u64>>,
    /// How often a call is repeated.
    pub retries: Option<Found<u32>>,
    /// The longest random pause before a call is repeated, in seconds; 0 is the default.
    pub max_backoff: Option<Found<u64>>,
    /// Whether tokens are bound to a key.
    pub dpop: Option<Found<DpopMode>>,
    /// The proxy, and its credentials.
    pub proxy: ProxyLayer,
    /// Certificate authorities besides the system's, as PEM.
    pub ca_file: Option<Found<PathBuf>>,
    /// The store that the instances of a service share.
    pub shared: SharedLayer,
    /// How the app authenticates, by a word of [`AuthMode`](crate::AuthMode).
    pub mode: Option<Found<String>>,
}

impl Layer {
    /// This layer, and `below` for what it does not have.
    pub(crate) fn or_else(self, below: Self) -> Self {
        // A mode belongs to the credentials of the same source: ~/.okta/okta.yaml may tell other
        // programs to use an API token while this command has a key of its own.
        let (own_key, own_secret) = (self.key.is_some(), self.secret.is_some());
        let own_credentials = self.client_id.is_some() && (own_key || own_secret);
        // So it does where one source names a key and the other a mode that takes a secret.
        let fits = |mode: &Found<String>| match AuthMode::parse(&mode.value) {
            Some(AuthMode::PrivateKeyJwt) => own_key || !own_secret,
            Some(mode) => mode.takes_secret() && own_secret || !own_key,
            None => true,
        };
        let mode_below = below.mode.filter(|mode| !own_credentials && fits(mode));
        // What authenticates is named as a whole: a key above a secret is used in its place.
        let key_below = below.key.filter(|_| !own_secret);
        let secret_below = below.secret.filter(|_| !own_key);
        // An id belongs to its key. A flag is a choice for one call, and goes with everything.
        let keeps_id = self.key.as_ref().is_none_or(|key| matches!(key.origin, Origin::Flag(_)));
        let key_id_below = below.key_id.filter(|_| keeps_id);
        Self {
            mode: self.mode.or(mode_below),
            server: self.server.or(below.server),
            auth_server: self.auth_server.or(below.auth_server),
            client_id: self.client_id.or(below.client_id),
            key: self.key.or(key_below),
            secret: self.secret.or(secret_below),
            key_id: self.key_id.or(key_id_below),
            passphrase: self.passphrase.or(below.passphrase),
            algorithm: self.algorithm.or(below.algorithm),
            scopes: self.scopes.or(below.scopes),
            timeout: self.timeout.or(below.timeout),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            retries: self.retries.or(below.retries),
            max_backoff: self.max_backoff.or(below.max_backoff),
            dpop: self.dpop.or(below.dpop),
            proxy: self.proxy.or_else(below.proxy),
            ca_file: self.ca_file.or(below.ca_file),
            shared: self.shared.or_else(below.shared),
        }
    }

    /// Where the server, the client id, the key and the secret are named, as far as they are.
    pub(crate) fn app_origins(&self) -> impl Iterator<Item = &Origin> {
        let server = self.server.as_ref().map(|found| &found.origin);
        let client_id = self.client_id.as_ref().map(|found| &found.origin);
        let key = self.key.as_ref().map(|found| &found.origin);
        let secret = self.secret.as_ref().map(|found| &found.origin);
        [server, client_id, key, secret].into_iter().flatten()
    }

    /// Whether neither a server nor a client id nor a key nor a secret is named.
    pub(crate) fn names_no_app(&self) -> bool {
        self.app_origins().next().is_none()
    }
}
