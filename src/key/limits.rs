//! What a signer can do at most, and why it could not.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// What a [`Signer`](crate::Signer) says of its own speed. Everything is optional, and nothing is the
/// default.
///
/// # Example: a key in a small device
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
///
/// use okta_introspect::SignerLimits;
///
/// let limits = SignerLimits::default().max_per_second(NonZeroU32::new(20)).latency(Duration::from_millis(45));
/// assert_eq!(limits.max_per_second.map(NonZeroU32::get), Some(20));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SignerLimits {
    /// How many signatures a second this process may ask for. More than that wait for their turn, and
    /// a [`Checker`](crate::Checker) begins no more introspections than can be signed. Default: as
    /// many as are wanted. Where several processes share a limit, each is given its share.
    pub max_per_second: Option<NonZeroU32>,
    /// How long one signature takes as a rule. It is shown to people, and decides nothing. Default:
    /// not known.
    pub latency: Option<Duration>,
}

impl SignerLimits {
    /// Sets [`max_per_second`](Self::max_per_second).
    #[must_use]
    pub fn max_per_second(mut self, signatures: Option<NonZeroU32>) -> Self {
        self.max_per_second = signatures;
        self
    }

    /// Sets [`latency`](Self::latency).
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }
}

impl Error {
    /// Why a [`Signer`](crate::Signer) outside this crate made no signature. The error of the call for
    /// which it should have signed is of the same kind: a temporary one where the key's place is
    /// busy or away, and [`Key`](ErrorKind::Key) where the key or its settings are wrong. `advice` says
    /// what to do, and may be empty. Keep keys, PINs and what was to be signed out of both.
    ///
    /// # Example: a key service that is away
    ///
    /// ```
    /// use okta_introspect::{Error, ErrorKind};
    ///
    /// let error = Error::from_remote_signer(
    ///     ErrorKind::Unreachable,
    ///     "the key service does not answer",
    ///     "see whether it runs",
    ///     None,
    /// );
    /// assert!(error.kind().is_temporary());
    /// ```
    pub fn from_remote_signer(
        kind: ErrorKind,
        what: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self::new(kind, what).advise(advice).retry_in(retry_after)
    }
}
