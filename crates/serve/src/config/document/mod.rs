//! The whole file as it is written: its members, their defaults and bounds. The JSON Schema is made
//! from these types, and what the file says is held against that schema, so that all three agree.

mod checker;
mod listener;
mod okta;
mod output;
mod receive;
mod rule;
mod shared;
mod signals;
mod span;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use checker::CheckerDocument;
pub(crate) use listener::{
    CallerDocument, ListenerDocument, ManagementDocument, ModeDocument, TlsDocument,
};
pub(crate) use okta::OktaDocument;
pub(crate) use output::{
    DpopDocument, IdentityDocument, IntrospectionDocument, LogDocument, TokenDocument,
};
pub use output::{LogFormat, LogLevel, Replay};
pub(crate) use receive::{
    EventBridgeDocument, EventHookDocument, ReceiveDocument, SecurityEventsDocument,
    SignalListenerDocument,
};
pub(crate) use rule::{OriginDocument, PathsDocument, ResourceDocument, RuleDocument};
pub use rule::{RequireDocument, ResourceDpop, RuleSignals};
pub(crate) use shared::{SHORT as SHARED_SHORT, SharedDocument};
pub(crate) use signals::{PollDocument, SignalsDocument};
pub use span::Span;

/// The configuration of `okta-introspect serve`.
///
/// Every text may be `${VAR}` or `${VAR:-default}` (`$$` is a dollar), or `file:PATH` for the content
/// of a file, seen from the folder of this one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "okta-introspect serve")]
#[expect(dead_code, reason = "the form of the whole, of which each part is read alone")]
pub(crate) struct Document {
    /// The authorization server, and the service app that asks it. Left out: `okta.yaml` and
    /// `OKTA_CLIENT_…`, as the other commands read them.
    pub okta: Option<OktaDocument>,
    /// How tokens are checked where a rule does not say.
    pub checker: Option<CheckerDocument>,
    /// What tells of tokens that are no longer what they were, such as Okta's System Log. Left out:
    /// answers are good until they get too old.
    pub signals: Option<SignalsDocument>,
    /// The store that sidecars share, such as Redis or Valkey: what one has learnt, the others do not
    /// ask for, one of them follows the System Log for all, and what is pushed to one reaches all.
    /// Left out: `okta.yaml` and `OKTA_CLIENT_SHARED_…`, or else each sidecar is alone.
    #[schemars(with = "Option<shared::UrlOrWhole>")]
    pub shared: Option<SharedDocument>,
    /// Where proxies and services ask.
    #[schemars(length(min = 1, max = 64))]
    pub listeners: Vec<ListenerDocument>,
    /// Who may ask, by bearer secrets. A listener beyond loopback needs these, or `client_names`.
    #[schemars(length(max = 1000))]
    pub callers: Option<Vec<CallerDocument>>,
    /// Where `/healthz`, `/readyz` and `/metrics` are. Default: `tcp: 127.0.0.1:9464`.
    #[schemars(extend("default" = {"tcp": "127.0.0.1:9464"}))]
    pub management: Option<ManagementDocument>,
    /// Under which URLs clients call the services; a host that is not here is refused. Needed for
    /// tokens that are bound to a key, whose proofs name the URL.
    #[schemars(length(max = 1000))]
    pub origins: Option<Vec<OriginDocument>>,
    /// What proxy and services do with a path.
    pub paths: Option<PathsDocument>,
    /// What each route requires. A request that no rule is for is denied.
    #[schemars(length(max = 10_000))]
    pub rules: Option<Vec<RuleDocument>>,
    /// What the services are told of the token.
    pub identity: Option<IdentityDocument>,
    /// How proofs of possession are treated.
    pub dpop: Option<DpopDocument>,
    /// How `POST /introspect` answers.
    pub introspection: Option<IntrospectionDocument>,
    /// Whether all rules only log what they would refuse. Default: false.
    #[schemars(extend("default" = false))]
    pub dry_run: Option<bool>,
    /// How long requests are still served after SIGTERM, while `/readyz` says 503. Default: 5 s.
    /// Bounds: at most 60 s.
    #[schemars(extend("default" = "5s"))]
    pub drain: Option<Span>,
    /// What is logged.
    pub log: Option<LogDocument>,
}
