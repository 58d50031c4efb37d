//! The token to work on: from a file or standard input, never from the command line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use okta_introspect::{Secret, Token};
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::wrapping::strip;
use crate::failure::Failure;
use crate::files;
use crate::output;
use crate::text::{self, BYTE_ORDER_MARK, is_utf_16};

/// Far above any token; a bound for a log that was piped in by mistake.
const MAX_READ: u64 = 1024 * 1024;

/// Where a token is read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Stdin,
    /// The file of `--token-file`.
    File(&'a Path),
    /// The file that an argument names, unless the argument is a token by mistake.
    Argument(&'a Path),
}

/// Reads one token: alone, or the `access_token` of a token response.
///
/// White space around it is removed silently; quotes and an authorization scheme with a note,
/// because a server that gets them along with the token answers otherwise.
pub(crate) fn read(source: Source<'_>) -> Result<Token, Failure> {
    let (token, removed) = read_with_removed(source)?;
    note(&removed);
    Ok(token)
}

/// As [`read`], but of a token response the `refresh_token`.
pub(crate) fn read_refresh_token(source: Source<'_>) -> Result<Token, Failure> {
    let text = member_of_response(read_text(source)?, "refresh_token");
    if serde_json::from_str::<BTreeMap<String, IgnoredAny>>(&text).is_ok() {
        return Err(Failure::usage("the response has no refresh_token")
            .advise("ask for offline_access when the user signs in"));
    }
    let (token, removed) = strip(&text);
    note(&removed);
    parse(token)
}

/// As [`read`]; returns what was removed instead of printing notes.
pub(crate) fn read_with_removed(source: Source<'_>) -> Result<(Token, Vec<&'static str>), Failure> {
    let text = token_of_response(read_text(source)?);
    let (token, removed) = strip(&text);
    Ok((parse(token)?, removed))
}

fn parse(text: &str) -> Result<Token, Failure> {
    if text.is_empty() {
        return Err(Failure::usage("the token is empty")
            .advise("check the file, the variable or the command that was to give it"));
    }
    Ok(Token::parse(text)?)
}

fn note(removed: &[&str]) {
    for what in removed {
        output::note(format_args!("removed {what} around the token"));
    }
}

/// As [`read`], for commands that judge a JWS in any form: what is too long for a token is returned
/// as well, and what is no token is refused unless it may be a damaged JWS.
pub(crate) fn read_jws(source: Source<'_>) -> Result<Zeroizing<String>, Failure> {
    let text = token_of_response(read_text(source)?);
    let (token, removed) = strip(&text);
    note(&removed);
    refuse_what_is_no_jws(token)?;
    Ok(Zeroizing::new(token.to_owned()))
}

/// For test vectors, which have faults on purpose: removes nothing except what editors add, a byte order
/// mark and the line break at the end, and refuses only what no JWS in any serialisation could have
/// become.
pub(crate) fn read_unchanged(source: Source<'_>) -> Result<Zeroizing<String>, Failure> {
    let text = read_text(source)?;
    let line = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if !line.contains(['.', '{']) {
        refuse_what_is_no_jws(line)?;
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// A JWS with faults is rejected by what verifies it; about anything else there is no verdict.
fn refuse_what_is_no_jws(text: &str) -> Result<(), Failure> {
    let is_too_long = text.get(..Token::MAX_LEN).is_some_and(|start| Token::parse(start).is_ok());
    match parse(text) {
        Err(failure) if !is_too_long => Err(failure),
        _ => Ok(()),
    }
}

/// The `access_token` of a token response, which is what `token --json` prints.
fn token_of_response(text: Zeroizing<String>) -> Zeroizing<String> {
    member_of_response(text, "access_token")
}

/// A token of a token response (RFC 6749 §5.1); any other text as it is.
fn member_of_response(text: Zeroizing<String>, member: &str) -> Zeroizing<String> {
    let text = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => Zeroizing::new(text.to_owned()),
        None => text,
    };
    #[derive(Deserialize)]
    struct Response {
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
    }
    let response = serde_json::from_str::<Response>(&text).ok();
    let token = response.and_then(|response| match member {
        "refresh_token" => response.refresh_token,
        _ => response.access_token,
    });
    token.map_or(text, |token| Zeroizing::new(token.expose().to_owned()))
}

fn read_text(source: Source<'_>) -> Result<Zeroizing<String>, Failure> {
    let bytes = read_bytes(source)?;
    if is_utf_16(&bytes) {
        return Err(Failure::usage("the token is in UTF-16, not in UTF-8").advise(
            "save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8 FILE > token.txt`",
        ));
    }
    std::str::from_utf8(&bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Failure::usage("the token is binary data").advise("give the token as text"))
}

fn read_bytes(source: Source<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match source {
        Source::Argument(path) => File::open(path).and_then(read_some).map_err(|cause| {
            // Without the argument, which may be a token.
            Failure::usage("the argument is not a file that can be read")
                .because(&cause)
                .advise("tokens come from files or stdin: name the file with the token")
        }),
        Source::File(path) => File::open(path).and_then(read_some).map_err(|cause| {
            Failure::usage(format!("the token file cannot be read: {}", text::path(path)))
                .because(&cause)
                .advise("check the path and the right to read it")
        }),
        Source::Stdin => {
            if output::stdin_is_terminal() {
                output::note(
                    "reading the token from the terminal: paste it, then Enter and Ctrl-D",
                );
            }
            files::stdin("the token").and_then(|stdin| read_some(stdin.lock())).map_err(|cause| {
                Failure::usage("the token cannot be read from standard input")
                    .because(&cause)
                    .advise("pipe it in, or name a file with --token-file")
            })
        }
    }
}

fn read_some(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: a growing buffer would leave copies of the token behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * Token::MAX_LEN));
    from.take(MAX_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}
