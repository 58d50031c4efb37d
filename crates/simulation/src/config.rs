//! What is simulated.

use std::time::Duration;

/// What is simulated. Its defaults are for thousands of instances.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// How many instances there are.
    pub instances: usize,
    /// How many tokens are in use at a time.
    pub tokens: usize,
    /// How many of them each instance is presented.
    pub tokens_of_instance: usize,
    /// How many checks each instance makes in a minute.
    pub checks: f64,
    /// How long a run takes, in virtual time.
    pub length: Duration,
    /// How old answers may be.
    pub max_age: Duration,
    /// How old they may be for the strictest checks but those that want an answer of now.
    pub strict_max_age: Duration,
    /// How old extended answers may be.
    pub extension_limit: Duration,
    /// How old the answer "inactive" may be.
    pub inactive_max_age: Duration,
    /// By how much answers may be older for some checks if the server fails.
    pub stale_if_error: Duration,
    /// How often the log is read.
    pub interval: Duration,
    /// How many tokens are revoked in a minute.
    pub revocations: f64,
    /// How many calls a minute the server takes.
    pub limit: u64,
}

impl Config {
    /// For so many instances.
    pub fn new(instances: usize) -> Self {
        let tokens = (instances / 10).clamp(20, 1000);
        Self {
            instances,
            tokens,
            tokens_of_instance: 4,
            checks: 2.0,
            length: Duration::from_secs(3600),
            max_age: Duration::from_secs(30),
            strict_max_age: Duration::from_secs(5),
            extension_limit: Duration::from_secs(300),
            inactive_max_age: Duration::from_secs(10),
            stale_if_error: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            revocations: 12.0,
            limit: 1_000_000,
        }
    }
}

/// What a check demands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The usual bound.
    Plain,
    /// The same, and signals may extend it.
    Extended,
    /// The same, and longer if the server fails.
    Stale,
    /// A short bound.
    Strict,
    /// An answer of now.
    Now,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Plain, Self::Extended, Self::Stale, Self::Strict, Self::Now];

    /// Which part of checks are of each kind, in per cent.
    pub(crate) const PARTS: [usize; 5] = [30, 45, 15, 9, 1];

    /// One of them, by a number below 100.
    pub(crate) fn of(number: usize) -> Self {
        let mut ends = Self::PARTS.iter().scan(0, |end, part| {
            *end += part;
            Some(*end)
        });
        let at = ends.position(|end| number < end).unwrap_or_default();
        Self::ALL[at]
    }

    pub(crate) fn max_age(self, config: &Config) -> Duration {
        match self {
            Self::Plain | Self::Extended | Self::Stale => config.max_age,
            Self::Strict => config.strict_max_age,
            Self::Now => Duration::ZERO,
        }
    }

    pub(crate) fn stale(self, config: &Config) -> Duration {
        if self == Self::Stale { config.stale_if_error } else { Duration::ZERO }
    }
}
