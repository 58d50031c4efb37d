//! `token`: request a service token.

use okta_introspect::{AccessToken, Scopes, TokenType};
use serde::Serialize;

use crate::args::TokenArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

use super::other_server::{self, Needed};
use super::runtime::wait_for;
use super::setup;

pub(super) fn run(args: TokenArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client.requesting(&args.scopes, &args.dpop))?;
    let scopes = settings.scopes()?;
    let client = other_server::client(&settings, &args.server, &[Needed::Token])?;
    let token = wait_for(async {
        client.request_token(&scopes).await.map_err(|error| setup::explain(&settings, error))
    })?;
    if token.token_type() == TokenType::Dpop {
        output::note(
            "the app demands DPoP: the token is bound to a key that ends with this process, so \
             no other program can use it",
        );
    }
    if args.json {
        output::json(&TokenJson::new(&token, &scopes))?;
    } else {
        output::data(token.token().expose())?;
    }
    Ok(Exit::Done)
}

/// The names are those of RFC 6749 §5.1.
#[derive(Serialize)]
struct TokenJson<'a> {
    access_token: &'a str,
    token_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    scope: &'a Scopes,
}

impl<'a> TokenJson<'a> {
    fn new(token: &'a AccessToken, requested: &'a Scopes) -> Self {
        Self {
            access_token: token.token().expose(),
            token_type: token.token_type().as_str(),
            expires_in: token.lifetime().map(|lifetime| lifetime.as_secs()),
            // A server that names none gave what was requested (RFC 6749 §5.1).
            scope: token.scopes().unwrap_or(requested),
        }
    }
}
