//! What the file says, with every default filled in.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use okta_introspect::checker::CheckerConfig;
use okta_introspect::{Issuer, Secret, SigningKey};
use okta_introspect_settings::{AuthMode, Environment};

use super::document::{LogFormat, LogLevel, Replay, RequireDocument, ResourceDpop};
use crate::caller::{Limits, SecretHash};
use crate::error::Fault;
use crate::identity::{BackendCredentials, Identity, IdentityFact};
use crate::original::{Mode, Origins};
use crate::path::Decoding;
use crate::rule::{Pattern, Rule, Rules};

/// A configuration that was checked: every value is of the type that it is used as, and nothing in
/// it is unsafe. `Debug` shows no secret.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::config;
/// use okta_introspect_settings::Environment;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("okta-introspect.yaml");
/// std::fs::write(&path, "listeners: [{mode: ngnix}]\n")?;
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
/// let faults = config::load(&path, &Environment::empty()).unwrap_err();
/// let expected =
///     "listeners[0].mode (line 1): none of the words that can stand here; did you mean `nginx`?";
/// assert!(faults.iter().any(|fault| fault.to_string() == expected), "{faults:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The authorization server and the app, as far as this file names them.
    pub okta: OktaConfig,
    /// How tokens are checked where a rule does not say.
    pub checker: CheckerConfig,
    /// Where proxies and services ask; at least one.
    pub listeners: Vec<ListenerConfig>,
    /// Who may ask with a bearer secret.
    pub callers: Vec<CallerConfig>,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub management: Address,
    /// Under which URLs clients call the services.
    pub origins: Origins,
    /// What else the file says of each origin, by its index.
    pub origin_configs: Vec<OriginConfig>,
    /// How often proxy and service may decode a path; at least one.
    pub decodings: Vec<Decoding>,
    /// What each route requires, ready to be asked. [`Rules::paths`] makes paths canonical by
    /// `decodings`.
    pub rules: Arc<Rules>,
    /// The same, one by one in the order of the file.
    pub rule_configs: Vec<RuleConfig>,
    /// What the services are told.
    pub identity: IdentityConfig,
    /// How proofs of possession are treated.
    pub dpop: ReplayConfig,
    /// What Okta tells of tokens by itself.
    pub signals: SignalsConfig,
    /// The store that sidecars share, as far as this file names one.
    pub shared: Option<SharedConfig>,
    /// Whether a cache before us may keep answers of `POST /introspect`.
    pub downstream_cache: bool,
    /// Whether all rules only log what they would refuse; each of `rules` says so as well.
    pub dry_run: bool,
    /// How long requests are still served after SIGTERM.
    pub drain: Duration,
    /// What is logged.
    pub log: LogConfig,
    /// The files that `file:` has read: when one of them changes, so does the configuration.
    pub files: Vec<PathBuf>,
    /// The file itself.
    pub(super) path: PathBuf,
    pub(super) environment: Environment,
}

/// The authorization server and the app.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OktaConfig {
    /// The profile of the settings file.
    pub profile: Option<String>,
    /// The settings file.
    pub settings: Option<PathBuf>,
    /// The issuer; `client_id`, and what the app authenticates with, are there if it is.
    pub issuer: Option<Issuer>,
    /// The client id.
    pub client_id: Option<String>,
    /// The private key, in PEM or as a JWK.
    pub private_key: Option<Secret>,
    /// The client secret.
    pub client_secret: Option<Secret>,
    /// How the app authenticates, if the file says so.
    pub auth_method: Option<AuthMode>,
    /// The id under which the key is registered.
    pub key_id: Option<String>,
    /// Other servers of the same app.
    pub further_issuers: Vec<Issuer>,
}

/// Where something listens.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions, such as `0o660`.
        permissions: u32,
    },
    /// TCP.
    Tcp(SocketAddr),
    /// A socket of systemd's, by its `FileDescriptorName`.
    Systemd(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path, permissions } => {
                write!(f, "unix {} ({permissions:04o})", path.display())
            }
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Systemd(name) => write!(f, "systemd {name}"),
        }
    }
}

/// A listener.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenerConfig {
    /// Where it listens.
    pub address: Address,
    /// Which proxy asks here; `None` if only `POST /introspect` is served.
    pub mode: Option<Mode>,
    /// What stands before the original path, in mode `envoy` over HTTP.
    pub path_prefix: String,
    /// Whose forwarded values count over TCP; empty: those of loopback.
    pub trusted: Vec<IpNet>,
    /// Whether `POST /introspect` is served.
    pub introspection: bool,
    /// TLS.
    pub tls: Option<TlsConfig>,
}

/// TLS of a listener, in PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The chain of certificates.
    pub certificate: String,
    /// The private key.
    pub key: Secret,
    /// The authority of the clients' certificates.
    pub client_ca: Option<String>,
    /// The names of the clients that may ask; empty: any name of that authority.
    pub client_names: Vec<String>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("has_client_ca", &self.client_ca.is_some())
            .field("client_names", &self.client_names)
            .finish_non_exhaustive()
    }
}

/// A caller with a bearer secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallerConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// The SHA-256 of its secret.
    pub secret: SecretHash,
    /// Its budgets.
    pub limits: Limits,
}

/// What the file says of an origin, beside its URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OriginConfig {
    /// What the proxy puts before the path, as written.
    pub strip_prefix: String,
    /// What the proxy removes from the path, as written.
    pub add_prefix: String,
    /// Its metadata; `None`: nothing is said of it.
    pub resource: Option<ResourceConfig>,
}

/// The metadata of a protected resource.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceConfig {
    /// The scopes that clients may ask for.
    pub scopes: Vec<String>,
    /// Its name for people.
    pub name: Option<String>,
    /// Whether tokens may, or have to, be bound to a key.
    pub dpop: Option<ResourceDpop>,
}

/// What a route requires.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleConfig {
    /// Which requests it is for.
    pub pattern: Pattern,
    /// What they have to meet.
    pub rule: Rule,
    /// The requirement as the file has it, for people.
    pub written: Option<RequireDocument>,
}

/// What the services are told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IdentityConfig {
    /// What the names of the headers begin with.
    pub prefix: String,
    /// The facts that have a header; at least one, each once.
    pub headers: Vec<IdentityFact>,
    /// Whether the services get the token itself.
    pub credentials: BackendCredentials,
    /// The signed token.
    pub token: Option<TokenConfig>,
}

impl IdentityConfig {
    /// The headers, as far as they need no signer.
    ///
    /// # Errors
    ///
    /// If the prefix cannot be one.
    pub(crate) fn identity(&self) -> Result<Identity, Fault> {
        let identity = Identity::new(&self.prefix).map_err(|fault| fault.at("identity.prefix"))?;
        Ok(identity.credentials(self.credentials).facts(&self.headers))
    }
}

/// A signed token that says who a request is from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenConfig {
    /// Its `aud`.
    pub audience: String,
    /// How long it is good for.
    pub lifetime: Duration,
    /// The key that signs it.
    pub key: SigningKey,
}

/// How proofs of possession are treated.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReplayConfig {
    /// What becomes of a proof that was used.
    pub replay: Replay,
    /// How long the same proof for the same request counts as one use.
    pub repeat_within: Duration,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LogConfig {
    /// The form of the lines.
    pub format: LogFormat,
    /// The least severity.
    pub level: LogLevel,
    /// Whether each decision is logged.
    pub decisions: bool,
}

/// The store that sidecars share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedConfig {
    /// Its URL, in which a user name and a password may stand.
    pub url: Secret,
    /// The user name for it.
    pub username: Option<String>,
    /// The password for it.
    pub password: Option<Secret>,
    /// The authorities of its certificate, in PEM; `None`: the system's.
    pub ca: Option<String>,
    /// What seals what is put there; `None`: derived from the app's key.
    pub secret: Option<Secret>,
    /// What opens what was sealed with it, and seals nothing.
    pub previous_secret: Option<Secret>,
}

/// What tells of tokens that are no longer what they were. What comes of it is said by
/// [`CheckerConfig::signals`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SignalsConfig {
    /// How the System Log is followed; `None`: it is not.
    pub poll: Option<PollConfig>,
    /// What is received; `None`: nothing.
    pub receive: Option<ReceiveConfig>,
}

/// How the System Log is followed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PollConfig {
    /// How long to wait between two polls.
    pub interval: Duration,
    /// The file that remembers where the log goes on.
    pub cursor: Option<PathBuf>,
}

/// What Okta pushes, and where it is received. At least one of the four is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceiveConfig {
    /// Where it listens.
    pub address: Address,
    /// TLS.
    pub tls: Option<TlsConfig>,
    /// The path that is served.
    pub path: String,
    /// The URL as Okta calls it; there if `universal_logout` is.
    pub public_url: Option<String>,
    /// The client id of the app whose users are signed out.
    pub universal_logout: Option<String>,
    /// The secret of event hooks.
    pub event_hook: Option<HeaderSecretConfig>,
    /// The API key of EventBridge's connection.
    pub event_bridge: Option<HeaderSecretConfig>,
    /// The stream of security events.
    pub security_events: Option<SecurityEventsConfig>,
}

/// A secret in a header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeaderSecretConfig {
    /// The header.
    pub header: String,
    /// What stands there.
    pub secret: Secret,
}

/// A stream of security events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecurityEventsConfig {
    /// The transmitter; `None`: the org.
    pub issuer: Option<Issuer>,
    /// The audience of the stream.
    pub audience: String,
    /// What stands in `Authorization`.
    pub authorization: Option<Secret>,
}
