//! What a sandbox begins with: apps, users and custom authorization servers.
//!
//! The types are both the seed document (read with serde from JSON or YAML) and the arguments of
//! the builder.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::app::App;
use super::custom_server::CustomServer;
use super::limits::Bucket;
use super::log_lag::LogLag;
use super::user::User;

/// A whole org: the seed document. Unknown members are refused, so that a typing error shows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Seed {
    /// The OAuth clients. Default: none.
    pub apps: Vec<App>,
    /// The people in the directory. Default: none.
    pub users: Vec<User>,
    /// The custom authorization servers, beside the org server that every sandbox has. Default:
    /// none, not even `default`.
    pub servers: Vec<CustomServer>,
    /// How many requests a minute each bucket takes, such as `{"org_token": 300, "org": 300}`;
    /// buckets are `org_token`, `org`, `custom_token`, `custom`, `logs` and `api`. Default: 120
    /// for `logs`, as in an Okta org, and no other limits.
    pub rate_limits: BTreeMap<Bucket, u32>,
    /// What one app may use of each bucket, in per cent of it: 1 to 100. Default: 50, as in Okta.
    pub app_share: Option<u8>,
    /// How long events take until they are in the System Log, in milliseconds: a number, or the
    /// least and the most, such as `[200, 3000]`. Default: none.
    #[serde(rename = "log_lag_ms")]
    pub log_lag: LogLag,
}

#[cfg(test)]
mod tests {
    use super::super::app::AuthMethod;
    use super::super::user::UserStatus;
    use super::*;

    #[test]
    fn a_document_needs_only_what_has_no_default() {
        let seed: Seed = serde_json::from_str(
            r#"{
                "apps": [{"client_id": "0oa1", "scopes": ["okta.users.read"]}],
                "users": [{"id": "00u1", "login": "ada@example.test"}],
                "servers": [{"id": "default"}],
                "rate_limits": {"org_token": 300},
                "app_share": 60,
                "log_lag_ms": 500
            }"#,
        )
        .unwrap();
        assert_eq!(seed.apps[0].auth_method, AuthMethod::PrivateKeyJwt);
        assert!(seed.apps[0].admin);
        assert_eq!(seed.users[0].status, UserStatus::Active);
        assert_eq!(seed.servers[0].token_audience(), "api://default");
        assert_eq!(seed.rate_limits[&Bucket::OrgToken], 300);
        assert_eq!(seed.app_share, Some(60));
        assert_eq!(seed.log_lag, std::time::Duration::from_millis(500).into());
        assert!(seed.servers[0].check().is_ok());
    }

    #[test]
    fn a_typing_error_in_a_document_is_refused() {
        for text in [
            r#"{"app": []}"#,
            r#"{"apps": [{"client_id": "0oa1", "scope": []}]}"#,
            r#"{"apps": [{"client_id": "0oa1", "auth_method": "private_key"}]}"#,
            r#"{"users": [{"id": "00u1", "login": "a", "status": "active"}]}"#,
            r#"{"servers": [{"id": "default", "lifetime": 3600}]}"#,
            r#"{"rate_limits": {"token": 300}}"#,
            r#"{"log_lag_ms": "1s"}"#,
            r#"{"app_share": 256}"#,
        ] {
            assert!(serde_json::from_str::<Seed>(text).is_err(), "{text}");
        }
    }
}
