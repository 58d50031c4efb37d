//! Whether a JWT was signed by the server that it names. Only the signature is checked: the server
//! has already judged the rest.

use okta_introspect::verify::signature_only;
use okta_introspect::{InvalidToken, Issuer, JwkSet, Jwks, Token, Verification};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::text;

use super::facts::TokenFacts;
use super::reason::Reason;

/// Compares the signature with the keys that the token's server publishes. Gives the reason that
/// this is for the token to be inactive, if it is one, and what was seen.
///
/// `asked` is the server that was asked; another one is looked at only if it is of the same org.
pub(super) async fn check(
    settings: &Settings,
    asked: &Issuer,
    token: &Token,
    facts: &TokenFacts,
) -> (Option<Reason>, String) {
    let unchecked = |why: &str| (None, format!("not checked: {why}"));
    if !facts.has_published_keys() {
        return unchecked(
            "keys are published for the access tokens of custom servers and for ID tokens only",
        );
    }
    let named = facts.text("iss").and_then(|named| Issuer::parse(named).ok());
    let Some(issuer) = named.filter(|issuer| issuer.org() == asked.org()) else {
        return unchecked("the token names no server of this org");
    };
    let keys = match keys(settings, issuer).await {
        Ok(keys) => keys,
        Err(failure) => return unchecked(&text::one_line(failure.what())),
    };
    match signature_only(token.expose(), &keys) {
        Verification::Verified(_) => (None, "good".to_owned()),
        Verification::Invalid(rejection) => match reason(&rejection) {
            Some(reason) => (Some(reason), "bad".to_owned()),
            None => unchecked(&text::one_line(&rejection.to_string())),
        },
    }
}

/// The keys that the server publishes now.
async fn keys(settings: &Settings, issuer: Issuer) -> Result<JwkSet, Failure> {
    let keys = Jwks::builder(issuer).http(settings.http()?).build()?;
    keys.refresh().await?;
    // A refresh that worked leaves a set.
    keys.status().keys.ok_or_else(|| Failure::new(Exit::Unknown, "the server has no keys"))
}

/// What a bad signature says of the token. What is wrong with the keys says nothing of it, and
/// its form is judged elsewhere.
fn reason(rejection: &InvalidToken) -> Option<Reason> {
    match rejection {
        InvalidToken::BadSignature { .. } => Some(Reason::certain(
            format!("it was changed on the way, or made by somebody else: {rejection}"),
            "compare it with what was issued, to the last character; if nobody changed it, it is a forgery",
        )),
        InvalidToken::Unsigned
        | InvalidToken::SymmetricAlgorithm { .. }
        | InvalidToken::UnsupportedAlgorithm { .. }
        | InvalidToken::AlgorithmNotForKey { .. }
        | InvalidToken::CriticalExtension
        | InvalidToken::KeyFromSender { .. } => Some(Reason::certain(
            format!("the server that it names does not make such tokens: {rejection}"),
            "do not use it: it is a forgery, or comes from another kind of server",
        )),
        InvalidToken::UnknownKey { .. } => Some(Reason::likely(
            format!("{rejection}: the key was rotated away, or was never the server's"),
            "get a new one",
        )),
        _ => None,
    }
}
