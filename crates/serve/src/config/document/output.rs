//! What the services are told, how proofs are treated, what is logged.

use okta_introspect::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;
use crate::identity::{BackendCredentials, IdentityFact};

/// What the services are told of the token, in headers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityDocument {
    /// What the names of the headers begin with. Default: `X-Auth-`.
    #[schemars(extend("default" = "X-Auth-"))]
    pub prefix: Option<String>,
    /// Which facts the services are told, a header each: on every yes, all of these. A client's own
    /// headers of the others are removed. Default: all.
    pub headers: Option<Vec<IdentityFact>>,
    /// Whether the services get the token itself, in `Authorization`. Default: `keep`.
    #[schemars(extend("default" = "keep"))]
    pub authorization: Option<BackendCredentials>,
    /// A signed token that says the same as the headers. Left out: none.
    pub token: Option<TokenDocument>,
}

/// A signed token that says the same as the headers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenDocument {
    /// Its `aud`: the services that check it.
    pub audience: String,
    /// How long it is good for. Default: 60 s. Bounds: 2 s to 60 s.
    #[schemars(extend("default" = "60s"))]
    pub lifetime: Option<Span>,
    /// The private key that signs it, in PEM or as a JWK, normally `file:PATH`.
    #[schemars(with = "String")]
    pub key: Secret,
}

/// How proofs of possession are treated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DpopDocument {
    /// What becomes of a proof that was used. Default: `consume`.
    #[schemars(extend("default" = "consume"))]
    pub replay: Option<Replay>,
    /// How long the same proof for the same request counts as one use, since proxies repeat requests.
    /// Default: 2 s. Bounds: at most 10 s.
    #[schemars(extend("default" = "2s"))]
    pub repeat_within: Option<Span>,
}

/// What becomes of a proof that was used.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// It is recorded, and refused when it comes again.
    #[default]
    Consume,
    /// It is refused if it was recorded, and not recorded: the service does that.
    CheckOnly,
    /// It may be used again.
    Off,
}

/// How `POST /introspect` answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionDocument {
    /// Whether a cache before us may keep answers for what is left of `max_age`. Default: false.
    #[schemars(extend("default" = false))]
    pub downstream_cache: Option<bool>,
}

/// What is logged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogDocument {
    /// The form of the lines. Default: `text`.
    #[schemars(extend("default" = "text"))]
    pub format: Option<LogFormat>,
    /// The least severity that is logged; refused requests are at `info`. Default: `info`.
    #[schemars(extend("default" = "info"))]
    pub level: Option<LogLevel>,
    /// Whether requests that are let in are logged too, at `info`. Default: false.
    #[schemars(extend("default" = false))]
    pub decisions: Option<bool>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The severity of log lines.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What has to be mended.
    Error,
    /// What may have to be mended.
    Warn,
    /// Starts, ends, changes, and each request that is refused.
    #[default]
    Info,
    /// Each call of the authorization server, and why one is made again.
    Debug,
    /// Everything.
    Trace,
}
