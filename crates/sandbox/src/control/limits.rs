//! How much is let through.

use super::sandbox::Sandbox;
use crate::model::limits::{Bucket, RateLimitHeaders};

impl Sandbox {
    /// Limits a bucket to so many requests a minute, or lifts its limit with `None`. Default: 120
    /// for [`Bucket::Logs`], as in an Okta org, and no other limits. Zero refuses everything.
    ///
    /// Windows are minutes of the server's clock that begin with the first request. One app may
    /// use its [share](Self::set_app_share) of a bucket. A refused request has no effect: its
    /// assertion may be sent again.
    pub fn set_rate_limit(&self, bucket: Bucket, per_minute: impl Into<Option<u32>>) {
        self.world().state().limits.set(bucket, per_minute.into());
    }

    /// Sets what one app may use of each bucket, in per cent of it. Default: 50, as in Okta.
    /// Bounds: 1 to 100; more counts as 100, and zero shuts every app out.
    pub fn set_app_share(&self, per_cent: u8) {
        self.world().state().limits.app_share = per_cent;
    }

    /// Sets what this app may use of each bucket, in per cent of it, or with `None` as much as any
    /// other. Default: [as any other](Self::set_app_share).
    pub fn set_client_share(&self, client_id: &str, per_cent: impl Into<Option<u8>>) {
        self.world().state().limits.set_own_share(client_id, per_cent.into());
    }

    /// Takes so many requests out of a bucket, as if other clients of the org had sent them, such
    /// as a SIEM that reads the System Log. Gives how many were left to be taken.
    pub fn use_up(&self, bucket: Bucket, requests: u32) -> u32 {
        let now = self.world().now();
        self.world().state().limits.use_up(bucket, requests, now)
    }

    /// Sets how answers state the limits. Default: [`RateLimitHeaders::Tightest`].
    pub fn set_rate_limit_headers(&self, headers: RateLimitHeaders) {
        self.world().state().limits.headers = headers;
    }

    /// Limits how many requests may be under way at once, or lifts that limit with `None`.
    /// Default: no limit (Okta: 35 to 75 for an org). Zero refuses everything.
    ///
    /// Requests count from when they have been read until their answer has been sent. The
    /// sandbox answers at once, so only those that a [fault](crate::Fault) keeps waiting add up.
    pub fn set_concurrency_limit(&self, limit: impl Into<Option<usize>>) {
        self.world().state().limits.concurrency = limit.into();
    }
}
