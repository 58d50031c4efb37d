//! The claims of an ID token.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Audience, Registered, further, required, text, texts, time};
use crate::jws::Part;
use crate::support::json::Object;
use crate::verify::invalid::InvalidToken;

/// The claims of an ID token
/// ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
///
/// What scopes add about the user (name, email, groups …) goes into [`further`](Self::further):
/// all of it as JSON, or a struct of the program's own, see
/// [`VerifierBuilder::further_claims`](crate::VerifierBuilder::further_claims).
///
/// Serialised, it is the claims again, `aud` as a text or a list as it was in the token.
///
/// # Example: who signed in
///
/// ```
/// use okta_introspect::{IdTokenClaims, Verified};
///
/// fn greeting(token: &Verified<IdTokenClaims>) -> String {
///     let claims = token.claims();
///     match claims.further.get("name").and_then(|name| name.as_str()) {
///         Some(name) => format!("Hello, {name}"),
///         None => format!("Hello, {}", claims.sub),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IdTokenClaims<E = Map<String, Value>> {
    /// The server that issued the token: exactly the verifier's issuer.
    pub iss: String,
    /// The user, by an id that never changes. Okta: `00u…`.
    pub sub: String,
    /// The audiences of the token; the verifier's client id is one of them.
    pub aud: Vec<String>,
    /// When the token ends.
    pub exp: DateTime<Utc>,
    /// When the token was issued.
    pub iat: DateTime<Utc>,
    /// When the token begins, if that is later.
    pub nbf: Option<DateTime<Utc>>,
    /// The token's id. Okta: `ID.…`.
    pub jti: Option<String>,
    /// The nonce of the sign-in: exactly the one that was sent.
    pub nonce: Option<String>,
    /// When the user signed in.
    pub auth_time: Option<DateTime<Utc>>,
    /// How strongly the user signed in.
    pub acr: Option<String>,
    /// By what means the user signed in: `pwd`, `mfa`, …
    pub amr: Vec<String>,
    /// The client to which the token was issued, if it says so.
    pub azp: Option<String>,
    /// Half the digest of the access token that came with it.
    pub at_hash: Option<String>,
    /// Okta: the identity provider, or the org itself.
    pub idp: Option<String>,
    /// Every other claim.
    pub further: E,
    aud_is_text: bool,
}

/// The claims for writing.
#[derive(Serialize)]
struct Written<'a, E> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    #[serde(with = "chrono::serde::ts_seconds")]
    exp: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_seconds")]
    iat: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_seconds_option", skip_serializing_if = "Option::is_none")]
    nbf: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(with = "chrono::serde::ts_seconds_option", skip_serializing_if = "Option::is_none")]
    auth_time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp: Option<&'a str>,
    #[serde(flatten)]
    further: &'a E,
}

impl<E: Serialize> Serialize for IdTokenClaims<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            iss: &self.iss,
            sub: &self.sub,
            aud: Audience { list: &self.aud, is_text: self.aud_is_text },
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf,
            jti: self.jti.as_deref(),
            nonce: self.nonce.as_deref(),
            auth_time: self.auth_time,
            acr: self.acr.as_deref(),
            amr: &self.amr,
            azp: self.azp.as_deref(),
            at_hash: self.at_hash.as_deref(),
            idp: self.idp.as_deref(),
            further: &self.further,
        };
        written.serialize(serializer)
    }
}

impl IdTokenClaims {
    /// Reads a payload. Nothing is checked but that claims have their types.
    pub(in crate::verify) fn read(payload: &[u8]) -> Result<Self, InvalidToken> {
        let payload = Object::parse(payload)
            .map_err(|fault| InvalidToken::Json { part: Part::Payload, fault })?;
        let mut registered = Registered::default();
        let mut session = Session::default();
        let mut further = Map::new();
        for (name, node) in payload {
            let Some(node) = registered.take(&name, node)? else { continue };
            match &*name {
                "nonce" => session.nonce = text("nonce", node)?,
                "auth_time" => session.auth_time = time("auth_time", node)?,
                "acr" => session.acr = text("acr", node)?,
                "amr" => session.amr = texts("amr", node)?,
                "azp" => session.azp = text("azp", node)?,
                "at_hash" => session.at_hash = text("at_hash", node)?,
                "idp" => session.idp = text("idp", node)?,
                _ => {
                    further.insert(name.into_owned(), node.into());
                }
            }
        }
        Self::new(registered, session, further)
    }

    fn new(
        registered: Registered,
        session: Session,
        further: Map<String, Value>,
    ) -> Result<Self, InvalidToken> {
        Ok(Self {
            iss: required("iss", registered.iss)?,
            sub: required("sub", registered.sub)?,
            aud: required("aud", registered.aud)?,
            exp: required("exp", registered.exp)?,
            iat: required("iat", registered.iat)?,
            nbf: registered.nbf,
            jti: registered.jti,
            nonce: session.nonce,
            auth_time: session.auth_time,
            acr: session.acr,
            amr: session.amr.unwrap_or_default(),
            azp: session.azp,
            at_hash: session.at_hash,
            idp: session.idp,
            further,
            aud_is_text: registered.aud_is_text,
        })
    }

    pub(in crate::verify) fn with_further<E: DeserializeOwned + 'static>(
        self,
    ) -> Result<IdTokenClaims<E>, InvalidToken> {
        Ok(IdTokenClaims {
            further: further(self.further)?,
            iss: self.iss,
            sub: self.sub,
            aud: self.aud,
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf,
            jti: self.jti,
            nonce: self.nonce,
            auth_time: self.auth_time,
            acr: self.acr,
            amr: self.amr,
            azp: self.azp,
            at_hash: self.at_hash,
            idp: self.idp,
            aud_is_text: self.aud_is_text,
        })
    }
}

/// What an ID token says about the sign-in.
#[derive(Default)]
struct Session {
    nonce: Option<String>,
    auth_time: Option<DateTime<Utc>>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
    azp: Option<String>,
    at_hash: Option<String>,
    idp: Option<String>,
}
