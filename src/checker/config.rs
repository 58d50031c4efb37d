//! How a checker behaves where a requirement does not say.

use std::time::Duration;

use crate::credential::dpop::ProofConfig;
use crate::error::Error;
use crate::error::bounds::within;

/// How a checker behaves. Bounds are checked by
/// [`CheckerBuilder::build`](crate::checker::CheckerBuilder::build).
///
/// # Example: five seconds at most, and an outage of a minute bridged
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::checker::CheckerConfig;
///
/// let mut config = CheckerConfig::default();
/// config.max_age = Duration::from_secs(5);
/// config.stale_if_error = Duration::from_secs(60);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckerConfig {
    /// How old an answer may be where the requirement does not say. Default: 30 s. Bounds: at
    /// most [`max_age_limit`](Self::max_age_limit); zero asks the server on every check.
    pub max_age: Duration,
    /// The most that any requirement gets, whatever it asks for: the longest time for which a
    /// revocation can go unnoticed on a route that was written carelessly. Default: 10 min.
    /// Bounds: at most 24 h.
    pub max_age_limit: Duration,
    /// How old the answer "inactive" may be, if that is less than the requirement's bound. Such
    /// an answer hardly ever changes for the better, but when it does a user waits for it.
    /// Default: 10 s. Bounds: at most 24 h.
    pub inactive_max_age: Duration,
    /// By how much an active answer may be older if the server cannot be asked. Default: zero,
    /// which is to say that the checker cannot tell. Bounds: at most one hour.
    pub stale_if_error: Duration,
    /// How long a check may wait for the server. The call goes on for the others. Default: 5 s.
    /// Bounds: at most one hour.
    pub timeout: Duration,
    /// How many active tokens are remembered. Default: 100 000, which is room for some 30 MB: an
    /// entry with what Okta says of a user's token takes 230 to 300 bytes, and more only with
    /// claims of one's own. Bounds: 1 to 100 million; 38 bytes for each are taken at once.
    pub capacity: usize,
    /// How many inactive tokens are remembered, in 57 bytes each, taken at once. Default: 100 000.
    /// Bounds: as for [`capacity`](Self::capacity).
    pub inactive_capacity: usize,
    /// Whether tokens in use are asked about again in the background shortly before their answers
    /// get too old, so that checks do not wait. Costs up to a ninth more calls. Default: on.
    pub refresh_ahead: bool,
    /// What this checker may use of the rate limit, in per cent of what the server says is this
    /// app's. Default: 90. Bounds: 1 to 100.
    pub rate_share_percent: u8,
    /// How many calls about tokens never seen before may be under way at once. Default: 1024.
    /// Bounds: 1 to 1 million.
    pub max_newcomers: usize,
    /// What signals of revocations do here. Default: [`Purge`](SignalMode::Purge).
    pub signals: SignalMode,
    /// How old an answer may be that signals [extend](SignalMode::Extend), counted from when it was
    /// asked for as always: after that the server is asked, whatever was told. What ends without a
    /// signal, as when an assignment is removed, goes unnoticed for so long. Default: 5 min.
    /// Bounds: at most 24 h; more than [`max_age_limit`](Self::max_age_limit) counts as that.
    pub extension_limit: Duration,
    /// How proofs of possession are validated.
    pub proofs: ProofConfig,
}

impl CheckerConfig {
    /// The most that [`stale_if_error`](Self::stale_if_error) can be.
    pub(super) const MAX_STALE_IF_ERROR: Duration = Duration::from_secs(3600);

    /// The most that [`timeout`](Self::timeout) can be.
    pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

    /// The most that [`max_age_limit`](Self::max_age_limit) can be.
    pub(super) const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

    /// The longest that a call goes on:
    /// [`HttpConfig::timeout`](crate::HttpConfig::timeout) allows no more, and what an upstream of
    /// another kind says later does not count.
    pub(super) const MAX_CALL: Duration = Duration::from_secs(3600);

    const MAX_ENTRIES: usize = 100_000_000;

    const MAX_NEWCOMERS: usize = 1_000_000;

    /// Refuses settings that are out of bounds.
    pub(super) fn check(&self) -> Result<(), Error> {
        let zero = Duration::ZERO;
        within("max_age_limit", self.max_age_limit, zero..=Self::MAX_AGE)?;
        within("max_age", self.max_age, zero..=self.max_age_limit)?;
        within("inactive_max_age", self.inactive_max_age, zero..=Self::MAX_AGE)?;
        within("stale_if_error", self.stale_if_error, zero..=Self::MAX_STALE_IF_ERROR)?;
        within("timeout", self.timeout, zero..=Self::MAX_TIMEOUT)?;
        within("capacity", self.capacity, 1..=Self::MAX_ENTRIES)?;
        within("inactive_capacity", self.inactive_capacity, 1..=Self::MAX_ENTRIES)?;
        within("rate_share_percent", self.rate_share_percent, 1..=100)?;
        within("max_newcomers", self.max_newcomers, 1..=Self::MAX_NEWCOMERS)?;
        within("extension_limit", self.extension_limit, zero..=Self::MAX_AGE)?;
        self.proofs.check()
    }

    /// How old an answer can get that is extended.
    pub(super) fn hard_bound(&self) -> Duration {
        self.extension_limit.min(self.max_age_limit)
    }

    /// How long a watermark can still concern anything: as long as an answer can be used, and a
    /// call can last besides.
    pub(super) fn retention(&self) -> Duration {
        self.max_age_limit.saturating_add(Self::MAX_STALE_IF_ERROR).saturating_add(Self::MAX_CALL)
    }
}

/// What a checker makes of signals of revocations. Whatever the mode, [`Checker::invalidate`]
/// invalidates.
///
/// # Example: try before you trust
///
/// ```
/// use okta_introspect::checker::{CheckerConfig, SignalMode};
///
/// let mut config = CheckerConfig::default();
/// config.signals = SignalMode::Shadow;
/// assert_eq!(config.signals.as_str(), "shadow");
/// ```
///
/// [`Checker::invalidate`]: crate::checker::Checker::invalidate
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignalMode {
    /// Sources of signals pass this checker by.
    Off,
    /// What a signal names is asked about again.
    #[default]
    Purge,
    /// As `Purge`. Beside that it is counted what ends [without a
    /// signal](crate::checker::Metrics::signal_misses), and which calls
    /// [would be saved](crate::checker::Metrics::signal_savings) by `Extend`.
    Shadow,
    /// As `Shadow`; and where a requirement is [extended](crate::Requirement::extended), an active
    /// answer stays fresh as long as the signals are complete and do not name it, up to
    /// [`extension_limit`](CheckerConfig::extension_limit).
    Extend,
}

impl SignalMode {
    /// Every name that [`as_str`](Self::as_str) gives, in the order of the modes.
    pub const NAMES: [&str; 4] = ["off", "purge", "shadow", "extend"];

    /// A name for settings and logs; one of [`NAMES`](Self::NAMES).
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize] // one name for each mode
    }
}

impl Default for CheckerConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30),
            max_age_limit: Duration::from_secs(10 * 60),
            inactive_max_age: Duration::from_secs(10),
            stale_if_error: Duration::ZERO,
            timeout: Duration::from_secs(5),
            capacity: 100_000,
            inactive_capacity: 100_000,
            refresh_ahead: true,
            rate_share_percent: 90,
            max_newcomers: 1024,
            signals: SignalMode::default(),
            extension_limit: Duration::from_secs(5 * 60),
            proofs: ProofConfig::default(),
        }
    }
}
