//! The authorization server and the app.

use okta_introspect::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// The authorization server, and the app that asks it. `issuer`, `client_id`, and `private_key` or
/// `client_secret` are given together or not at all.
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
    /// The app's client secret, normally `file:PATH`, in place of a private key. Default:
    /// `${CREDENTIALS_DIRECTORY}/client-secret`, if there is such a file and no private key.
    #[schemars(with = "Option<String>")]
    pub client_secret: Option<Secret>,
    /// How the app authenticates: `private_key_jwt`, `client_secret_basic`, `client_secret_post`,
    /// `client_secret_jwt` (HS256; also `client_secret_jwt:HS384` and `:HS512`) or `none`. Default: by
    /// the private key, or by `client_secret_basic` where there is a client secret.
    pub auth_method: Option<String>,
    /// The id under which the key is registered.
    pub key_id: Option<String>,
    /// Other servers of the same app, such as the org beside a custom server.
    #[schemars(length(max = 100))]
    pub further_issuers: Option<Vec<String>>,
}
