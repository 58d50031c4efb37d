//! Where a token may be sent, if a file in the working folder names the server.
//!
//! Such a file may have come with a cloned repository. What it names is asked, and a note says so;
//! but a token that says where it is from goes nowhere else.

use okta_introspect::{ClaimedIssuer, Issuer, Token};
use serde_json::Value;

use crate::failure::Failure;
use crate::input::jwt::Unverified;
use crate::settings::{Settings, SettingsError};

/// The only server to which JWTs go; any, if the user has chosen it.
#[derive(Clone, Debug, Default)]
pub(super) struct Destination {
    only: Option<Chosen>,
}

/// A server, and the file that chose it.
#[derive(Clone, Debug)]
struct Chosen {
    server: Issuer,
    file: String,
}

impl Destination {
    pub(super) fn of(settings: &Settings) -> Result<Self, SettingsError> {
        let Some((file, _)) = settings.server_of_working_folder() else {
            return Ok(Self { only: None });
        };
        let (server, file) = (settings.issuer()?, file.display().to_string());
        Ok(Self { only: Some(Chosen { server, file }) })
    }

    /// Why the token is not sent; `None` if it may be.
    fn refusal(&self, token: &Token) -> Option<String> {
        let chosen = self.only.as_ref()?;
        let org = chosen.server.org();
        let issuer = match ClaimedIssuer::of(token, &chosen.server) {
            ClaimedIssuer::Unreadable => None,
            _ => {
                let jwt = Unverified::decode(token.expose())?;
                let issuer = jwt.claims.get("iss").and_then(Value::as_str);
                issuer.and_then(|issuer| Issuer::parse(issuer).ok())
            }
        };
        match issuer {
            Some(issuer) if issuer.org() == org => None,
            Some(issuer) => Some(format!(
                "the token is from {}, and {} in this folder names {org}: it is not sent there",
                issuer.org(),
                chosen.file,
            )),
            None => Some(format!(
                "the token does not say where it is from, and {} in this folder names {org}: it is \
                 not sent there",
                chosen.file
            )),
        }
    }

    /// Fails if the token is not to be sent.
    pub(super) fn check(&self, token: &Token) -> Result<(), Failure> {
        match self.refusal(token) {
            None => Ok(()),
            Some(why) => Err(Failure::usage(why)
                .advise("name the server with --issuer if it is to be asked all the same")),
        }
    }
}

/// Fails if a file in the working folder names the server: a user's refresh token, which does not say where
/// it is from, goes to no server that the user has not chosen.
pub(super) fn check_refresh(settings: &Settings) -> Result<(), Failure> {
    let Some((file, _)) = settings.server_of_working_folder() else { return Ok(()) };
    let (file, org) = (file.display(), settings.issuer()?.org().to_owned());
    let what = format!("{file} in this folder names {org}: no refresh token is sent there");
    Err(Failure::usage(what).advise(
        "name the server with --issuer, OKTA_CLIENT_ISSUER or in ~/.okta/okta.yaml if the token is to go there",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_goes_to_its_own_issuer_and_what_is_opaque_to_the_one_that_was_chosen() {
        use base64::Engine as _;
        let jwt = |claims: &str| {
            let part = |text| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.c2ln", part("{\"alg\":\"RS256\"}"), part(claims))
        };
        let server = Issuer::parse("https://a.example").unwrap();
        let chosen = Chosen { server, file: "okta.yaml".to_owned() };
        let bound = Destination { only: Some(chosen) };
        for (text, sent) in [
            (jwt(r#"{"iss":"https://a.example"}"#), true),
            (jwt(r#"{"iss":"https://a.example/oauth2/default"}"#), true),
            (jwt(r#"{"iss":"https://a.example:8443"}"#), false),
            (jwt(r#"{"iss":"https://b.example"}"#), false),
            (jwt(r#"{"iss":"https://a.example.b.example"}"#), false),
            (jwt(r#"{"iss":"nonsense"}"#), false),
            (jwt("{}"), false),
            (jwt("[]"), false),
            (jwt(r#"{"iss":"https://b.example","iss":"https://a.example"}"#), false),
            ("opaque".to_owned(), true),
        ] {
            let token = Token::parse(&text).unwrap();
            assert_eq!(bound.check(&token).is_ok(), sent, "{text}");
            assert!(Destination { only: None }.check(&token).is_ok());
        }
    }
}
