//! Introspection: asking the server whether a token is still good
//! ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::send_time::SendTime;
use crate::error::Error;
use crate::scope::Scopes;
use crate::secret::Token;
use crate::wire::form_post::{Form, FormClient, TOKEN, Target};

/// What kind of token is asked about, if known. A hint only: the server may look further
/// ([RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).
///
/// # Example: from the command line
///
/// ```
/// use okta_introspect::TokenTypeHint;
///
/// let hint: TokenTypeHint = "refresh_token".parse()?;
/// assert_eq!(hint, TokenTypeHint::RefreshToken);
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token. Okta introspects them, but does not revoke them.
    IdToken,
    /// A device secret of Okta's native single sign-on.
    DeviceSecret,
}

impl TokenTypeHint {
    /// Every hint.
    pub const ALL: [Self; 4] =
        [Self::AccessToken, Self::RefreshToken, Self::IdToken, Self::DeviceSecret];

    /// The value of `token_type_hint`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::IdToken => "id_token",
            Self::DeviceSecret => "device_secret",
        }
    }

    /// The hint as introspection and revocation requests give it.
    pub(crate) fn field(self) -> (&'static str, &'static str) {
        ("token_type_hint", self.as_str())
    }
}

impl fmt::Display for TokenTypeHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for TokenTypeHint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|hint| hint.as_str() == text).ok_or_else(|| {
            // Not repeated: it may be the token itself.
            Error::input("this is not a token type hint")
                .advise("use access_token, refresh_token, id_token or device_secret")
        })
    }
}

/// The server's answer about one token.
///
/// `active` is the answer; the rest describes an active token, and is absent otherwise. Members
/// that are not listed are kept in [`extra`](Self::extra).
///
/// # Example: read a recorded answer
///
/// ```
/// use okta_introspect::Introspection;
///
/// let answer: Introspection =
///     serde_json::from_str(r#"{"active":true,"scope":"orders.read","groups":["Everyone"]}"#)?;
/// assert!(answer.active && answer.scope.is_some_and(|scope| scope.contains("orders.read")));
/// assert_eq!(answer.extra["groups"][0], "Everyone");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token is good now. True only if the server said the JSON boolean `true`.
    pub active: bool,
    /// What the token permits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scopes>,
    /// The client to which the token was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user's login. Absent for service tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The subject. Okta: the user's login or id, or the client id of a service token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Okta: the user's id. Only in access tokens that have a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// For whom the token is meant; one string or several on the wire. Cheap to clone.
    #[serde(
        default,
        skip_serializing_if = "no_audience",
        serialize_with = "audience",
        deserialize_with = "one_or_many"
    )]
    pub aud: Arc<[String]>,
    /// Who issued the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The token's id. Okta: `AT.…` for access tokens, `ID.…` for ID tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// When the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp")]
    pub exp: Option<DateTime<Utc>>,
    /// When the token was issued.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp")]
    pub iat: Option<DateTime<Utc>>,
    /// When the token begins.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp")]
    pub nbf: Option<DateTime<Utc>>,
    /// How the token is presented: `Bearer`, `DPoP`, or Okta's URN for device secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Okta: the device to which the token is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Okta: the session of a device secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The key that the token's user must prove to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Everything else that the server said.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// To which key a token is bound
/// ([RFC 7800 §3.1](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)).
///
/// # Example: the key of a bound token
///
/// ```
/// use okta_introspect::Introspection;
///
/// fn key_thumbprint(answer: &Introspection) -> Option<&str> {
///     answer.cnf.as_ref()?.jkt.as_deref()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confirmation {
    /// The RFC 7638 thumbprint of a DPoP key
    /// ([RFC 9449 §6](https://www.rfc-editor.org/rfc/rfc9449#section-6)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// Other ways of binding.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Introspection {
    /// Whether nothing in the answer says that the token is of another kind than an access token.
    ///
    /// Servers call other tokens active too. Okta marks device secrets by their type
    /// ([Native SSO](https://developer.okta.com/docs/guides/configure-native-sso/main/)) and ID tokens
    /// by the beginning of their `jti`; other servers' ID tokens have an `at_hash`
    /// ([OpenID Connect Core §3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken)).
    /// A refresh token may look like an access token: that it lacks scope or audience is for a
    /// [`Requirement`](crate::Requirement) to notice.
    ///
    /// # Example
    ///
    /// ```
    /// use okta_introspect::Introspection;
    ///
    /// let answer = r#"{"active":true,"token_type":"Bearer","jti":"ID.x0"}"#;
    /// assert!(!serde_json::from_str::<Introspection>(answer)?.is_access_token());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn is_access_token(&self) -> bool {
        // RFC 7662 §2.2 means the type of RFC 6749 §5.1; some servers write the hint's word.
        let of_access = |kind: &String| {
            ["Bearer", "DPoP", "access_token"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        };
        let is_id_token = self.jti.as_ref().is_some_and(|jti| jti.starts_with("ID."))
            || self.extra.contains_key("at_hash");
        self.token_type.as_ref().is_none_or(of_access) && !is_id_token
    }

    /// Whether the token is bound to a key and so is worth nothing as a plain bearer token.
    pub fn is_bound(&self) -> bool {
        self.cnf.is_some()
    }
}

/// Asks about one token, and records when.
pub(crate) async fn introspect(
    forms: &FormClient,
    target: &Target,
    token: &Token,
    hint: Option<TokenTypeHint>,
    send_time: Option<&SendTime>,
) -> Result<Introspection, Error> {
    let hint = hint.map(TokenTypeHint::field);
    let form = Form {
        token: Some((TOKEN, token)),
        fields: hint.as_slice(),
        proves: false,
        send_time,
        repeatable_for: None,
    };
    forms.post(target, form).await.map_err(about_the_token)?.json()
}

/// Some servers answer with a resource server's `invalid_token` (RFC 6750 §3.1), and a status of 400
/// or 401, where [RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2) wants
/// `{"active":false}`. That is about the token in question and not about our credentials; nor is it
/// taken for a verdict.
pub(crate) fn about_the_token(error: Error) -> Error {
    let Some(refusal) = error.refusal().filter(|refusal| refusal.is_about_a_token()).cloned()
    else {
        return error;
    };
    let what = format!("the server has an error in place of an answer about the token ({refusal})");
    let advice = "this is about the token asked about, and not about our credentials: RFC 7662 wants `active: false` \
        for a token that is not good, RFC 7009 a success";
    let changed = Error::malformed(what).advise(advice).retry_in(error.retry_after());
    let changed = match error.attempts().cloned() {
        Some(attempts) => changed.after(attempts),
        None => changed,
    };
    changed.refused(refusal)
}

fn no_audience(aud: &Arc<[String]>) -> bool {
    aud.is_empty()
}

fn audience<S: serde::Serializer>(aud: &Arc<[String]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(aud.iter())
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<[String]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "`aud` must be a string or an array of strings")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<OneOrMany>::deserialize(deserializer)? {
        None => Arc::default(),
        Some(OneOrMany::One(one)) => Arc::new([one]),
        Some(OneOrMany::Many(many)) => many.into(),
    })
}

mod timestamp {
    //! Seconds since the epoch on the wire; some servers write a fraction.

    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    // serde's `with` wants this form.
    #[allow(clippy::ref_option)]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.timestamp()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let seconds =
            number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64));
        let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        time.map(Some).ok_or_else(|| serde::de::Error::custom("a time is out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: Value) -> Result<Introspection, serde_json::Error> {
        serde_json::from_str(&value.to_string())
    }

    #[test]
    fn active_is_true_only_for_the_boolean() {
        assert!(parse(json!({"active": true})).unwrap().active);
        assert!(!parse(json!({"active": false})).unwrap().active);
        for value in [json!("true"), json!(1), json!(null), json!([true]), json!({"active": true})]
        {
            assert!(parse(json!({"active": value})).is_err(), "{value}");
        }
        assert!(parse(json!({})).is_err());
        assert!(parse(json!([{"active": true}])).is_err());
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused() {
        assert!(
            serde_json::from_str::<Introspection>(r#"{"active":false,"active":true}"#).is_err()
        );
    }

    #[test]
    fn every_member_is_typed_and_the_rest_is_kept() {
        let answer = parse(json!({
            "active": true, "scope": "okta.users.read okta.apps.read", "client_id": "0oa1",
            "username": "ada@acme.example", "sub": "ada@acme.example", "uid": "00u1",
            "aud": ["api://default", "https://acme.okta.com"], "iss": "https://acme.okta.com",
            "jti": "AT.1", "exp": 1_795_214_859, "iat": 1_795_211_259.0, "nbf": null,
            "token_type": "DPoP", "device_id": "d1", "sid": "s1", "cnf": {"jkt": "thumb", "x5t": "t"},
            "groups": ["Everyone"],
        }))
        .unwrap();
        assert!(answer.scope.as_ref().unwrap().contains("okta.apps.read"));
        assert_eq!(answer.aud.len(), 2);
        assert_eq!(answer.exp.unwrap().timestamp(), 1_795_214_859);
        assert_eq!(answer.iat.unwrap().timestamp(), 1_795_211_259);
        assert_eq!(answer.nbf, None);
        assert_eq!(answer.cnf.as_ref().unwrap().jkt.as_deref(), Some("thumb"));
        assert_eq!(answer.extra["groups"], json!(["Everyone"]));
        let again = parse(serde_json::to_value(&answer).unwrap()).unwrap();
        assert_eq!(again, answer);
    }

    #[test]
    fn a_time_that_is_no_time_is_refused() {
        for exp in [json!("1795214859"), json!(1e300), json!(true)] {
            assert!(parse(json!({"active": true, "exp": exp})).is_err(), "{exp}");
        }
    }

    #[test]
    fn an_inactive_answer_is_written_as_such_and_nothing_else() {
        let answer = parse(json!({"active": false})).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"active":false}"#);
    }
}
