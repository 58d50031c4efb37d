//! One line of the input, and the line of output that answers it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::{Introspection, Token, TokenTypeHint};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::input::wrapping;
use crate::text::BYTE_ORDER_MARK;

use super::members::{self, Written};

/// A question about one token.
#[derive(Debug)]
pub(super) struct Question {
    /// The number of the line, from 1.
    pub(super) line: u64,
    /// The token and what kind it is, or why there is none to ask about.
    pub(super) token: Result<(Token, Option<TokenTypeHint>), NoToken>,
    /// By this the line is recognised: the token's fingerprint, or the hash of the whole line.
    pub(super) mark: String,
    /// The other members of the line.
    others: Map<String, Value>,
}

/// Why there is no token to ask about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum NoToken {
    /// The line is blank; nothing answers it.
    Blank,
    /// What is wrong with the line.
    Fault(String),
}

/// What came of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Active,
    Inactive,
    /// Inactive where it was asked about, and it names no server.
    Untaken,
    /// The server has no verdict about this token.
    Unknown,
    /// The server refused the question about this token.
    Refused,
    /// The line has no token.
    Unusable,
    Blank,
}

/// One line of output. The names are stable; members of the input that have the same names are
/// left out, and those that hold secrets are masked.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) line: u64,
    /// The token's fingerprint.
    pub(super) token: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) introspection: Option<Introspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip)]
    pub(super) outcome: Outcome,
    #[serde(skip)]
    pub(super) mark: String,
}

/// The members of a record that are ours.
const OURS: [&str; 4] = ["line", "token", "introspection", "error"];

impl Question {
    /// Reads a token alone, or a JSON object that holds it: a member `token`, or a token response,
    /// which is what `token --json` prints; `hint` may stand in the object as well.
    pub(super) fn read(line: u64, text: &str, hint: Option<TokenTypeHint>) -> Self {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim();
        let mut others = Map::new();
        let token = if text.is_empty() {
            Err(NoToken::Blank)
        } else if !text.starts_with('{') || text.starts_with("{{") {
            token(text, hint).map_err(NoToken::Fault)
        } else {
            match serde_json::from_str::<Written>(text) {
                Ok(members) => {
                    let ambiguity = members.ambiguity();
                    others = members.into_map();
                    let token = token_of_object(&mut others, hint);
                    ambiguity.map_or(token, Err).map_err(NoToken::Fault)
                }
                // Not the parser's message: it may quote the line.
                Err(_) => {
                    Err(NoToken::Fault("the line is neither a token nor a JSON object".to_owned()))
                }
            }
        };
        let mark = match &token {
            Ok((token, _)) => token.fingerprint(),
            Err(_) => mark(text.as_bytes()),
        };
        Self { line, token, mark, others }
    }

    /// A line that cannot be a question.
    pub(super) fn unreadable(line: u64, text: &[u8], why: &str) -> Self {
        let token = Err(NoToken::Fault(why.to_owned()));
        Self { line, token, mark: mark(text), others: Map::new() }
    }

    /// The server's answer to it.
    pub(super) fn answered(self, outcome: Outcome, introspection: Introspection) -> Record {
        self.record(outcome, Some(introspection), None)
    }

    /// Why there is no answer.
    pub(super) fn unanswered(self, outcome: Outcome, why: impl Into<String>) -> Record {
        self.record(outcome, None, Some(why.into()))
    }

    /// The record of a line about which nothing is asked.
    pub(super) fn without_token(self, why: NoToken) -> Record {
        match why {
            NoToken::Blank => self.record(Outcome::Blank, None, None),
            NoToken::Fault(fault) => self.unanswered(Outcome::Unusable, fault),
        }
    }

    fn record(
        self,
        outcome: Outcome,
        introspection: Option<Introspection>,
        error: Option<String>,
    ) -> Record {
        let token = self.token.as_ref().ok().map(|(token, _)| token.fingerprint());
        let Self { line, others, mark, .. } = self;
        Record { line, token, others, introspection, error, outcome, mark }
    }
}

/// Takes the token out of an object, and leaves the members that may be repeated.
fn token_of_object(
    members: &mut Map<String, Value>,
    hint: Option<TokenTypeHint>,
) -> Result<(Token, Option<TokenTypeHint>), String> {
    let own = members.get("hint").and_then(Value::as_str).map(str::parse::<TokenTypeHint>);
    let found = members::take_token(members);
    for name in OURS {
        members.remove(name);
    }
    if !matches!(own, Some(Ok(_))) {
        // It may be anything, a token too.
        members.remove("hint");
    }
    members::mask(members, found.as_ref().map(|(text, _)| text.as_str()));
    let Some((text, kind)) = found else {
        return Err("the object has no `token` or `access_token` that is text".to_owned());
    };
    match own {
        Some(Err(_)) => Err("the hint is not one".to_owned()),
        own => token(&text, own.and_then(Result::ok).or(hint).or(kind)),
    }
}

/// The token without quotes or an authorization scheme around it.
fn token(
    text: &str,
    hint: Option<TokenTypeHint>,
) -> Result<(Token, Option<TokenTypeHint>), String> {
    let (token, _) = wrapping::strip(text);
    Token::parse(token).map(|token| (token, hint)).map_err(|error| error.to_string())
}

fn mark(text: &[u8]) -> String {
    STANDARD.encode(openssl::sha::sha256(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tokens_or_objects_and_the_rest_is_kept() {
        for (text, expected) in [
            ("abc", r#"{"line":1,"token":"…","error":"x"}"#),
            ("  \"abc\" ", r#"{"line":1,"token":"…","error":"x"}"#),
            (r#"{"token":"abc"}"#, r#"{"line":1,"token":"…","error":"x"}"#),
            (
                r#"{"user":{"id":1},"token":"abc","hint":"refresh_token","line":9}"#,
                r#"{"line":1,"token":"…","hint":"refresh_token","user":{"id":1},"error":"x"}"#,
            ),
            (
                r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600,"scope":"a b"}"#,
                r#"{"line":1,"token":"…","token_type":"Bearer","expires_in":3600,"scope":"a b","error":"x"}"#,
            ),
        ] {
            let question = Question::read(1, text, None);
            let fingerprint = question.token.as_ref().unwrap().0.fingerprint();
            let record = question.unanswered(Outcome::Unknown, "x");
            let record = serde_json::to_string(&record).unwrap().replace(&fingerprint, "…");
            let record: Value = serde_json::from_str(&record).unwrap();
            assert_eq!(record, serde_json::from_str::<Value>(expected).unwrap(), "{text}");
        }
        assert_eq!(Question::read(1, " \t", None).token.unwrap_err(), NoToken::Blank);
    }

    #[test]
    fn the_member_says_what_kind_of_token_it_is_unless_somebody_says_otherwise() {
        let hint = |text: &str, hint| Question::read(1, text, hint).token.unwrap().1;
        assert_eq!(hint(r#"{"refresh_token":"x9"}"#, None), Some(TokenTypeHint::RefreshToken));
        assert_eq!(hint(r#"{"idToken":"x9","token":null}"#, None), Some(TokenTypeHint::IdToken));
        assert_eq!(hint(r#"{"access_token":"x9","refresh_token":"y9"}"#, None), None);
        let access = Some(TokenTypeHint::AccessToken);
        assert_eq!(hint(r#"{"refresh_token":"x9"}"#, access), access);
        assert_eq!(hint(r#"{"id_token":"x9","hint":"access_token"}"#, None), access);
    }

    #[test]
    fn what_is_no_question_says_why_and_repeats_nothing() {
        for text in [
            "s3cret s3cret",
            "{\"token\": \"s3cret\"",
            "{\"token\": 1, \"x\": 1}",
            "{\"token\": \"\"}",
            "{\"token\": \"s3cret\", \"hint\": \"s3cret\"}",
            "{\"token\": \"s3cret s3cret\", \"copy\": \"s3cret s3cret\"}",
            "{\"hint\": \"s3cret\", \"access_token\": [\"s3cret\"]}",
            "{}",
            "{{ s3cret }}",
            "<s3cret>",
            "[\"s3cret\"]",
            "s3cret,ada@example.com",
        ] {
            let question = Question::read(1, text, None);
            let NoToken::Fault(why) = question.token.clone().map(|_| ()).unwrap_err() else {
                panic!("{text} is not blank");
            };
            let record = question.without_token(NoToken::Fault(why));
            let record = serde_json::to_string(&record).unwrap();
            assert!(!record.contains("s3cret"), "{text}: {record}");
        }
        for text in ["token", "null", "undefined", "access_token", "[1,2]", "<html>", "a,b"] {
            assert!(
                matches!(Question::read(1, text, None).token, Err(NoToken::Fault(_))),
                "{text}"
            );
        }
    }
}
