//! Answers as the inputs write them: a status, a line for each header, an empty line, and a body.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Url;

use crate::Secret;
use crate::wire::place::Place;
use crate::wire::transport::{Answer, SentSecrets};

/// What the requests of the inputs have in them. Inputs write `{token}` and `{assertion}` for them,
/// which no fuzzer would guess, and `{part}` for eight characters of the token.
pub(super) const TOKEN: &str = "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk";
pub(super) const ASSERTION: &str =
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwb2ExIn0.c2lnbmF0dXJlLW9mLW91cnM";

/// How much of a secret in a row is never told.
pub(super) const PART: usize = 8;

/// Reads an answer; `None` where the status is none.
pub(super) fn answer(data: &[u8]) -> Option<Answer> {
    let data = with_secrets(data);
    let (head, body) = split(&data, b"\n\n");
    let (status, lines) = split(head, b"\n");
    let status = StatusCode::from_bytes(status.trim_ascii()).ok()?;
    let (headers, body) = (headers(lines), body.to_vec());
    let place = Place::of(&Url::parse("https://acme.okta.com/oauth2/v1/token").ok()?);
    let mut sent = SentSecrets::default();
    (sent[0], sent[1]) = (Some(Secret::new(TOKEN)), Some(Secret::new(ASSERTION)));
    Some(Answer { place, status, headers, body, sent, received: None })
}

/// Reads a header from each line; what no header can be is left out.
fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let (name, value) = split(line, b":");
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.trim_ascii())) {
            headers.append(name, value);
        }
    }
    headers
}

/// The parts before and after the first `separator`.
pub(super) fn split<'a>(data: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = data.windows(separator.len()).position(|window| window == separator);
    at.map_or((data, &[]), |at| (&data[..at], &data[at + separator.len()..]))
}

fn with_secrets(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let part = &TOKEN[PART..2 * PART];
    for (name, secret) in [("{token}", TOKEN), ("{assertion}", ASSERTION), ("{part}", part)] {
        let mut written = Vec::with_capacity(data.len());
        let mut rest = &data[..];
        while rest.windows(name.len()).any(|window| window == name.as_bytes()) {
            let (before, after) = split(rest, name.as_bytes());
            written.extend_from_slice(before);
            written.extend_from_slice(secret.as_bytes());
            rest = after;
        }
        written.extend_from_slice(rest);
        data = written;
    }
    data
}
