//! What tells of tokens that are no longer what they were.

use okta_introspect::checker::SignalMode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ReceiveDocument, Span};

/// What tells of tokens that are no longer what they were, and what that does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalsDocument {
    /// What comes of it. Default: `purge`.
    #[schemars(extend("default" = "purge"))]
    pub mode: Option<ModeOfSignals>,
    /// How the org's System Log is followed. Left out: it is not. `{}`: as the defaults say.
    pub poll: Option<PollDocument>,
    /// How old an answer may be that is extended. Default: 5 min. Bounds: at most
    /// `checker.max_age_limit`.
    #[schemars(extend("default" = "5m"))]
    pub extension_limit: Option<Span>,
    /// What Okta pushes, and where it is received.
    pub receive: Option<ReceiveDocument>,
}

/// What comes of signals.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeOfSignals {
    /// Nothing. In quotation marks, since `off` alone is a flag in YAML.
    Off,
    /// What a signal names is asked about again.
    Purge,
    /// As `purge`, and it is counted what ends without a signal, and what `extend` would save.
    Shadow,
    /// As `shadow`; and where a rule says `signals: extend`, answers stay fresh for as long as the
    /// System Log is followed and does not name them.
    Extend,
}

impl From<ModeOfSignals> for SignalMode {
    fn from(written: ModeOfSignals) -> Self {
        match written {
            ModeOfSignals::Off => Self::Off,
            ModeOfSignals::Purge => Self::Purge,
            ModeOfSignals::Shadow => Self::Shadow,
            ModeOfSignals::Extend => Self::Extend,
        }
    }
}

/// How the System Log is followed. The app needs the scope `okta.logs.read` and a role that may read
/// the log.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PollDocument {
    /// How long to wait between two polls, as far as the rate limit leaves it to us. Default: 2 s.
    /// Bounds: 1 s to 1 min.
    #[schemars(extend("default" = "2s"))]
    pub interval: Option<Span>,
    /// The file that remembers where the log goes on. Its folder must be writable for the sidecar.
    /// Left out: each start begins at the end of the log, which loses nothing, since it knows
    /// nothing of any token then.
    pub cursor: Option<String>,
}
