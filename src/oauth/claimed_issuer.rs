//! Which server a token says that it is from, and what the answer of another one is worth.

use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::jws::unverified::Claims;
use crate::oauth::introspect::Introspection;
use crate::secret::Token;

/// The server that a token names as its issuer, seen from the server that is to be asked about it.
///
/// A server calls the tokens of other servers inactive
/// ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)), good ones too. So
/// *active* counts wherever it is said, and *inactive* only from a server that can know the token.
/// The claim is unverified: it decides which server of one org is asked, and nothing else.
///
/// # Example: no verdict from a server that cannot know
///
/// ```no_run
/// use okta_introspect::{ClaimedIssuer, Client, Error, Token};
///
/// async fn is_active(client: &Client, token: &Token) -> Result<bool, Error> {
///     let answer = client.introspect(token, None).await?;
///     let claimed = ClaimedIssuer::of(token, client.issuer());
///     Ok(claimed.judge(answer, client.issuer())?.active)
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClaimedIssuer {
    /// None is named: the token is opaque, encrypted, or a JWT without `iss`. An inactive answer
    /// proves that this server does not take it; another one may.
    Unstated,
    /// It is a JWT that may name any: its `iss` is there twice or is no text, another claim is there
    /// twice, or its claims are no object.
    Unreadable,
    /// The server that is asked.
    Asked,
    /// Another server of the same org: ask that one.
    SameOrg(Issuer),
    /// A server at another address, as a URL if it is one. It may be the same under a custom
    /// domain, or have nothing to do with it.
    Other(Option<Issuer>),
}

impl ClaimedIssuer {
    /// Reads the token's `iss`. Nothing is verified, and nothing is sent.
    pub fn of(token: &Token, asked: &Issuer) -> Self {
        let named = match Claims::peek(token.expose()) {
            Ok(claims) => claims.and_then(|claims| claims.iss),
            Err(_) => return Self::Unreadable,
        };
        let Some(named) = named else { return Self::Unstated };
        if named.trim_end_matches('/') == asked.as_str() {
            return Self::Asked;
        }
        match Issuer::parse(&named) {
            Ok(issuer) if issuer == *asked => Self::Asked,
            Ok(issuer) if asked.is_okta() && issuer.org() == asked.org() => Self::SameOrg(issuer),
            Ok(issuer) => Self::Other(Some(issuer)),
            Err(_) => Self::Other(Issuer::parse_other(&named).ok()),
        }
    }

    /// Whether a server that is asked can tell an inactive token from one that it does not know,
    /// as far as the token says.
    pub fn is_known_there(&self) -> bool {
        matches!(self, Self::Unstated | Self::Asked)
    }

    /// Returns the answer of the server that was `asked`, if it is a verdict.
    ///
    /// # Errors
    ///
    /// [`WrongServer`](crate::ErrorKind::WrongServer) if the answer is *inactive* and the token
    /// names another server, or may do so.
    pub fn judge(&self, answer: Introspection, asked: &Issuer) -> Result<Introspection, Error> {
        let names = match self {
            _ if answer.active || self.is_known_there() => return Ok(answer),
            Self::SameOrg(issuer) | Self::Other(Some(issuer)) => format!("names {issuer}"),
            Self::Unreadable => "does not say readably which server it is from".to_owned(),
            _ => "names an issuer that is no URL".to_owned(),
        };
        let what = format!(
            "cannot tell: the token {names}, and {asked} was asked, which calls the tokens of others inactive"
        );
        Err(Error::new(ErrorKind::WrongServer, what).advise("ask the server that the token names"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const ORG: &str = "https://acme.okta.com";
    const CUSTOM: &str = "https://acme.okta.com/oauth2/default";

    fn issuer(text: &str) -> Issuer {
        Issuer::parse(text).unwrap()
    }

    fn token(claims: &serde_json::Value) -> Token {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        Token::parse(&format!("eyJhbGciOiJSUzI1NiJ9.{payload}.c2ln")).unwrap()
    }

    fn claimed(iss: &str, asked: &str) -> ClaimedIssuer {
        ClaimedIssuer::of(&token(&json!({"iss": iss})), &issuer(asked))
    }

    #[test]
    fn servers_are_compared_and_not_their_spelling() {
        let same_org = |text: &str| ClaimedIssuer::SameOrg(issuer(text));
        let other = |text: &str| ClaimedIssuer::Other(Issuer::parse_other(text).ok());
        for (iss, asked, expected) in [
            (ORG, ORG, ClaimedIssuer::Asked),
            ("https://ACME.okta.com/", ORG, ClaimedIssuer::Asked),
            (CUSTOM, CUSTOM, ClaimedIssuer::Asked),
            (CUSTOM, ORG, same_org(CUSTOM)),
            (ORG, CUSTOM, same_org(ORG)),
            (
                "https://acme.okta.com/oauth2/other",
                CUSTOM,
                same_org("https://acme.okta.com/oauth2/other"),
            ),
            (
                "https://acme.okta.com:8443",
                ORG,
                ClaimedIssuer::Other(Some(issuer("https://acme.okta.com:8443"))),
            ),
            (
                "https://login.acme.example",
                ORG,
                ClaimedIssuer::Other(Some(issuer("https://login.acme.example"))),
            ),
            (
                "https://acme.okta.com.evil.example/oauth2/default",
                CUSTOM,
                ClaimedIssuer::Other(Some(issuer(
                    "https://acme.okta.com.evil.example/oauth2/default",
                ))),
            ),
            ("https://acme.okta.com/realms/x", ORG, other("https://acme.okta.com/realms/x")),
            ("joe", ORG, ClaimedIssuer::Other(None)),
        ] {
            assert_eq!(claimed(iss, asked), expected, "{iss} at {asked}");
        }
        let realm = Issuer::parse_other("https://id.example/realms/a").unwrap();
        let of = |iss: &str| ClaimedIssuer::of(&token(&json!({"iss": iss})), &realm);
        assert_eq!(of("https://id.example/realms/a/"), ClaimedIssuer::Asked);
        assert!(matches!(of("https://id.example/realms/b"), ClaimedIssuer::Other(Some(_))));
    }

    #[test]
    fn what_names_no_issuer_is_known_wherever_it_is_asked_about() {
        let mut texts = vec!["opaque".to_owned(), "a.b.c".to_owned(), "eyJh.a.b.c.d".to_owned()];
        texts.extend(
            [json!({}), json!({"iss": null})].map(|claims| token(&claims).expose().to_owned()),
        );
        for text in texts {
            let claimed = ClaimedIssuer::of(&Token::parse(&text).unwrap(), &issuer(ORG));
            assert_eq!(claimed, ClaimedIssuer::Unstated, "{text}");
        }
    }

    #[test]
    fn what_may_name_any_issuer_is_known_nowhere() {
        for claims in [json!({"iss": 1}), json!({"iss": [ORG]}), json!([]), json!([{"iss": ORG}])] {
            let claimed = ClaimedIssuer::of(&token(&claims), &issuer(ORG));
            assert_eq!(claimed, ClaimedIssuer::Unreadable, "{claims}");
        }
    }

    #[test]
    fn active_counts_everywhere_and_inactive_only_where_the_token_can_be_known() {
        let answer = |active: bool| serde_json::from_value(json!({"active": active})).unwrap();
        for (name, claimed, inactive_counts) in [
            ("asked", ClaimedIssuer::Asked, true),
            ("unstated", ClaimedIssuer::Unstated, true),
            ("same org", ClaimedIssuer::SameOrg(issuer(CUSTOM)), false),
            ("other", ClaimedIssuer::Other(Some(issuer("https://login.acme.example"))), false),
            ("no URL", ClaimedIssuer::Other(None), false),
            ("unreadable", ClaimedIssuer::Unreadable, false),
        ] {
            assert!(claimed.judge(answer(true), &issuer(ORG)).unwrap().active, "{name}");
            let inactive = claimed.judge(answer(false), &issuer(ORG));
            let error = inactive.map(|_: Introspection| ()).err();
            let expected = (!inactive_counts).then_some(ErrorKind::WrongServer);
            assert_eq!(error.map(|error| error.kind()), expected, "{name}");
        }
    }
}
