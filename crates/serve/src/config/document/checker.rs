//! The settings of the checker.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;

/// How tokens are checked where a rule does not say.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckerDocument {
    /// How old an answer may be. Default: 30 s. Bounds: at most `max_age_limit`.
    #[schemars(extend("default" = "30s"))]
    pub max_age: Option<Span>,
    /// The most that any rule can ask for. Default: 10 min. Bounds: at most 24 h.
    #[schemars(extend("default" = "10m"))]
    pub max_age_limit: Option<Span>,
    /// How old the answer "inactive" may be. Default: 10 s. Bounds: at most 24 h.
    #[schemars(extend("default" = "10s"))]
    pub inactive_max_age: Option<Span>,
    /// By how much an active answer may be older if the server cannot be asked. Default: 0. Bounds:
    /// at most 1 h.
    #[schemars(extend("default" = "0s"))]
    pub stale_if_error: Option<Span>,
    /// How long a check may wait for the server; the call goes on for the next one. Default: 150 ms
    /// if a listener has mode `envoy`, which itself waits for 200 ms, and otherwise 5 s. Bounds: 1 ms
    /// to 1 h.
    pub timeout: Option<Span>,
    /// How many active tokens are remembered. Default: 100000.
    #[schemars(range(min = 1, max = 100_000_000))]
    #[schemars(extend("default" = 100_000))]
    pub capacity: Option<usize>,
    /// How many inactive tokens are remembered. Default: 25000.
    #[schemars(range(min = 1, max = 100_000_000))]
    #[schemars(extend("default" = 25_000))]
    pub inactive_capacity: Option<usize>,
    /// Whether tokens in use are asked about again shortly before their answers get too old.
    /// Default: true.
    #[schemars(extend("default" = true))]
    pub refresh_ahead: Option<bool>,
    /// What is used of the rate limit, in per cent. Default: 90.
    #[schemars(range(min = 1, max = 100))]
    #[schemars(extend("default" = 90))]
    pub rate_share_percent: Option<u8>,
    /// How many calls about tokens never seen before may be under way at once. Default: 1024.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("default" = 1024))]
    pub max_newcomers: Option<usize>,
}
