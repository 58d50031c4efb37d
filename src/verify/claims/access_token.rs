//! The claims of an access token.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Audience, Registered, further, required, text, time};
use crate::jws::Part;
use crate::oauth::introspect::Confirmation;
use crate::scope::Scopes;
use crate::support::json::{Node, Object};
use crate::verify::invalid::InvalidToken;

/// The claims of an access token of an Okta custom authorization server; other servers' JWT
/// access tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) are read as well.
///
/// Claims that are not listed go into [`further`](Self::further): all of them as JSON, or a
/// struct of the program's own, see
/// [`VerifierBuilder::further_claims`](crate::VerifierBuilder::further_claims).
///
/// Serialised, it is the claims again, named and formed as they were in the token.
///
/// # Example: a claim of the org's own
///
/// ```
/// use okta_introspect::{AccessTokenClaims, Verified};
///
/// #[derive(serde::Deserialize)]
/// struct Further {
///     tenant: String,
/// }
///
/// fn tenant(token: &Verified<AccessTokenClaims<Further>>) -> Option<&str> {
///     let claims = token.claims();
///     claims.scp.contains("orders.read").then_some(claims.further.tenant.as_str())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AccessTokenClaims<E = Map<String, Value>> {
    /// The server that issued the token: exactly the verifier's issuer.
    pub iss: String,
    /// The subject. Okta: the user's login, or the client id of a token without a user.
    pub sub: String,
    /// The audiences of the token; the verifier's audience is one of them.
    pub aud: Vec<String>,
    /// When the token ends.
    pub exp: DateTime<Utc>,
    /// When the token was issued.
    pub iat: DateTime<Utc>,
    /// When the token begins, if that is later.
    pub nbf: Option<DateTime<Utc>>,
    /// The token's id. Okta: `AT.…`.
    pub jti: Option<String>,
    /// The client to which the token was issued; of other servers, `client_id`.
    pub cid: Option<String>,
    /// Okta: the user's id. Absent if there is no user.
    pub uid: Option<String>,
    /// What the token permits; of other servers, `scope`.
    pub scp: Scopes,
    /// When the user signed in.
    pub auth_time: Option<DateTime<Utc>>,
    /// How strongly the user signed in.
    pub acr: Option<String>,
    /// The key whose possession the sender must prove. A token with `cnf` must not be accepted as
    /// a plain bearer token: check the proof too.
    pub cnf: Option<Confirmation>,
    /// Every other claim.
    pub further: E,
    spelling: Spelling,
}

/// How a token spells what other servers spell otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
struct Spelling {
    aud_is_text: bool,
    /// `client_id` for `cid`.
    client_id: bool,
    /// `scope`, a text, for `scp`, a list.
    scope: bool,
    /// The scopes in their order, which [`Scopes`] does not keep.
    scopes: String,
}

impl Spelling {
    /// The scopes as the token has them, or, should they have been changed, as they are now.
    fn scopes<'a>(&'a self, now: &'a Scopes) -> Vec<&'a str> {
        match Scopes::from_answer(&self.scopes) == *now {
            true => self.scopes.split_ascii_whitespace().collect(),
            false => now.iter().collect(),
        }
    }
}

/// The claims for writing. Each of `cid` and `scp` has two names, of which one is written.
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
    cid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(with = "chrono::serde::ts_seconds_option", skip_serializing_if = "Option::is_none")]
    auth_time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Confirmation>,
    #[serde(flatten)]
    further: &'a E,
}

impl<E: Serialize> Serialize for AccessTokenClaims<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelling { aud_is_text, client_id, scope, .. } = self.spelling;
        let cid = self.cid.as_deref();
        let scopes = Some(self.spelling.scopes(&self.scp)).filter(|scopes| !scopes.is_empty());
        let written = Written {
            iss: &self.iss,
            sub: &self.sub,
            aud: Audience { list: &self.aud, is_text: aud_is_text },
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf,
            jti: self.jti.as_deref(),
            cid: cid.filter(|_| !client_id),
            client_id: cid.filter(|_| client_id),
            uid: self.uid.as_deref(),
            scope: scopes.as_ref().filter(|_| scope).map(|scopes| scopes.join(" ")),
            scp: scopes.filter(|_| !scope),
            auth_time: self.auth_time,
            acr: self.acr.as_deref(),
            cnf: self.cnf.as_ref(),
            further: &self.further,
        };
        written.serialize(serializer)
    }
}

impl<E> AccessTokenClaims<E> {
    /// Whether the token is bound to a key.
    pub fn is_bound(&self) -> bool {
        self.cnf.is_some()
    }
}

impl AccessTokenClaims {
    /// Reads a payload. Nothing is checked but that claims have their types.
    pub(in crate::verify) fn read(payload: &[u8]) -> Result<Self, InvalidToken> {
        let payload = Object::parse(payload)
            .map_err(|fault| InvalidToken::Json { part: Part::Payload, fault })?;
        let mut registered = Registered::default();
        let mut okta = Okta::default();
        let mut further = Map::new();
        for (name, node) in payload {
            let Some(node) = registered.take(&name, node)? else { continue };
            match &*name {
                "cid" => okta.cid = text("cid", node)?,
                "client_id" => okta.client_id = text("client_id", node)?,
                "uid" => okta.uid = text("uid", node)?,
                "scp" => okta.scp = scope_list(node)?,
                "scope" => okta.scope = text("scope", node)?,
                "auth_time" => okta.auth_time = time("auth_time", node)?,
                "acr" => okta.acr = text("acr", node)?,
                "cnf" => okta.cnf = confirmation(node)?,
                _ => {
                    further.insert(name.into_owned(), node.into());
                }
            }
        }
        Self::new(registered, okta, further)
    }

    fn new(
        registered: Registered,
        okta: Okta,
        mut further: Map<String, Value>,
    ) -> Result<Self, InvalidToken> {
        // Where a token has both, the other one is a claim like any.
        let others = [
            ("client_id", okta.cid.as_ref().and(okta.client_id.as_ref()).cloned()),
            ("scope", okta.scp.as_ref().and(okta.scope.as_ref()).cloned()),
        ];
        for (name, other) in others {
            further.extend(other.map(|text| (name.to_owned(), Value::String(text))));
        }
        let spelling = Spelling {
            aud_is_text: registered.aud_is_text,
            client_id: okta.cid.is_none(),
            scope: okta.scp.is_none(),
            scopes: okta.scp.or(okta.scope).unwrap_or_default(),
        };
        Ok(Self {
            iss: required("iss", registered.iss)?,
            sub: required("sub", registered.sub)?,
            aud: required("aud", registered.aud)?,
            exp: required("exp", registered.exp)?,
            iat: required("iat", registered.iat)?,
            nbf: registered.nbf,
            jti: registered.jti,
            cid: okta.cid.or(okta.client_id),
            uid: okta.uid,
            scp: Scopes::from_answer(&spelling.scopes),
            auth_time: okta.auth_time,
            acr: okta.acr,
            cnf: okta.cnf,
            further,
            spelling,
        })
    }

    pub(in crate::verify) fn with_further<E: DeserializeOwned + 'static>(
        self,
    ) -> Result<AccessTokenClaims<E>, InvalidToken> {
        Ok(AccessTokenClaims {
            further: further(self.further)?,
            iss: self.iss,
            sub: self.sub,
            aud: self.aud,
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf,
            jti: self.jti,
            cid: self.cid,
            uid: self.uid,
            scp: self.scp,
            auth_time: self.auth_time,
            acr: self.acr,
            cnf: self.cnf,
            spelling: self.spelling,
        })
    }
}

/// Okta's own claims, and those that RFC 9068 has in their place.
#[derive(Default)]
struct Okta {
    cid: Option<String>,
    client_id: Option<String>,
    uid: Option<String>,
    scp: Option<String>,
    scope: Option<String>,
    auth_time: Option<DateTime<Utc>>,
    acr: Option<String>,
    cnf: Option<Confirmation>,
}

/// Okta writes a list of scopes where RFC 9068 §2.2.3 has a text: the list as such a text. A name
/// with a blank in it would become two scopes, so it is none.
fn scope_list(node: Node<'_>) -> Result<Option<String>, InvalidToken> {
    let malformed = InvalidToken::MalformedClaim { name: "scp" };
    let items = match node {
        Node::Null => return Ok(None),
        Node::List(items) => items,
        _ => return Err(malformed),
    };
    let mut list = String::new();
    for item in &items {
        match item {
            Node::Text(name) if !name.contains(char::is_whitespace) => {
                list.push_str(name);
                list.push(' ');
            }
            _ => return Err(malformed),
        }
    }
    Ok(Some(list))
}

/// A binding that cannot be read is no reason to take the token for an unbound one.
fn confirmation(node: Node<'_>) -> Result<Option<Confirmation>, InvalidToken> {
    match node {
        Node::Null => Ok(None),
        Node::Object(members) => Confirmation::deserialize(Value::Object(members.into_map()))
            .map(Some)
            .map_err(|_| InvalidToken::MalformedClaim { name: "cnf" }),
        _ => Err(InvalidToken::MalformedClaim { name: "cnf" }),
    }
}
