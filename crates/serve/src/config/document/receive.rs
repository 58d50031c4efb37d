//! What Okta pushes of tokens, and where it is received.

use okta_introspect::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::TlsDocument;

/// What Okta pushes, and where it is received; at least one of `universal_logout`, `event_hook`,
/// `event_bridge` and `security_events`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiveDocument {
    /// The listener, of its own: Okta has to reach it, and nothing else is served there.
    pub listen: SignalListenerDocument,
    /// The path that is served. Default: `/signals`.
    #[schemars(extend("default" = "/signals"))]
    pub path: Option<String>,
    /// The URL as Okta calls it. Needed for `universal_logout`, whose requests name it.
    pub public_url: Option<String>,
    /// Universal Logout of an app of the org.
    pub universal_logout: Option<UniversalLogoutDocument>,
    /// Event hooks.
    pub event_hook: Option<EventHookDocument>,
    /// The log stream, by way of an API destination of Amazon EventBridge.
    pub event_bridge: Option<EventBridgeDocument>,
    /// Security event tokens of a stream of the Shared Signals Framework.
    pub security_events: Option<SecurityEventsDocument>,
}

/// Where signals are received: one of `tcp`, `unix` and `systemd`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalListenerDocument {
    /// An IP address and a port. Beyond loopback it has `tls`.
    pub tcp: Option<String>,
    /// The path of a unix socket, for a proxy on this computer.
    pub unix: Option<String>,
    /// Who may connect to the unix socket, in octal. Default: `"0660"`. Bounds: no right for others.
    #[schemars(extend("default" = "0660"))]
    pub permissions: Option<String>,
    /// The `FileDescriptorName` of a socket that systemd has opened.
    pub systemd: Option<String>,
    /// TLS. Without `client_names`: Okta shows no certificate.
    pub tls: Option<TlsDocument>,
}

/// Universal Logout.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UniversalLogoutDocument {
    /// The client id of the app in whose settings the endpoint stands.
    pub client_id: String,
}

/// Event hooks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventHookDocument {
    /// What Okta sends, 16 characters at least; normally `file:PATH`.
    #[schemars(with = "String")]
    pub secret: Secret,
    /// The header in which Okta sends it. Default: `Authorization`.
    #[schemars(extend("default" = "Authorization"))]
    pub header: Option<String>,
}

/// The log stream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBridgeDocument {
    /// The header of the connection's API key.
    pub header: String,
    /// The API key, 16 characters at least; normally `file:PATH`.
    #[schemars(with = "String")]
    pub secret: Secret,
}

/// Security event tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityEventsDocument {
    /// The transmitter's issuer. Default: the org.
    pub issuer: Option<String>,
    /// The audience of the stream.
    pub audience: String,
    /// What the transmitter sends in `Authorization`, 16 characters at least; normally `file:PATH`.
    /// Default: nothing is agreed, and the signature is enough.
    #[schemars(with = "Option<String>")]
    pub authorization: Option<Secret>,
}
