//! The authorization server and the app.

use okta_introspect::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// The authorization server, and the service app that asks it. `issuer`, `client_id` and
/// `private_key` are given together or not at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OktaDocument {
    /// The profile of the settings file.
    pub profile: Option<String>,
    /// The settings file. Default: `./okta.yaml`, then `~/.okta/okta.yaml`.
    pub settings: Option<String>,
    /// The issuer's URL: an org or one of its custom authorization servers.
    pub issuer: Option<String>,
    /// The client id of the service app.
    pub client_id: Option<String>,
    /// The app's private key in PEM or as a JWK, normally `file:PATH`; or the `pkcs11:` URI of one in an
    /// HSM. Default: `${CREDENTIALS_DIRECTORY}/private-key`, if there is such a file.
    #[schemars(with = "Option<String>")]
    pub private_key: Option<Secret>,
    /// The id under which the key is registered.
    pub key_id: Option<String>,
    /// Other servers of the same app, such as the org beside a custom server.
    #[schemars(length(max = 100))]
    pub further_issuers: Option<Vec<String>>,
}
