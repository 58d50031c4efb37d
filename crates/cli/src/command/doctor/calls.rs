//! The calls themselves: a token for each scope, introspection, revocation, and what the answers
//! say besides.

use okta_introspect::{
    AccessToken, Client, Endpoint, Error, ErrorKind, ResourceCall, Scopes, Token, TokenType,
};

use crate::failure::Failure;
use crate::settings::SettingsError;
use crate::text::human;

use super::examination::Examination;
use super::finding::Finding;

/// A text that no server has issued: its introspection must be inactive.
const MADE_UP: &str = "okta-introspect-doctor-made-this-up";

/// The tokens that were requested.
#[derive(Default)]
pub(super) struct Tokens {
    /// Scope and token, in the order of the scopes.
    tokens: Vec<(String, AccessToken)>,
    /// Whether the client was refused or the server did not answer: further calls would fail alike.
    pub(super) refused: bool,
}

impl Tokens {
    pub(super) fn first(&self) -> Option<&AccessToken> {
        self.tokens.first().map(|(_, token)| token)
    }
}

impl Examination<'_> {
    /// Requests a token for each scope by itself: of several scopes, a server gives those that are
    /// granted, and does not name the rest.
    pub(super) async fn tokens(&mut self, client: &Client) -> Tokens {
        let mut tokens = Tokens::default();
        if !self.settings.has_scopes() {
            self.found(Finding::skipped("token", "no scope is configured; name one with --scope"));
            return tokens;
        }
        let scopes = match self.settings.scopes() {
            Ok(scopes) => scopes,
            Err(failure) => {
                self.found(Finding::failure("token", failure));
                return tokens;
            }
        };
        for scope in scopes.iter() {
            let check = format!("token {scope}");
            if tokens.refused {
                self.skip(&[&check]);
                continue;
            }
            match request(client, scope).await {
                Ok(token) => {
                    self.found(Finding::ok(&check, describe(&token)));
                    tokens.tokens.push((scope.to_owned(), token));
                }
                Err(error) => {
                    tokens.refused = error.kind() != ErrorKind::RequestRefused;
                    self.found(Finding::error(&check, &error));
                }
            }
        }
        tokens
    }

    /// Asks about a token that is good and one that is made up: a server that answers either of them
    /// wrongly is worth nothing.
    pub(super) async fn introspect(&mut self, client: &Client, token: Option<&AccessToken>) {
        let finding = match judgements(client, token).await {
            Err(error) => Finding::error("introspect", &error),
            Ok((Some(false), _)) => Finding::failed(
                "introspect",
                "the server calls its own new token inactive: no verdict of it is worth anything",
            )
            .because("another server or a cache answers, or the app or its grants are just being changed")
            .cure("see what stands between here and the server; try again once the app is settled"),
            Ok((_, true)) => Finding::failed(
                "introspect",
                "the server calls a made-up token active: no verdict of it is worth anything",
            )
            .because("this is no authorization server to be relied on")
            .cure("see what stands at the issuer's address"),
            Ok((Some(true), false)) => {
                Finding::ok("introspect", "a new token is active, and a made-up one inactive")
            }
            Ok((None, false)) => Finding::ok("introspect", "a made-up token is inactive"),
        };
        self.found(finding);
    }

    /// Revokes a requested token, and checks that it is inactive.
    pub(super) async fn revoke(&mut self, client: &Client, tokens: &Tokens) {
        let Some(token) = tokens.first().map(AccessToken::token) else {
            return self.found(Finding::skipped("revoke", "there is no token of ours to revoke"));
        };
        let revoked = async {
            client.revoke(token, None).await?;
            client.introspect(token, None).await
        };
        let finding = match revoked.await {
            Err(error) => Finding::error("revoke", &error),
            Ok(answer) if answer.active => {
                Finding::warn("revoke", "a revoked token is still active")
                    .because("revocation takes effect with a delay")
                    .cure("try again with `okta-introspect revoke --confirm`")
            }
            Ok(_) => Finding::ok("revoke", "a revoked token is inactive"),
        };
        self.found(finding);
    }

    pub(super) fn rate_limit(&mut self, client: &Client) {
        let Some(stated) = client.rate_limit(Endpoint::Introspection) else {
            return self.found(Finding::skipped("rate_limit", "the server states no limit"));
        };
        let seen = format!(
            "{} of {} introspections are left in this minute",
            stated.remaining, stated.limit
        );
        let finding = match stated.remaining.saturating_mul(10) >= stated.limit {
            true => Finding::ok("rate_limit", seen),
            false => Finding::warn("rate_limit", seen)
                .because(
                    "the org's programs share this limit, and one app has half of it by default",
                )
                .cure("cache answers, request tokens once an hour, or raise the app's share")
                .hint("Admin Console > Reports > Rate Limits"),
        };
        self.found(finding);
    }

    pub(super) fn dpop(&mut self, token: Option<&AccessToken>) {
        let finding = match token.map(AccessToken::token_type) {
            None => Finding::skipped("dpop", "there is no token to look at"),
            Some(TokenType::Dpop) => {
                Finding::ok("dpop", "the app demands it, and tokens are bound")
            }
            Some(_) => Finding::ok("dpop", "the app does not demand it"),
        };
        self.found(finding);
    }

    /// Tries the API that a scope is for: a token may be good and its app still lack the role.
    pub(super) async fn apis(&mut self, client: &Client, tokens: &Tokens) {
        let mut tried = false;
        for (scope, _) in &tokens.tokens {
            let Some(path) = harmless_call(scope, client.client_id()) else { continue };
            tried = true;
            let check = format!("api {scope}");
            let finding = match self.get(scope, &path).await {
                Ok(_) => Finding::ok(check, format!("GET {path} answers")),
                Err(ReadError::Settings(failure)) => Finding::failure(check, failure),
                Err(ReadError::Call(error)) if is_missing(&error) => {
                    Finding::skipped(check, format!("there is no {path} here"))
                }
                Err(ReadError::Call(error)) => Finding::error(check, &error),
            };
            self.found(finding);
        }
        if !tried {
            self.found(Finding::skipped("api", "no scope is for an API that can be tried safely"));
        }
    }

    /// Calls an API of the org with a token of this scope alone.
    pub(super) async fn get(&self, scope: &str, path: &str) -> Result<Vec<u8>, ReadError> {
        let resource = self.settings.org_client()?.resource(Scopes::parse(scope)?);
        Ok(resource.call(&ResourceCall::get(path)).await?.body)
    }
}

/// Whether the server calls a new token active, if there is one, and a made-up one.
async fn judgements(
    client: &Client,
    token: Option<&AccessToken>,
) -> Result<(Option<bool>, bool), Error> {
    let good = match token {
        Some(token) => Some(client.introspect(token.token(), None).await?.active),
        None => None,
    };
    let made_up = client.introspect(&Token::parse(MADE_UP)?, None).await?.active;
    Ok((good, made_up))
}

/// Why an API could not be read.
pub(super) enum ReadError {
    Settings(Failure),
    Call(Error),
}

impl From<SettingsError> for ReadError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error.into())
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

async fn request(client: &Client, scope: &str) -> Result<AccessToken, Error> {
    client.request_token(&Scopes::parse(scope)?).await
}

pub(super) fn describe(token: &AccessToken) -> String {
    let lifetime = token.lifetime().map(|lifetime| human::duration(lifetime.as_secs()));
    format!("a {} token for {}", token.token_type().as_str(), lifetime.as_deref().unwrap_or("once"))
}

fn is_missing(error: &Error) -> bool {
    error.refusal().is_some_and(|refusal| refusal.status == 404)
}

/// A call that changes nothing and reads little.
fn harmless_call(scope: &str, client_id: &str) -> Option<String> {
    Some(match scope {
        "okta.users.read" => "/api/v1/users?limit=1".to_owned(),
        "okta.groups.read" => "/api/v1/groups?limit=1".to_owned(),
        "okta.apps.read" => format!("/api/v1/apps/{client_id}"),
        "okta.logs.read" => "/api/v1/logs?limit=1".to_owned(),
        "okta.policies.read" => "/api/v1/policies?type=OKTA_SIGN_ON".to_owned(),
        "okta.authorizationServers.read" => "/api/v1/authorizationServers?limit=1".to_owned(),
        _ => return None,
    })
}
