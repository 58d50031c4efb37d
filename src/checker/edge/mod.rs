//! The edge: what can be refused by looking at a token alone, and which server to ask otherwise.
//!
//! It lets nothing in: the edge can deny, and it can route the question to one of the servers that
//! are trusted anyway. Only [`local`] verifies anything.

pub(crate) mod local;

use chrono::{DateTime, Utc};

use crate::checker::policy::denial::Reason;
use crate::issuer::Issuer;
use crate::jws::unverified::Claims;
use crate::secret::Token;

/// The issuers whose tokens are known here.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Each name of an issuer, and the server to ask about its tokens. The first server is the
    /// one for tokens that do not say where they are from.
    names: Vec<(String, usize)>,
    /// Whether each server's tokens are opaque: then only their shape is looked at.
    opaque: Vec<bool>,
}

/// A token that the edge did not refuse.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) token: Token,
    /// The token's own end, if it says one.
    pub(crate) own_end: Option<DateTime<Utc>>,
    /// Whether it is a JWT that names the server's issuer.
    pub(crate) names_issuer: bool,
}

impl Routes {
    pub(crate) fn new<'a>(servers: impl IntoIterator<Item = &'a Issuer>) -> Self {
        let mut routes = Self { names: Vec::new(), opaque: Vec::new() };
        for (server, issuer) in servers.into_iter().enumerate() {
            routes.names.push((issuer.as_str().to_owned(), server));
            routes.opaque.push(issuer.is_org());
        }
        routes
    }

    /// Lets tokens of another name be asked about at this server.
    pub(crate) fn alias(&mut self, issuer: &Issuer, server: usize) {
        self.names.push((issuer.as_str().to_owned(), server));
    }

    /// The server whose issuer has this name.
    pub(crate) fn server(&self, issuer: &str) -> Option<usize> {
        self.names.iter().find(|(name, _)| name == issuer).map(|(_, server)| *server)
    }

    /// The names of a server's issuer.
    pub(crate) fn names(&self, server: usize) -> impl Iterator<Item = &str> {
        self.names.iter().filter(move |(_, of)| *of == server).map(|(name, _)| name.as_str())
    }

    /// A name that stands for two servers, if there is one.
    pub(crate) fn ambiguous(&self) -> Option<&str> {
        let twice = self.names.iter().find(|(name, server)| {
            self.names.iter().any(|(other, of)| other == name && of != server)
        });
        twice.map(|(name, _)| name.as_str())
    }

    /// The server to ask about a token. A pure function of the token's text, so a token always
    /// goes to the same server. `None`: its issuer is unknown, or may be any.
    pub(crate) fn route(&self, text: &str) -> Option<usize> {
        if self.opaque.len() == 1 {
            // There is one server; whether the token is foreign is seen before it is asked.
            return Some(0);
        }
        match Claims::peek(text).ok()?.and_then(|claims| claims.iss) {
            Some(issuer) => self.server(&issuer),
            None => Some(0),
        }
    }

    /// Refuses what cannot be a good token of this server at `now`.
    pub(crate) fn inspect(
        &self,
        text: &str,
        server: usize,
        now: DateTime<Utc>,
    ) -> Result<Passed, Reason> {
        let token = Token::parse(text).map_err(|_| Reason::Malformed)?;
        let claims = Claims::peek(text).map_err(|_| Reason::UnknownIssuer)?.unwrap_or_default();
        match claims.iss.as_deref().map(|issuer| self.server(issuer)) {
            None => {}
            Some(None) => return Err(Reason::UnknownIssuer),
            Some(Some(own)) if own == server => {}
            Some(Some(_)) => return Err(Reason::Issuer),
        }
        let own_end = end(&claims).filter(|_| !self.opaque[server] && claims.iss.is_some());
        match own_end {
            Some(end) if end <= now => Err(Reason::Expired),
            own_end => Ok(Passed { token, own_end, names_issuer: claims.iss.is_some() }),
        }
    }
}

fn end(claims: &Claims) -> Option<DateTime<Utc>> {
    // The cast saturates; what is out of range is no time, and left to the server.
    claims.exp.and_then(|exp| DateTime::from_timestamp(exp.floor() as i64, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    const ORG: &str = "https://acme.okta.com";
    const CUSTOM: &str = "https://acme.okta.com/oauth2/default";

    fn routes(servers: &[&str]) -> Routes {
        let issuers: Vec<_> = servers.iter().map(|text| Issuer::parse(text).unwrap()).collect();
        Routes::new(&issuers)
    }

    fn jwt(claims: Value) -> String {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", encode(json!({"alg": "RS256"})), encode(claims))
    }

    /// A JWT with exactly this payload.
    fn of(payload: &str) -> String {
        format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn jwts_go_to_their_issuer_and_opaque_tokens_to_the_first_server() {
        let mut routes = routes(&[ORG, CUSTOM]);
        routes.alias(&Issuer::parse("https://login.acme.example").unwrap(), 0);
        for (name, token, server) in [
            ("opaque", "opaque".to_owned(), Some(0)),
            ("org", jwt(json!({"iss": ORG})), Some(0)),
            ("custom", jwt(json!({"iss": CUSTOM})), Some(1)),
            ("alias", jwt(json!({"iss": "https://login.acme.example"})), Some(0)),
            ("foreign", jwt(json!({"iss": "https://evil.example"})), None),
            ("no issuer", jwt(json!({"exp": 1})), Some(0)),
            ("issuer twice", of(&format!(r#"{{"iss":"{ORG}","iss":"{ORG}"}}"#)), None),
            ("a member twice", of(&format!(r#"{{"sub":1,"sub":2,"iss":"{ORG}"}}"#)), None),
            ("a number for an issuer", of(r#"{"iss":1}"#), None),
            ("a list of issuers", of(&format!(r#"{{"iss":["{ORG}"]}}"#)), None),
            ("a list of claims", of("[]"), None),
            ("foreign, without an end", of(r#"{"iss":"https://evil.example","exp":"x"}"#), None),
            ("null for an issuer", of(r#"{"iss":null}"#), Some(0)),
            ("not JSON", "eyJh.eyJh.c2ln".to_owned(), Some(0)),
            ("encrypted", "eyJh.a.b.c.d".to_owned(), Some(0)),
        ] {
            assert_eq!(routes.route(&token), server, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_good_is_refused_without_asking() {
        let routes = routes(&[ORG, CUSTOM]);
        let custom = |exp: Value| jwt(json!({"iss": CUSTOM, "exp": exp}));
        for (name, token, server, expected) in [
            ("not a token", "a b".to_owned(), 0, Some(Reason::Malformed)),
            ("scheme left on", "Bearer abc".to_owned(), 0, Some(Reason::Malformed)),
            ("empty", String::new(), 0, Some(Reason::Malformed)),
            ("foreign", jwt(json!({"iss": "https://x.example"})), 0, Some(Reason::UnknownIssuer)),
            ("another server's", jwt(json!({"iss": CUSTOM})), 0, Some(Reason::Issuer)),
            ("expired", custom(json!(99)), 1, Some(Reason::Expired)),
            ("ends now", custom(json!(100)), 1, Some(Reason::Expired)),
            ("ends within this second", custom(json!(100.9)), 1, Some(Reason::Expired)),
            ("lives", custom(json!(101)), 1, None),
            ("an end that is none", custom(json!(1e300)), 1, None),
            ("the org's are opaque", jwt(json!({"iss": ORG, "exp": 1})), 0, None),
            ("opaque", "opaque".to_owned(), 0, None),
            ("issuer twice", of(r#"{"iss":"a","iss":"b"}"#), 0, Some(Reason::UnknownIssuer)),
            ("a list of claims", of("[]"), 0, Some(Reason::UnknownIssuer)),
        ] {
            assert_eq!(routes.inspect(&token, server, at(100)).err(), expected, "{name}");
        }
    }
}
