//! What a token says about itself, unverified.

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::Token;
use serde_json::Value;

use crate::command::times::shifted;
use crate::input::jwt::Unverified;
use crate::text::human;

use super::reason::Reason;

/// The kind of a token, and its claims if it is a JWT.
pub(super) struct TokenFacts {
    pub(super) kind: &'static str,
    jwt: Option<Unverified>,
}

impl TokenFacts {
    pub(super) fn of(token: &Token) -> Self {
        let text = token.expose();
        let jwt = Unverified::decode(text);
        Self { kind: kind(text, jwt.as_ref()), jwt }
    }

    /// A claim that is text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.jwt.as_ref()?.claims.get(claim)?.as_str()
    }

    /// A claim that is a time.
    pub(super) fn time(&self, claim: &str) -> Option<DateTime<Utc>> {
        let seconds = self.jwt.as_ref()?.claims.get(claim)?.as_f64()?;
        DateTime::from_timestamp(seconds as i64, 0)
    }

    /// Whether its server publishes the keys with which such tokens are signed.
    pub(super) fn has_published_keys(&self) -> bool {
        [ID_TOKEN, CUSTOM_ACCESS_TOKEN].contains(&self.kind)
    }

    pub(super) fn is_bound(&self) -> bool {
        let claims = self.jwt.as_ref().map(|jwt| &jwt.claims);
        claims.is_some_and(|claims| claims.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some()))
    }

    /// Why it may be inactive, by its own claims.
    pub(super) fn reasons(&self, now: DateTime<Utc>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        match self.time("exp") {
            Some(exp) if exp <= now => reasons.push(Reason::likely(
                format!("it has expired: {}", human::time(exp, now)),
                "get a new one",
            )),
            _ => {}
        }
        // A minute's difference between two clocks is tolerated.
        let begins = self.time("nbf").or_else(|| self.time("iat"));
        match begins {
            Some(begins) if begins > shifted(now, TimeDelta::minutes(1)) => {
                reasons.push(Reason::possible(
                    format!("it is not good yet: {}", human::time(begins, now)),
                    "wait, or set this computer's clock",
                ))
            }
            _ => {}
        }
        if let Some(reason) = self.shape() {
            reasons.push(reason);
        }
        reasons
    }

    fn shape(&self) -> Option<Reason> {
        match self.kind {
            ID_TOKEN => Some(Reason::possible(
                "it is an ID token, which tells who signed in and opens nothing",
                "send the access token that came with it; or verify this one with `okta-introspect verify --id-token`",
            )),
            DAMAGED => Some(Reason::likely(
                "it begins like a JWT and is none: cut off, or changed on the way",
                "compare it with what was issued, to the last character",
            )),
            ENCRYPTED => Some(Reason::possible(
                "it is encrypted, so that only its resource server can read it",
                "ask the server that issued it",
            )),
            _ => None,
        }
    }
}

pub(super) const ID_TOKEN: &str = "an ID token";
const CUSTOM_ACCESS_TOKEN: &str = "an access token of a custom server";
const DAMAGED: &str = "a damaged JWT";
const ENCRYPTED: &str = "an encrypted JWT";

fn kind(text: &str, jwt: Option<&Unverified>) -> &'static str {
    let Some(jwt) = jwt else {
        return match (text.split('.').count(), text.starts_with("eyJ")) {
            (5, true) => ENCRYPTED,
            (_, true) => DAMAGED,
            _ => "opaque: a refresh token, a device secret, or a token of another kind of server",
        };
    };
    let claim = |name: &str| jwt.claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_org = !claim("iss").contains("/oauth2/");
    if claim("jti").starts_with("ID.") || jwt.claims.contains_key("at_hash") {
        ID_TOKEN
    } else if is_org {
        "an access token of an org server"
    } else {
        CUSTOM_ACCESS_TOKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"alg":"none"}` before, nothing after.
    fn facts(claims: &str) -> TokenFacts {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;

        let claims = URL_SAFE_NO_PAD.encode(claims);
        TokenFacts::of(&Token::parse(&format!("eyJhbGciOiJub25lIn0.{claims}.")).unwrap())
    }

    #[test]
    fn times_are_reasons_with_a_minute_of_leeway_for_those_to_come() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        for (claims, count) in [
            (r#"{"exp":1000000}"#, 1),
            (r#"{"exp":1000001}"#, 0),
            (r#"{"iat":1000060}"#, 0),
            (r#"{"iat":1000061}"#, 1),
            (r#"{"nbf":1000061,"iat":1}"#, 1),
            ("{}", 0),
        ] {
            assert_eq!(facts(claims).reasons(now).len(), count, "{claims}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        for (claims, kind) in [
            (r#"{"jti":"ID.x","iss":"https://a/oauth2/default"}"#, ID_TOKEN),
            (
                r#"{"jti":"AT.x","iss":"https://a/oauth2/default"}"#,
                "an access token of a custom server",
            ),
            (r#"{"jti":"AT.x","iss":"https://a"}"#, "an access token of an org server"),
        ] {
            assert_eq!(facts(claims).kind, kind, "{claims}");
        }
        for (text, kind) in [("eyJx", DAMAGED), ("eyJx.e30", DAMAGED), ("eyJx.a.b.c.d", ENCRYPTED)]
        {
            assert_eq!(TokenFacts::of(&Token::parse(text).unwrap()).kind, kind, "{text}");
        }
    }
}
