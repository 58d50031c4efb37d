//! Rate limits: how much each bucket holds, and what is left in its window. Pure: time comes in
//! as an argument.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

/// The endpoints that share one rate limit, as Okta groups them.
///
/// Keys and discovery documents are in none, and are never limited.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bucket {
    /// `/oauth2/v1/token`.
    OrgToken,
    /// Everything else of the org server: introspection, revocation.
    Org,
    /// `/oauth2/{id}/v1/token` of all custom servers together.
    CustomToken,
    /// Everything else of all custom servers together.
    Custom,
    /// `/api/v1/logs`.
    Logs,
    /// Everything else of the management API.
    Api,
}

/// How answers state the limits, of which there are two: the org's, and the app's share of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// The one with less left, in one set of headers. Okta's Node SDK understands nothing else.
    #[default]
    Tightest,
    /// Both, the org's first: each header occurs twice.
    Each,
}

/// What an answer says about one limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Statement {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds since the epoch.
    pub(crate) reset: i64,
}

/// The settings and the windows.
pub(crate) struct Limits {
    pub(crate) per_minute: BTreeMap<Bucket, u32>,
    /// What one app may use of each bucket, in per cent.
    pub(crate) app_share: u8,
    pub(crate) headers: RateLimitHeaders,
    /// How many requests may be under way at once.
    pub(crate) concurrency: Option<usize>,
    /// Of the org (no client id) and of each of its apps.
    windows: HashMap<(Bucket, Option<String>), Window>,
}

/// A minute that began with a request.
struct Window {
    began: DateTime<Utc>,
    used: u32,
}

impl Limits {
    /// Okta's `defaultPercentage`.
    const DEFAULT_APP_SHARE: u8 = 50;

    pub(crate) fn new(per_minute: BTreeMap<Bucket, u32>) -> Self {
        Self {
            per_minute,
            app_share: Self::DEFAULT_APP_SHARE,
            headers: RateLimitHeaders::default(),
            concurrency: None,
            windows: HashMap::new(),
        }
    }

    /// Sets a limit, and begins the bucket's windows anew.
    pub(crate) fn set(&mut self, bucket: Bucket, per_minute: Option<u32>) {
        self.windows.retain(|(of, _), _| *of != bucket);
        match per_minute {
            Some(limit) => self.per_minute.insert(bucket, limit),
            None => self.per_minute.remove(&bucket),
        };
    }

    /// Takes one request out of the bucket, from the org's part and from the app's: whether both
    /// had one left, and what is left in each. A request that one of them refuses counts in
    /// neither. Nothing is said about a bucket without a limit.
    pub(crate) fn take(
        &mut self,
        bucket: Bucket,
        client_id: Option<String>,
        now: DateTime<Utc>,
    ) -> (bool, Vec<Statement>) {
        let Some(limit) = self.per_minute.get(&bucket).copied() else {
            return (true, Vec::new());
        };
        let mut parts = vec![((bucket, None), limit)];
        if client_id.is_some() {
            parts.push(((bucket, client_id), share(limit, self.app_share)));
        }
        for (key, _) in &parts {
            self.windows.entry(key.clone()).or_insert_with(|| Window::at(now)).renew(now);
        }
        let used = |key| self.windows.get(key).map_or(0, |window| window.used);
        let admitted = parts.iter().all(|(key, limit)| used(key) < *limit);
        let statements = parts.iter().filter_map(|(key, limit)| {
            let window = self.windows.get_mut(key)?;
            window.used += u32::from(admitted);
            Some(window.state(*limit))
        });
        (admitted, statements.collect())
    }
}

impl RateLimitHeaders {
    /// What an answer states of the limits that a request was counted against.
    pub(crate) fn stated(self, statements: Vec<Statement>) -> Vec<Statement> {
        let tightness = |one: &Statement| (one.remaining, one.limit);
        match self {
            Self::Each => statements,
            Self::Tightest => statements.into_iter().min_by_key(tightness).into_iter().collect(),
        }
    }
}

impl Window {
    fn at(began: DateTime<Utc>) -> Self {
        Self { began, used: 0 }
    }

    /// Begins anew when the minute is over, or when the clock was set to before it.
    fn renew(&mut self, now: DateTime<Utc>) {
        if !(self.began..self.began + TimeDelta::minutes(1)).contains(&now) {
            *self = Self::at(now);
        }
    }

    fn state(&self, limit: u32) -> Statement {
        let end_ms = self.began.timestamp_millis() + 60_000;
        // Rounded up: at that second the window is over.
        let reset = end_ms.div_euclid(1000) + i64::from(end_ms.rem_euclid(1000) > 0);
        Statement { limit, remaining: limit.saturating_sub(self.used), reset }
    }
}

/// A share of a limit, rounded up: a small limit leaves each app at least one request.
fn share(limit: u32, per_cent: u8) -> u32 {
    let share = (u64::from(limit) * u64::from(per_cent.min(100))).div_ceil(100);
    // Not more than `limit`, which fits.
    u32::try_from(share).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn limits(per_minute: u32) -> Limits {
        Limits::new(BTreeMap::from([(Bucket::Org, per_minute)]))
    }

    fn take(limits: &mut Limits, client_id: Option<&str>, ms: i64) -> (bool, Vec<(u32, u32)>) {
        let taken = limits.take(Bucket::Org, client_id.map(str::to_owned), at_ms(ms));
        let left = taken.1.iter().map(|statement| (statement.limit, statement.remaining));
        (taken.0, left.collect())
    }

    #[test]
    fn a_window_begins_with_its_first_request_and_lasts_a_minute() {
        let mut limits = limits(1);
        let reset = |limits: &mut Limits, ms| {
            let (admitted, statements) = limits.take(Bucket::Org, None, at_ms(ms));
            (admitted, statements[0].reset)
        };
        assert_eq!(reset(&mut limits, 10_001), (true, 71));
        assert_eq!(reset(&mut limits, 70_000), (false, 71));
        assert_eq!(reset(&mut limits, 71_000), (true, 131));
        assert_eq!(reset(&mut limits, 5_000), (true, 65), "the clock was set back");
    }

    #[test]
    fn an_app_has_its_share_and_the_org_the_rest() {
        let mut limits = limits(4);
        assert_eq!(take(&mut limits, Some("a"), 0), (true, vec![(4, 3), (2, 1)]));
        assert_eq!(take(&mut limits, Some("a"), 0), (true, vec![(4, 2), (2, 0)]));
        assert_eq!(take(&mut limits, Some("a"), 0), (false, vec![(4, 2), (2, 0)]));
        assert_eq!(take(&mut limits, None, 0), (true, vec![(4, 1)]));
        assert_eq!(take(&mut limits, Some("b"), 0), (true, vec![(4, 0), (2, 1)]));
        assert_eq!(take(&mut limits, Some("b"), 0), (false, vec![(4, 0), (2, 1)]));
    }

    #[test]
    fn shares_are_rounded_up_and_never_more_than_the_whole() {
        for (limit, per_cent, expected) in
            [(1, 50, 1), (3, 50, 2), (100, 1, 1), (10, 200, 10), (u32::MAX, 100, u32::MAX)]
        {
            assert_eq!(share(limit, per_cent), expected);
        }
        assert_eq!(share(10, 0), 0);
    }

    #[test]
    fn a_bucket_without_a_limit_says_nothing() {
        let mut limits = limits(1);
        assert_eq!(limits.take(Bucket::Api, None, at_ms(0)), (true, vec![]));
    }
}
