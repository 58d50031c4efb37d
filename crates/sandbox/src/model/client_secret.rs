//! An app's client secret.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::jose;

/// A client secret, and whether it is active. `Debug` does not show it.
///
/// In a seed document it is the text alone, or `{"client_secret": …, "status": "INACTIVE"}`, as Okta
/// names the two.
///
/// # Example: an app between two secrets
///
/// ```
/// use okta_sandbox::{App, AuthMethod, ClientSecret};
///
/// let old = ClientSecret::new("a sample, no longer good").active(false);
/// let app = App::web("0oa1").auth_method(AuthMethod::ClientSecretBasic);
/// let app = app.secret(old).secret("a sample, good from now on");
/// ```
#[derive(Clone)]
pub struct ClientSecret {
    text: String,
    active: bool,
    created: Option<DateTime<Utc>>,
}

impl ClientSecret {
    /// An active secret: any text that is not empty.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), active: true, created: None }
    }

    /// Sets whether it is active.
    #[must_use]
    pub fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// Whether clients get in with it.
    pub fn is_active(&self) -> bool {
        self.active
    }

    pub(crate) fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it is this one. Takes as long wherever they differ.
    pub(crate) fn is(&self, other: &str) -> bool {
        jose::is_same_text(&self.text, other)
    }

    /// When it was registered; `None` before that.
    pub(crate) fn created(&self) -> Option<DateTime<Utc>> {
        self.created
    }

    /// The secret as registered at `now`, unless it was before.
    pub(crate) fn created_at(mut self, now: DateTime<Utc>) -> Self {
        self.created.get_or_insert(now);
        self
    }

    /// The id under which the management API knows it.
    pub(crate) fn object_id(&self) -> String {
        let hash = jose::sha256_base64url(&format!("the id of a secret: {}", self.text));
        let plain = hash.chars().filter(char::is_ascii_alphanumeric).take(17);
        "ocs".chars().chain(plain).collect()
    }

    /// What the management API shows beside it.
    pub(crate) fn hash(&self) -> String {
        jose::sha256_base64url(&self.text)
    }
}

impl From<&str> for ClientSecret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for ClientSecret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("active", &self.active).finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for ClientSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a client secret is a text, or has `client_secret` and `status`"
        )]
        enum Written {
            Text(String),
            Object(Object),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object {
            client_secret: String,
            #[serde(default)]
            status: super::app::AppStatus,
        }
        let secret = match Written::deserialize(from)? {
            Written::Text(text) => Self::new(text),
            Written::Object(Object { client_secret, status }) => {
                Self::new(client_secret).active(status == super::app::AppStatus::Active)
            }
        };
        match secret.text.is_empty() {
            true => Err(D::Error::custom("a client secret is empty")),
            false => Ok(secret),
        }
    }
}

/// Reads the secrets of an app. What stands in place of the list is not repeated: it may be one.
pub(super) fn read_list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ClientSecret>, D::Error> {
    let Value::Array(secrets) = Value::deserialize(from)? else {
        return Err(D::Error::custom("`client_secrets` is not a list"));
    };
    let secrets = secrets.into_iter().enumerate().map(|(index, secret)| {
        ClientSecret::deserialize(secret).map_err(|fault| {
            D::Error::custom(format!("secret {} of `client_secrets`: {fault}", index + 1))
        })
    });
    secrets.collect()
}

#[cfg(test)]
mod tests {
    use super::super::seed::Seed;
    use super::*;

    fn read(secrets: &str) -> Result<Vec<ClientSecret>, serde_json::Error> {
        let text = format!(r#"{{"apps": [{{"client_id": "0oa1", "client_secrets": {secrets}}}]}}"#);
        serde_json::from_str(&text).map(|mut seed: Seed| seed.apps.remove(0).secrets)
    }

    #[test]
    fn a_text_and_an_object_read_alike_and_a_status_is_kept() {
        let secrets = read(r#"["one", {"client_secret": "two", "status": "INACTIVE"}]"#).unwrap();
        assert!(secrets[0].is("one") && secrets[0].is_active());
        assert!(secrets[1].is("two") && !secrets[1].is_active());
        assert!(!secrets[0].is("on") && !secrets[0].is("onf"));
        assert!(read(r#"[{"client_secret": "two"}]"#).unwrap()[0].is_active());
        assert!(!format!("{secrets:?}").contains("one"));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        for wrong in [
            r#"[""]"#,
            r#"[{"client_secret": "s3cret", "status": "OFF"}]"#,
            r#"[{"client_secret": "s3cret", "secret": 1}]"#,
            r#"[{"status": "ACTIVE"}]"#,
            "[7]",
            r#""s3cret""#,
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
