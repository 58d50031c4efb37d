//! Keys in the transit engine of Vault or OpenBao.
//!
//! The server signs with `POST MOUNT/sign/KEY/HASH`. It is sent the digest of what is to be signed
//! (`prehashed`), the version of the key and the form of the signature, and nothing else. Its policy has to
//! allow:
//!
//! ```hcl
//! path "transit/sign/service-app/*" { capabilities = ["update"] }
//! path "transit/keys/service-app" { capabilities = ["read"] }
//! ```
//!
//! # Versions
//!
//! One signer signs with one version of the key, and shows its public half: the one that is named, or
//! the one that is the latest when it is made. After a rotation in Vault it goes on with its version, whose
//! public half is registered; [`VaultSigner::newer`] gives the signer of a later one.
//!
//! # The token
//!
//! Logins and renewals are made as signatures are wanted: a token in the last third of its time is
//! renewed, or another is got by a new login, while the others go on with the old one. A token that
//! Vault refuses is exchanged for another once: by a new login, or from its file. A token that was given
//! ends with its time if nothing is signed meanwhile; a login does not.
//!
//! # Errors
//!
//! | what | kind |
//! |---|---|
//! | a setting is wrong; no such mount, key or namespace; another address is named | `Configuration` |
//! | the token or the login is refused, twice | `ClientRefused` |
//! | too many requests | `RateLimited`, with the time to wait if there is one |
//! | it is sealed, a standby, or fails | `ServerFailed` |
//! | there is no connection, or it breaks | `Unreachable` |
//! | it does not answer in time | `TimedOut` |
//! | the key or its version may not sign, or signed wrongly | `Key` |
//! | what answers is something else | `Malformed` |

mod auth;
mod builder;
mod fault;
mod http;
pub(crate) mod notation;
mod session;
mod transit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Algorithm, BoxError, BoxFuture, Error, PublicJwk, Signer, SignerLimits};

use crate::check::Expected;

pub use auth::{VaultAuth, VaultSecret};
pub use builder::VaultSignerBuilder;

use session::Session;

/// Signs by the transit engine. Cheap to clone; clones share the connection and the token.
///
/// # Example: an AppRole
///
/// ```no_run
/// use okta_introspect::Error;
/// use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner};
///
/// # async fn example() -> Result<(), Error> {
/// let auth = VaultAuth::AppRole {
///     mount: VaultAuth::APPROLE_MOUNT.to_owned(),
///     role_id: "f2b9e5c8-service".to_owned(),
///     secret_id: Some(VaultSecret::File("/run/secrets/vault-secret-id".into())),
/// };
/// let signer = VaultSigner::builder("https://vault.example:8200", "service-app", auth)
///     .key_id("k1")
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VaultSigner {
    inner: Arc<Inner>,
}

struct Inner {
    session: Arc<Session>,
    mount: String,
    name: String,
    version: u64,
    key_id: String,
    /// Whether it was given, and goes for each version.
    algorithm: Option<Algorithm>,
    expected: Expected,
    limits: SignerLimits,
}

impl VaultSigner {
    /// Ten seconds.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(10);

    /// Begins with the server's address, the key's name, and who asks.
    pub fn builder(
        address: impl Into<String>,
        key: impl Into<String>,
        auth: VaultAuth,
    ) -> VaultSignerBuilder {
        VaultSignerBuilder::new(address.into(), key.into(), auth)
    }

    /// The version of the key.
    pub fn version(&self) -> u64 {
        self.inner.version
    }

    /// The signer of the latest version, under `key_id` or its [own](VaultSignerBuilder::key_id), if
    /// that is later than this one's: after a rotation in Vault. Its public half is to be registered before
    /// it is used.
    ///
    /// # Errors
    ///
    /// As those of [`connect`](VaultSignerBuilder::connect).
    pub async fn newer(&self, key_id: Option<&str>) -> Result<Option<Self>, Error> {
        let inner = &self.inner;
        let path = format!("{}/keys/{}", inner.mount, inner.name);
        let answer = inner.session.call(&path, None, "about the key").await?;
        let version = transit::version(&answer, None, inner.algorithm)?;
        if version.number <= inner.version {
            return Ok(None);
        }
        Ok(Some(Self { inner: Arc::new(inner.with(version, key_id)) }))
    }

    async fn ask(&self, input: &[u8]) -> Result<Vec<u8>, BoxError> {
        let inner = &self.inner;
        let (path, body) =
            transit::request(&inner.name, inner.version, inner.expected.algorithm, input)?;
        let (path, body) = (format!("{}/{path}", inner.mount), body.to_string());
        let answer = inner.session.call(&path, Some(&body), "to sign").await?;
        let given = transit::signature(&answer, inner.version)?;
        Ok(inner.expected.signature(input, given)?)
    }
}

impl Inner {
    fn with(&self, version: transit::KeyVersion, key_id: Option<&str>) -> Self {
        let key_id = key_id.map_or_else(|| own_id(&self.name, version.number), str::to_owned);
        Self {
            session: Arc::clone(&self.session),
            mount: self.mount.clone(),
            name: self.name.clone(),
            version: version.number,
            expected: expected(version.public, &key_id),
            key_id,
            algorithm: self.algorithm,
            limits: self.limits,
        }
    }
}

/// `service-app-v3`.
fn own_id(name: &str, version: u64) -> String {
    format!("{name}-v{version}")
}

fn expected(public: PublicJwk, key_id: &str) -> Expected {
    let public = public.with_key_id(Some(key_id.to_owned()));
    Expected { signer: "Vault", algorithm: public.algorithm(), in_der: false, public: Some(public) }
}

impl Signer for VaultSigner {
    fn algorithm(&self) -> Algorithm {
        self.inner.expected.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        Some(&self.inner.key_id)
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        self.inner.expected.public.as_ref()
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(self.ask(signing_input))
    }

    fn limits(&self) -> SignerLimits {
        self.inner.limits
    }
}

impl fmt::Debug for VaultSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSigner")
            .field("mount", &self.inner.mount)
            .field("key", &self.inner.name)
            .field("version", &self.inner.version)
            .field("key_id", &self.inner.key_id)
            .field("algorithm", &self.inner.expected.algorithm)
            .finish_non_exhaustive()
    }
}
