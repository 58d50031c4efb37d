//! `token --refresh`: an access token for a user's refresh token, of which nothing may get lost.

use std::path::Path;

use okta_introspect::{ErrorKind, Refreshed, Scopes, Token};
use serde::Serialize;

use crate::args::TokenArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token::{self, Source};
use crate::output::{self, Reader};
use crate::storage::refresh_token::{Kept, Spare};
use crate::text::{self, advice::for_command};

use super::super::destination;
use super::super::other_server::{self, Needed};
use super::super::runtime::wait_for;
use super::super::setup;
use super::{TokenJson, note_bound};

pub(super) fn run(args: TokenArgs) -> Result<Exit, Failure> {
    // Those of the settings are for service tokens.
    let scopes = match args.scopes.is_empty() {
        true => None,
        false => Some(Scopes::parse(&args.scopes.join(" "))?),
    };
    let settings = setup::settings(args.client.requesting(&args.scopes, &args.dpop))?;
    destination::check_refresh(&settings)?;
    let client = other_server::client(&settings, &args.server, &[Needed::Token])?;
    let (old, place) = match &args.refresh_token_file {
        Some(path) => {
            let kept = Kept::lock(path)?;
            let old = match args.refresh {
                true => {
                    let given = token::read_refresh_token(Source::Stdin)?;
                    see_what_is_replaced(path, &given)?;
                    given
                }
                false => token::read_refresh_token(Source::File(path))?,
            };
            kept.prepare(&old)?;
            (old, Place::File(kept))
        }
        None => {
            let old = token::read_refresh_token(Source::Stdin)?;
            (
                old,
                Place::Output {
                    spare: Spare::prepare()?,
                    as_json: args.json && output::stdout_leads_on(),
                },
            )
        }
    };
    let refreshed = wait_for(async {
        match client.refresh(&old, scopes.as_ref()).await {
            Ok(refreshed) => Ok(Some(refreshed)),
            Err(error) if error.kind() == ErrorKind::InvalidGrant => {
                output::notice(setup::explain(&settings, error));
                Ok(None)
            }
            Err(error) => {
                let new = error.refresh_token();
                // What becomes of the refresh token matters more than any cure.
                let fate =
                    error.may_have_taken_effect().then(|| for_command(error.advice()).into_owned());
                let failure = setup::explain(&settings, error);
                let failure = fate.into_iter().fold(failure, Failure::advise);
                Err(match new {
                    Some(new) => place.rescue(&new, failure),
                    None => failure,
                })
            }
        }
    })?;
    let Some(refreshed) = refreshed else { return Ok(Exit::Denied) };
    place.keep(&old, &refreshed)?;
    note_bound(&refreshed.access_token);
    if args.json {
        place.print(&old, &refreshed)?;
    } else {
        output::data(refreshed.access_token.token().expose())?;
    }
    Ok(Exit::Done)
}

/// Sees that a file holds a refresh token, or nothing yet, before another one is written over it.
fn see_what_is_replaced(path: &Path, given: &Token) -> Result<(), Failure> {
    // What is no file is told as that.
    if path.metadata().map_or(true, |file| !file.is_file() || file.len() == 0) {
        return Ok(());
    }
    let held = token::read_refresh_token(Source::File(path)).map_err(|cause| {
        let what = format!("the refresh token file holds no refresh token: {}", text::path(path));
        Failure::usage(format!("{what}: {}", cause.what()))
            .advise("name another file, or remove this one")
    })?;
    if held.expose() != given.expose() {
        let path = text::path(path);
        output::note(format_args!("{path} held another token, which is replaced"));
    }
    Ok(())
}

/// Where the refresh token goes that replaces the old one.
enum Place {
    /// A file that holds the one to use, whatever happens.
    File(Kept),
    /// Standard output if that is JSON and leads anywhere; and beside it, so that what is printed as an access token is
    /// that alone.
    Output { spare: Spare, as_json: bool },
}

impl Place {
    /// Keeps the refresh token before anything is printed.
    fn keep(&self, old: &Token, refreshed: &Refreshed) -> Result<(), Failure> {
        match (self, &refreshed.refresh_token) {
            (Self::File(kept), new) => kept.replace(new.as_ref().unwrap_or(old)),
            (Self::Output { spare, as_json: false }, Some(new)) => {
                let path = spare.keep(new)?;
                output::notice(format_args!(
                    "the server has replaced the refresh token; the new one is in {}: move it, and next time \
                     name a file with --refresh-token-file, or take --json",
                    text::path(&path)
                ));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Keeps the refresh token of an answer that is of no use otherwise, and has the failure tell it.
    fn rescue(&self, new: &Token, failure: Failure) -> Failure {
        let kept = match self {
            Self::File(kept) => kept.replace(new).map(|()| kept.path().to_owned()),
            Self::Output { spare, .. } => spare.keep(new),
        };
        match kept {
            Ok(path) => {
                let place = format!("in {}", text::path(&path));
                let advice = failure.advice().replace("that of the answer", &place);
                failure.advise(advice)
            }
            Err(lost) => {
                output::notice(lost);
                failure
            }
        }
    }

    /// Prints everything as JSON. A refresh token that cannot be printed is kept all the same.
    fn print(&self, old: &Token, refreshed: &Refreshed) -> Result<(), Failure> {
        let refresh_token = match self {
            Self::File(_) => None,
            Self::Output { .. } => Some(refreshed.refresh_token.as_ref().unwrap_or(old)),
        };
        let printed = output::json_line(&RefreshedJson {
            token: TokenJson::new(&refreshed.access_token, None),
            refresh_token: refresh_token.map(Token::expose),
            id_token: refreshed.id_token.as_ref().map(Token::expose),
        });
        match (self, &refreshed.refresh_token, printed) {
            (Self::Output { spare, .. }, Some(new), Err(_) | Ok(Reader::Gone)) => {
                let path = text::path(&spare.keep(new)?);
                Err(Failure::new(Exit::Unknown, "the output cannot be written")
                    .advise(format!("the refresh token that replaces the old one is in {path}")))
            }
            (.., printed) => printed.map(drop),
        }
    }
}

/// The names are those of RFC 6749 §5.1 and OpenID Connect.
#[derive(Serialize)]
struct RefreshedJson<'a> {
    #[serde(flatten)]
    token: TokenJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
}
