//! What a caller may ask for in a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::error::Fault;

/// The largest number of requests, or of misses, that a budget may allow in a second. More is no
/// limit: leave it out.
pub const MAX_PER_SECOND: u32 = 10_000_000;

const SECOND: u64 = 1_000_000_000;

/// The budgets of a caller. A budget is a number a second, of which a second's worth may come at once.
/// Default: no limits of its own, though the checker's towards the authorization server hold for all
/// callers together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Requests of any kind, from 1 to [`MAX_PER_SECOND`].
    pub requests_per_second: Option<u32>,
    /// Requests for which the authorization server has to be asked, from 1 to [`MAX_PER_SECOND`]. It
    /// keeps a caller that sends made-up tokens from using up the server's rate limit.
    pub misses_per_second: Option<u32>,
}

/// A proxy or a service that calls the sidecar. One caller has the same budgets on all listeners, so
/// it is shared by pointer.
///
/// # Example
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use okta_introspect_serve::{Caller, Fault, Limits};
///
/// # fn main() -> Result<(), Fault> {
/// # #[allow(clippy::disallowed_methods)]
/// let now = Instant::now();
/// let limits = Limits { requests_per_second: Some(2), ..Limits::default() };
/// let orders = Caller::new("orders", limits)?;
/// assert_eq!(orders.admit(now), Ok(()));
/// assert_eq!(orders.admit(now), Ok(()));
/// assert_eq!(orders.admit(now), Err(Duration::from_millis(500)));
/// assert_eq!(orders.admit(now + Duration::from_millis(500)), Ok(()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Caller {
    name: String,
    limits: Limits,
    requests: Option<Budget>,
    misses: Option<Budget>,
}

impl Caller {
    /// A caller with full budgets. The name stands in logs and metrics, and is the `client_id` of RFC
    /// 7662 clients.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than 64 bytes or not visible ASCII without quotes, or if a limit
    /// is out of its bounds.
    pub fn new(name: &str, limits: Limits) -> Result<Self, Fault> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(Fault::new("this is not the name of a caller")
                .at("name")
                .advise("take letters, digits, - . and _, 64 at most"));
        }
        let budget = |limit: Option<u32>, place: &str| {
            limit.map(Budget::new).transpose().map_err(|fault| fault.at(place))
        };
        Ok(Self {
            name: name.to_owned(),
            limits,
            requests: budget(limits.requests_per_second, "requests_per_second")?,
            misses: budget(limits.misses_per_second, "misses_per_second")?,
        })
    }

    /// The caller of the configuration before this one, with what is left of its budgets, if it has
    /// the same name and limits; else this one. So a reload gives nobody a full budget.
    #[must_use]
    pub fn kept(self, before: &[Arc<Self>]) -> Arc<Self> {
        let is_same = |old: &&Arc<Self>| old.name == self.name && old.limits == self.limits;
        before.iter().find(is_same).cloned().unwrap_or_else(|| Arc::new(self))
    }

    /// Its name, for logs and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes one request from its budget.
    ///
    /// # Errors
    ///
    /// How long to wait until there is room again; nothing was taken.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        self.admit_when(|| now)
    }

    /// As [`admit`](Self::admit); the clock is read only if there is a limit.
    pub(crate) fn admit_when(&self, now: impl FnOnce() -> Instant) -> Result<(), Duration> {
        self.requests.as_ref().map_or(Ok(()), |budget| budget.take(now()))
    }

    /// Takes one request to the authorization server from its budget.
    ///
    /// # Errors
    ///
    /// As for [`admit`](Self::admit).
    pub fn admit_miss(&self, now: Instant) -> Result<(), Duration> {
        self.misses.as_ref().map_or(Ok(()), |budget| budget.take(now))
    }
}

/// The generic cell rate algorithm: one number says when the budget will be whole again, which is a
/// token bucket without a clock that fills it. All of it in whole nanoseconds.
#[derive(Debug)]
pub(super) struct Budget {
    /// Nanoseconds that one request takes. Rounded up: never more than the limit in a second.
    each: u64,
    /// How far ahead `whole_at` may be: as many requests as the limit.
    depth: u64,
    /// When the budget is whole again, in nanoseconds after `start`.
    whole_at: AtomicU64,
    /// The first `now`.
    start: OnceLock<Instant>,
}

impl Budget {
    pub(super) fn new(per_second: u32) -> Result<Self, Fault> {
        if !(1..=MAX_PER_SECOND).contains(&per_second) {
            return Err(Fault::new(format!("this is not from 1 to {MAX_PER_SECOND}"))
                .advise("leave it out for no limit"));
        }
        let each = SECOND.div_ceil(per_second.into());
        Ok(Self {
            each,
            depth: each * u64::from(per_second),
            whole_at: AtomicU64::new(0),
            start: OnceLock::new(),
        })
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let since = now.saturating_duration_since(*self.start.get_or_init(|| now));
        // An u64 of nanoseconds lasts for five centuries.
        let now = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let latest = now.saturating_add(self.depth);
        // The number stands for itself and guards nothing, so no order is needed.
        let taken = self.whole_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |whole_at| {
            let after = whole_at.max(now).saturating_add(self.each);
            (after <= latest).then_some(after)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(whole_at) => {
                let after = whole_at.max(now).saturating_add(self.each);
                Err(Duration::from_nanos(after.saturating_sub(latest)))
            }
        }
    }
}
