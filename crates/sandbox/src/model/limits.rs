//! Rate limits: how much each bucket holds, and what is left in its window. Pure: time comes in
//! as an argument.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::clock::shifted;

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

impl Bucket {
    /// The paths that share the limit, as the System Log names them.
    pub(crate) fn paths(self) -> &'static str {
        match self {
            Self::OrgToken => "/oauth2/v1/token",
            Self::Org => "/oauth2/v1*",
            Self::CustomToken => "/oauth2/{authorizationServerId}/v1/token",
            Self::Custom => "/oauth2/{authorizationServerId}/v1*",
            Self::Logs => "/api/v1/logs",
            Self::Api => "/api/v1*",
        }
    }
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
    /// The same of apps that have a share of their own, by client id.
    own_shares: HashMap<String, u8>,
    pub(crate) headers: RateLimitHeaders,
    /// How many requests may be under way at once.
    pub(crate) concurrency: Option<usize>,
    /// Of the org (no client id) and of each of its apps.
    windows: HashMap<(Bucket, Option<String>), Window>,
    /// When requests last met the limit on concurrency for the first time in a minute.
    concurrency_violated: Option<DateTime<Utc>>,
}

/// What became of a request that wanted its part of a bucket.
pub(crate) struct Taken {
    pub(crate) admitted: bool,
    /// What is left in each of the limits.
    pub(crate) statements: Vec<Statement>,
    /// Whether it is the first that was refused in one of the windows.
    pub(crate) is_first_violation: bool,
}

/// A minute that began with a request.
struct Window {
    began: DateTime<Utc>,
    used: u32,
    /// Whether it has refused a request.
    violated: bool,
}

impl Limits {
    /// Okta's `defaultPercentage`.
    const DEFAULT_APP_SHARE: u8 = 50;

    /// Okta's for the System Log, which is the tightest by far.
    const DEFAULT_LOGS: u32 = 120;

    pub(crate) fn new(mut per_minute: BTreeMap<Bucket, u32>, app_share: Option<u8>) -> Self {
        per_minute.entry(Bucket::Logs).or_insert(Self::DEFAULT_LOGS);
        Self {
            per_minute,
            app_share: app_share.unwrap_or(Self::DEFAULT_APP_SHARE),
            own_shares: HashMap::new(),
            headers: RateLimitHeaders::default(),
            concurrency: None,
            windows: HashMap::new(),
            concurrency_violated: None,
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

    /// Sets what this app may use of each bucket.
    pub(crate) fn set_own_share(&mut self, client_id: &str, per_cent: Option<u8>) {
        match per_cent {
            Some(share) => self.own_shares.insert(client_id.to_owned(), share),
            None => self.own_shares.remove(client_id),
        };
    }

    /// Takes so many requests out of the org's part, as far as it has them: how many it had.
    pub(crate) fn use_up(&mut self, bucket: Bucket, requests: u32, now: DateTime<Utc>) -> u32 {
        let Some(limit) = self.per_minute.get(&bucket).copied() else { return requests };
        let window = self.windows.entry((bucket, None)).or_insert_with(|| Window::at(now));
        window.renew(now);
        let taken = requests.min(limit.saturating_sub(window.used));
        window.used += taken; // not more than `limit`
        taken
    }

    /// Takes one request out of the bucket, from the org's part and from the app's: whether both
    /// had one left, and what is left in each. A request that one of them refuses counts in
    /// neither. Nothing is said about a bucket without a limit.
    pub(crate) fn take(
        &mut self,
        bucket: Bucket,
        client_id: Option<&str>,
        now: DateTime<Utc>,
    ) -> Taken {
        let Some(limit) = self.per_minute.get(&bucket).copied() else {
            return Taken { admitted: true, statements: Vec::new(), is_first_violation: false };
        };
        let mut parts = vec![((bucket, None), limit)];
        if let Some(client_id) = client_id {
            let per_cent = self.own_shares.get(client_id).copied().unwrap_or(self.app_share);
            parts.push(((bucket, Some(client_id.to_owned())), share(limit, per_cent)));
        }
        for (key, _) in &parts {
            self.windows.entry(key.clone()).or_insert_with(|| Window::at(now)).renew(now);
        }
        let used = |key| self.windows.get(key).map_or(0, |window| window.used);
        let admitted = parts.iter().all(|(key, limit)| used(key) < *limit);
        let mut taken = Taken { admitted, statements: Vec::new(), is_first_violation: false };
        for (key, limit) in &parts {
            let Some(window) = self.windows.get_mut(key) else { continue };
            let refused = window.used >= *limit;
            window.used += u32::from(admitted);
            taken.is_first_violation |=
                refused && !std::mem::replace(&mut window.violated, refused);
            taken.statements.push(window.state(*limit));
        }
        taken
    }

    /// Takes note that the limit on concurrency was met; whether for the first time in a minute.
    pub(crate) fn concurrency_violated(&mut self, now: DateTime<Utc>) -> bool {
        let is_first =
            self.concurrency_violated.is_none_or(|last| now - last >= TimeDelta::minutes(1));
        if is_first {
            self.concurrency_violated = Some(now);
        }
        is_first
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
        Self { began, used: 0, violated: false }
    }

    /// Begins anew when the minute is over, or when the clock was set to before it.
    fn renew(&mut self, now: DateTime<Utc>) {
        if !(self.began..shifted(self.began, TimeDelta::minutes(1))).contains(&now) {
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
        Limits::new(BTreeMap::from([(Bucket::Org, per_minute)]), None)
    }

    fn take(limits: &mut Limits, client_id: Option<&str>, ms: i64) -> (bool, Vec<(u32, u32)>) {
        let taken = limits.take(Bucket::Org, client_id, at_ms(ms));
        let left = taken.statements.iter().map(|statement| (statement.limit, statement.remaining));
        (taken.admitted, left.collect())
    }

    #[test]
    fn a_window_begins_with_its_first_request_and_lasts_a_minute() {
        let mut limits = limits(1);
        let reset = |limits: &mut Limits, ms| {
            let taken = limits.take(Bucket::Org, None, at_ms(ms));
            (taken.admitted, taken.statements[0].reset)
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
    fn an_app_may_have_a_share_of_its_own_and_others_may_use_up_the_rest() {
        let mut limits = limits(10);
        limits.set_own_share("a", Some(20));
        assert_eq!(take(&mut limits, Some("a"), 0), (true, vec![(10, 9), (2, 1)]));
        assert_eq!(take(&mut limits, Some("b"), 0), (true, vec![(10, 8), (5, 4)]));
        assert_eq!(limits.use_up(Bucket::Org, 7, at_ms(0)), 7);
        assert_eq!(take(&mut limits, Some("b"), 0), (true, vec![(10, 0), (5, 3)]));
        assert_eq!(limits.use_up(Bucket::Org, 7, at_ms(0)), 0);
        assert_eq!(limits.use_up(Bucket::Org, 20, at_ms(60_000)), 10, "a new minute");
        limits.set_own_share("a", None);
        assert_eq!(take(&mut limits, Some("a"), 120_000), (true, vec![(10, 9), (5, 4)]));
    }

    #[test]
    fn the_system_log_has_a_limit_unless_another_is_set() {
        let limit = |limits: &mut Limits| limits.take(Bucket::Logs, Some("a"), at_ms(0)).statements;
        let stated = |limits: &mut Limits| limit(limits).iter().map(|one| one.limit).collect();
        let stated: [Vec<u32>; 2] = [
            stated(&mut Limits::new(BTreeMap::new(), None)),
            stated(&mut Limits::new(BTreeMap::from([(Bucket::Logs, 50)]), Some(60))),
        ];
        assert_eq!(stated, [vec![120, 60], vec![50, 30]]);
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
        let taken = limits.take(Bucket::Api, None, at_ms(0));
        assert!(taken.admitted && taken.statements.is_empty());
    }

    #[test]
    fn a_violation_is_told_once_in_a_window() {
        let mut limits = limits(2);
        let mut told = |client, ms| limits.take(Bucket::Org, client, at_ms(ms)).is_first_violation;
        assert_eq!(
            [told(Some("a"), 0), told(Some("a"), 0), told(Some("a"), 0)],
            [false, true, false]
        );
        assert_eq!([told(None, 0), told(None, 0), told(None, 0)], [false, true, false]);
        assert_eq!(
            [told(None, 60_000), told(None, 60_000), told(None, 60_000)],
            [false, false, true]
        );
        assert_eq!(
            [0, 59_999, 60_000].map(|ms| limits.concurrency_violated(at_ms(ms))),
            [true, false, true]
        );
    }
}
