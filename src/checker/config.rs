//! How a checker behaves where a requirement does not say.

use std::time::Duration;

use crate::credential::dpop::ProofConfig;
use crate::error::Error;

/// How a checker behaves.
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
    /// Default: 10 s.
    pub inactive_max_age: Duration,
    /// By how much an active answer may be older if the server cannot be asked. Default: zero,
    /// which is to say that the checker cannot tell. Bounds: at most one hour.
    pub stale_if_error: Duration,
    /// How long a check may wait for the server. The call goes on for the others. Default: 5 s.
    pub timeout: Duration,
    /// How many active tokens are remembered. Default: 100 000, which is room for some 100 MB of
    /// answers. Bounds: 1 to 100 million; 38 bytes for each are taken at once.
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
    pub max_newcomers: usize,
    /// How proofs of possession are judged.
    pub proofs: ProofConfig,
}

impl CheckerConfig {
    /// The most that [`stale_if_error`](Self::stale_if_error) can be.
    pub(super) const MAX_STALE_IF_ERROR: Duration = Duration::from_secs(3600);

    const MAX_AGE_LIMIT: Duration = Duration::from_secs(24 * 3600);
    const MAX_CAPACITY: usize = 100_000_000;

    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |what: String, advice: &'static str| Err(Error::configuration(what).advise(advice));
        let capacities = [self.capacity, self.inactive_capacity, self.proofs.capacity];
        if self.max_age_limit > Self::MAX_AGE_LIMIT {
            return refuse(
                format!("answers cannot be used for {:?}", self.max_age_limit),
                "choose at most 24 h; 10 min is the default",
            );
        }
        if self.max_age > self.max_age_limit {
            return refuse(
                format!("max_age is more than max_age_limit: {:?}", self.max_age),
                "raise max_age_limit, or lower max_age",
            );
        }
        if self.stale_if_error > Self::MAX_STALE_IF_ERROR {
            return refuse(
                format!("stale answers cannot be used for {:?}", self.stale_if_error),
                "choose at most one hour",
            );
        }
        if capacities.iter().any(|capacity| !(1..=Self::MAX_CAPACITY).contains(capacity)) {
            return refuse(
                "a capacity is out of bounds".to_owned(),
                "choose between 1 and 100 million entries",
            );
        }
        if !(1..=100).contains(&self.rate_share_percent) {
            return refuse(
                format!("{} % is no share of a rate limit", self.rate_share_percent),
                "choose between 1 and 100",
            );
        }
        Ok(())
    }

    /// How long a watermark can still concern anything: as long as an answer can be used, and a
    /// call can last besides.
    pub(super) fn retention(&self) -> Duration {
        self.max_age_limit + Self::MAX_STALE_IF_ERROR + LONGEST_CALL
    }
}

/// What [`HttpConfig::timeout`](crate::HttpConfig::timeout) allows at most.
const LONGEST_CALL: Duration = Duration::from_secs(3600);

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
            proofs: ProofConfig::default(),
        }
    }
}
