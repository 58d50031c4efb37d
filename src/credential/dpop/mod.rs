//! DPoP: tokens that are worth nothing without a key
//! ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).

mod digest;
pub(crate) mod htu;
mod proof;
mod prover;
mod repeats;
mod replay;
mod validator;

use crate::key::SigningKey;

pub use replay::Replay;
pub use validator::{ProofConfig, ProofDenial};

pub(crate) use htu::htu;
pub(crate) use proof::Proof;
pub(crate) use prover::Prover;
pub(crate) use replay::Now;
pub(crate) use validator::{PresentedProof, ProofRefusal, ProofValidator, ValidProof};

/// How a client uses DPoP.
///
/// # Example: every token bound, to one key across restarts
///
/// ```
/// use okta_introspect::{DpopConfig, DpopMode, Error, KeyOptions, SigningKey};
///
/// fn bound() -> Result<DpopConfig, Error> {
///     let key = SigningKey::from_file("dpop.pem", &KeyOptions::default())?;
///     Ok(DpopConfig::new(DpopMode::Always).key(key))
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DpopConfig {
    /// Whether proofs are sent.
    pub mode: DpopMode,
    /// The key that proofs are signed with. Default: a new ES256 key for this client, which is
    /// what Okta recommends: not the key of the assertions. Give one to keep tokens usable beyond
    /// the life of the process.
    pub key: Option<SigningKey>,
}

impl DpopConfig {
    /// Proofs with a new ES256 key.
    pub fn new(mode: DpopMode) -> Self {
        Self { mode, key: None }
    }

    /// Proofs signed with `key`.
    #[must_use]
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }
}

/// Whether a client proves possession of a key when it requests tokens.
///
/// # Example: plain tokens only
///
/// ```
/// use okta_introspect::{ClientBuilder, DpopConfig, DpopMode};
///
/// fn plain(builder: ClientBuilder) -> ClientBuilder {
///     builder.dpop(DpopConfig::new(DpopMode::Never))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum DpopMode {
    /// From the moment on at which the server demands it. The demand costs one refused request,
    /// once per client.
    #[default]
    Auto,
    /// From the first request on: spares an app that demands DPoP the refused request.
    Always,
    /// Never, whatever the server demands.
    Never,
}
