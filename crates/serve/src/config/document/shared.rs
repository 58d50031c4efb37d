//! The store that sidecars share.

use std::borrow::Cow;

use okta_introspect::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The store that sidecars share. Written as a text, it is the URL alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SharedDocument {
    /// Its URL: `redis://` or with TLS `rediss://`, and a host. A user name and a password may stand in
    /// it. Several hosts are a cluster; `rediss+sentinel://HOST,HOST/SERVICE` asks Sentinels.
    #[schemars(with = "String")]
    pub url: Secret,
    /// The user name for it, of an ACL. Default: that of the URL, or the store's own `default`.
    pub username: Option<String>,
    /// The password for it, normally `file:PATH`.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// The authorities of its certificate, as PEM, normally `file:PATH`. Default: the system's.
    pub ca: Option<String>,
    /// What seals everything that is put there, the same for all sidecars, normally `file:PATH`: 32
    /// random characters at least, or a private key from which it is derived. Default: derived from
    /// the app's private key.
    #[schemars(with = "Option<String>")]
    pub secret: Option<Secret>,
    /// A further secret, or the private key from which one is derived, that opens what was sealed with
    /// it, and seals nothing: for a change of the secret without a cold start.
    #[schemars(with = "Option<String>")]
    pub previous_secret: Option<Secret>,
}

/// The member that a text in place of the whole stands for.
pub(crate) const SHORT: &str = "url";

/// The whole, or a text in place of it.
#[derive(Debug)]
pub(crate) struct UrlOrWhole;

impl JsonSchema for UrlOrWhole {
    fn schema_name() -> Cow<'static, str> {
        "UrlOrWhole".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [generator.subschema_for::<SharedDocument>(), {"type": "string"}]})
    }
}
