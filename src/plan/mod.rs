//! How many calls a service takes, whether its rate limit has room for them, and how late a revocation
//! is seen: arithmetic, before anything is deployed.
//!
//! A token in use costs one call for each [`max_age`](Plan::max_age) and each instance that asks; with
//! a [shared](crate::shared) second level the instances are one, and with
//! [`Extend`](crate::checker::SignalMode::Extend) the span is
//! [`extension_limit`](Plan::extension_limit). A [`Plan`] says how it is to be, its [`Estimate`] what
//! comes of that, also when the second level or the log fails.
//!
//! The rules are those of the checker, and `crates/simulation` holds the checker to them.
//!
//! # Example: does it fit?
//!
//! ```
//! use std::time::Duration;
//! use okta_introspect::plan::{Fit, Plan};
//!
//! let mut plan = Plan::new(1000, Duration::from_secs(30));
//! plan.instances = 10;
//! let estimate = plan.estimate()?;
//! assert_eq!(estimate.fit, Fit::No); // 20 000 calls a minute
//!
//! plan.shared = true;
//! plan.signals = okta_introspect::checker::SignalMode::Extend;
//! assert_eq!(plan.estimate()?.fit, Fit::Always); // 200 of them
//! # Ok::<(), okta_introspect::Error>(())
//! ```

mod advice;
mod calls;
mod given;
mod lag;

use std::time::Duration;

pub use advice::Advice;
pub use calls::Calls;
pub use given::Plan;
pub use lag::Lag;

use crate::checker::SignalMode;
use crate::error::Error;
use crate::error::bounds::within;
use calls::{Cycle, MINUTE};

/// What comes of a [`Plan`].
///
/// # Example: an outage of the second level
///
/// ```
/// use okta_introspect::plan::{Calls, Estimate};
///
/// /// The calls a minute to be ready for.
/// fn worst(estimate: &Estimate) -> Calls {
///     estimate.without_shared.unwrap_or(estimate.calls)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// Calls a minute to the introspection endpoint when everything works.
    pub calls: Calls,
    /// How many a minute there is room for: the app's share of its limit.
    pub room: f64,
    /// Whether they fit.
    pub fit: Fit,
    /// Which part of the calls is refused for lack of room, 0 to 1. Those checks end with
    /// [`RateLimited`](crate::ErrorKind::RateLimited), a 503, unless
    /// [`stale_if_error`](crate::checker::CheckerConfig::stale_if_error) bridges it.
    pub refused: f64,
    /// Calls a minute while signals do not come and answers are not extended. `None` without
    /// [`Extend`](SignalMode::Extend).
    pub without_signals: Option<Calls>,
    /// Calls a minute while the second level fails and signals come by no other way; `None` without
    /// one.
    pub without_shared: Option<Calls>,
    /// Calls at once when nothing is known: at a cold start, and after a gap in the signals.
    pub cold: Calls,
    /// How long that takes within the room, if nothing else is asked.
    pub warm_up: Duration,
    /// Calls a minute to the log, and whether they are within its limit. `None` without signals.
    pub log: Option<LogLoad>,
    /// How late a revocation is seen.
    pub lag: Lag,
    /// What the second level has to do; `None` without one.
    pub store: Option<StoreLoad>,
    /// What to change, the most effective first. Empty if everything fits.
    pub advice: Vec<Advice>,
}

/// Whether calls fit into their room.
///
/// # Example
///
/// ```
/// use okta_introspect::plan::Fit;
///
/// assert_eq!(Fit::Usually.as_str(), "usually");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fit {
    /// Also the most that there can be while everything works.
    Always,
    /// As many as are to be expected.
    Usually,
    /// Not as many as are to be expected.
    No,
}

impl Fit {
    /// A name for logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Usually => "usually",
            Self::No => "no",
        }
    }
}

/// What following the log takes.
///
/// # Example
///
/// ```
/// use okta_introspect::plan::LogLoad;
///
/// let load = LogLoad { calls: 30.0, fits: true };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogLoad {
    /// Calls a minute, of all instances.
    pub calls: f64,
    /// Whether that is within the limit.
    pub fits: bool,
}

/// What a second level has to do.
///
/// # Example
///
/// ```
/// use okta_introspect::plan::StoreLoad;
///
/// let load = StoreLoad { operations: 400.0, bytes: 1 << 20 };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreLoad {
    /// Operations a second: looks, claims, puts, the time, and readers of the stream.
    pub operations: f64,
    /// The memory that the entries take, roughly.
    pub bytes: u64,
}

impl Plan {
    /// What comes of it.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) with the first number that is out of bounds.
    pub fn estimate(&self) -> Result<Estimate, Error> {
        self.check()?;
        let calls = self.calls();
        let room = self.room();
        let cold = calls::cold(self);
        Ok(Estimate {
            calls,
            room,
            fit: fit(calls, room),
            refused: (1.0 - room / calls.expected).max(0.0), // more than zero calls: so are its factors
            without_signals: self.extends().then(|| self.without_signals().calls()),
            without_shared: self.shared.then(|| self.without_shared().calls()),
            cold,
            warm_up: Duration::from_secs_f64(cold.expected / room * MINUTE),
            log: self.log(),
            lag: lag::of(self),
            store: self.shared.then(|| self.store()),
            advice: advice::on(self, calls, room),
        })
    }

    fn check(&self) -> Result<(), Error> {
        const HOUR: Duration = Duration::from_secs(3600);
        let (instant, day) = (Duration::from_millis(1), 24 * HOUR);
        within("tokens", self.tokens, 1..=100_000_000)?;
        within("max_age", self.max_age, instant..=day)?;
        if let Some(checks) = self.checks {
            within("checks", checks, f64::MIN_POSITIVE..=1e9)?;
        }
        within("instances", self.instances, 1..=1_000_000)?;
        within("extension_limit", self.extension_limit, instant..=day)?;
        within("interval", self.interval, Duration::from_secs(1)..=HOUR)?;
        within("log_lag", self.log_lag, Duration::ZERO..=HOUR)?;
        within("limit", self.limit, 1..=1_000_000_000)?;
        within("share_percent", self.share_percent, 1..=100)?;
        within("log_limit", self.log_limit, 1..=1_000_000_000)
    }

    /// Calls a minute while everything is as planned.
    fn calls(&self) -> Calls {
        Cycle::of(self).calls(self)
    }

    fn room(&self) -> f64 {
        self.limit as f64 * f64::from(self.share_percent) / 100.0
    }

    /// Whether answers live beyond their bound. Where signals come later than answers get too old,
    /// nothing is ever extended.
    fn extends(&self) -> bool {
        self.signals == SignalMode::Extend
            && self.extension_limit > self.max_age
            && self.max_age > self.signals_within()
    }

    /// How old the news is at most while signals come.
    fn signals_within(&self) -> Duration {
        self.interval.saturating_add(self.log_lag)
    }

    /// The same while no signals come.
    fn without_signals(&self) -> Self {
        Self { signals: SignalMode::Off, ..self.clone() }
    }

    /// The same while the second level fails: signals come over it.
    fn without_shared(&self) -> Self {
        Self { shared: false, ..self.without_signals() }
    }

    fn log(&self) -> Option<LogLoad> {
        if self.signals == SignalMode::Off {
            return None;
        }
        let readers = if self.shared { 1.0 } else { self.instances as f64 };
        let calls = readers * MINUTE / self.interval.as_secs_f64();
        Some(LogLoad { calls, fits: calls <= self.log_limit as f64 })
    }

    fn store(&self) -> StoreLoad {
        /// An entry, its name, and what an engine needs for both.
        const ENTRY: u64 = 1024;
        /// How often an instance asks for the time, in seconds.
        const TIME: f64 = 30.0;
        let instances = self.instances as f64;
        let looks = Self { shared: false, ..self.clone() }.calls().expected / MINUTE;
        let asks = 2.0 * self.calls().expected / MINUTE; // a claim and a put
        let readers = match self.signals {
            SignalMode::Off => 0.0,
            _ => instances / self.interval.as_secs_f64(),
        };
        StoreLoad {
            operations: looks + asks + readers + instances / TIME,
            bytes: self.tokens * ENTRY,
        }
    }
}

fn fit(calls: Calls, room: f64) -> Fit {
    match room {
        room if calls.most <= room => Fit::Always,
        room if calls.expected <= room => Fit::Usually,
        _ => Fit::No,
    }
}
