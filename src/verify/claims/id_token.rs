//! The claims of an ID token.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Registered, further, required, text, texts, time};
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
/// Serialised, it is the claims again, `aud` always as a list.
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
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IdTokenClaims<E = Map<String, Value>> {
    /// The server that issued the token: exactly the verifier's issuer.
    pub iss: String,
    /// The user, by an id that never changes. Okta: `00u…`.
    pub sub: String,
    /// The audiences of the token; the verifier's client id is one of them.
    pub aud: Vec<String>,
    /// When the token ends.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub exp: DateTime<Utc>,
    /// When the token was issued.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub iat: DateTime<Utc>,
    /// When the token begins, if that is later.
    #[serde(with = "chrono::serde::ts_seconds_option", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<DateTime<Utc>>,
    /// The token's id. Okta: `ID.…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The nonce of the sign-in: exactly the one that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When the user signed in.
    #[serde(with = "chrono::serde::ts_seconds_option", skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<DateTime<Utc>>,
    /// How strongly the user signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By what means the user signed in: `pwd`, `mfa`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The client to which the token was issued, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    /// Half the digest of the access token that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// Okta: the identity provider, or the org itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// Every other claim.
    #[serde(flatten)]
    pub further: E,
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
