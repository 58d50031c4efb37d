//! Origins, paths and rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::path::Decoding;

use super::Span;

/// A URL under which clients call the services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OriginDocument {
    /// Scheme and host, with a port if need be: `https://api.acme.example`.
    pub url: String,
    /// What the proxy puts before the path, and clients do not see.
    pub strip_prefix: Option<String>,
    /// What the proxy removes from the path, and clients do see.
    pub add_prefix: Option<String>,
    /// What is said of it in `/.well-known/oauth-protected-resource` (RFC 9728). Tokens must be for `url`
    /// then: it has to be in their `aud`, and those for another audience, such as `api://default`, are
    /// refused. Left out: nothing is said, and the audience counts where a rule requires one.
    pub resource: Option<ResourceDocument>,
}

/// The metadata of a protected resource.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceDocument {
    /// The scopes that clients may ask for.
    #[schemars(length(max = 1000))]
    pub scopes: Option<Vec<String>>,
    /// Its name for people.
    pub name: Option<String>,
    /// Whether tokens may, or have to, be bound to a key. Left out: nothing is said of it.
    pub dpop: Option<ResourceDpop>,
}

/// What is said of tokens that are bound to a key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ResourceDpop {
    /// They are taken.
    Accepted,
    /// Only they are taken.
    Required,
}

/// What proxy and services do with a path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathsDocument {
    /// How often a path may be percent-decoded behind us. One that reads differently is refused.
    /// Default: `[raw, once]`.
    #[schemars(length(min = 1))]
    #[schemars(extend("default" = ["raw", "once"]))]
    pub decodings: Option<Vec<Decoding>>,
    /// Whether services do not tell upper from lower case, as IIS and, by default, Express. Rules are
    /// written in lower case then. Default: false.
    #[schemars(extend("default" = false))]
    pub case_insensitive: Option<bool>,
}

/// What a route requires. One of `require` and `public`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDocument {
    /// Its name in logs, metrics and Envoy's `context_extensions`. Default: methods, host and path.
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// The methods, in capitals. Default: all.
    #[schemars(length(max = 64))]
    pub methods: Option<Vec<String>>,
    /// The host, which must be that of one of the `origins`. Default: all of them.
    pub host: Option<String>,
    /// The path: `{id}` stands for one whole segment, `{*rest}` at the end for all that follow.
    pub path: String,
    /// What the parameters of the path must be, as regular expressions for the whole of each.
    pub r#where: Option<BTreeMap<String, String>>,
    /// What is required of the token. `{}`: that it is active.
    pub require: Option<RequireDocument>,
    /// Whether no token is needed. Default: false.
    #[schemars(extend("default" = false))]
    pub public: Option<bool>,
    /// Whether what it would refuse is only logged. Default: false.
    #[schemars(extend("default" = false))]
    pub dry_run: Option<bool>,
}

/// What is required of the token, beside that it is active.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequireDocument {
    /// It has all of these scopes.
    pub scopes: Option<Vec<String>>,
    /// It has one of these scopes.
    pub any_scope: Option<Vec<String>>,
    /// It is meant for this audience.
    pub audience: Option<String>,
    /// It is of this issuer.
    pub issuer: Option<String>,
    /// It was issued to one of these clients.
    pub client_ids: Option<Vec<String>>,
    /// It is a user's, not a service's. Default: false.
    #[schemars(extend("default" = false))]
    pub user: Option<bool>,
    /// It is bound to a key. Default: false.
    #[schemars(extend("default" = false))]
    pub bound: Option<bool>,
    /// How old the answer may be. Default: `checker.max_age`. Bounds: at most
    /// `checker.max_age_limit`.
    pub max_age: Option<Span>,
    /// By how much it may be older if the server cannot be asked. Default: `checker.stale_if_error`,
    /// but nothing where `max_age` is 0. Bounds: at most 1 h.
    pub stale_if_error: Option<Span>,
    /// How long to wait for the server. Default: `checker.timeout`. Bounds: 1 ms to 1 h.
    pub timeout: Option<Span>,
    /// What signals of revocations may do for its answer. Default: `purge`.
    #[schemars(extend("default" = "purge"))]
    pub signals: Option<RuleSignals>,
}

/// What signals of revocations may do for an answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum RuleSignals {
    /// What they name is asked about again.
    Purge,
    /// And while they are complete, what they do not name stays fresh without a call, up to the
    /// checker's `extension_limit`.
    Extend,
}
