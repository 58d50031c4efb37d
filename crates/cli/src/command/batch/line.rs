//! One line of the input, and the line of output that answers it.

use okta_introspect::{Introspection, Token, TokenTypeHint};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::input::token as token_input;

/// A question about one token.
#[derive(Debug)]
pub(super) struct Question {
    /// The number of the line, from 1.
    pub(super) line: u64,
    /// The token and what kind it is, or why there is none to ask about.
    pub(super) token: Result<(Token, Option<TokenTypeHint>), String>,
    /// The other members of the line.
    others: Map<String, Value>,
}

/// One line of output. The names are stable; members of the input that have the same names are
/// left out.
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
}

/// The members of a record that are ours.
const OURS: [&str; 4] = ["line", "token", "introspection", "error"];

impl Question {
    /// Reads a token alone, or a JSON object with a member `token`; `hint` may stand in the
    /// object as well. `None` if the line is blank.
    pub(super) fn read(line: u64, text: &str, hint: Option<TokenTypeHint>) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if !text.starts_with('{') {
            return Some(Self { line, token: token(text, hint), others: Map::new() });
        }
        Some(match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(members) => Self::of_object(line, members, hint),
            // Not the parser's message: it may quote the line.
            Err(_) => Self::unreadable(line, "the line is neither a token nor a JSON object"),
        })
    }

    /// A line that cannot be a question.
    pub(super) fn unreadable(line: u64, why: impl Into<String>) -> Self {
        Self { line, token: Err(why.into()), others: Map::new() }
    }

    pub(super) fn fingerprint(&self) -> Option<String> {
        self.token.as_ref().ok().map(|(token, _)| token.fingerprint())
    }

    /// The answer to it.
    pub(super) fn answered(self, answer: Result<Introspection, String>) -> Record {
        let (token, line) = (self.fingerprint(), self.line);
        let (introspection, error) = match answer {
            Ok(introspection) => (Some(introspection), None),
            Err(error) => (None, Some(error)),
        };
        Record { line, token, others: self.others, introspection, error }
    }

    fn of_object(line: u64, mut members: Map<String, Value>, hint: Option<TokenTypeHint>) -> Self {
        let own = members.get("hint").and_then(Value::as_str).map(str::parse::<TokenTypeHint>);
        let token = match (members.remove("token"), own) {
            (_, Some(Err(_))) => Err("the hint is not one".to_owned()),
            (Some(Value::String(text)), Some(Ok(own))) => token(&text, Some(own)),
            (Some(Value::String(text)), None) => token(&text, hint),
            _ => Err("the object has no `token` that is text".to_owned()),
        };
        for name in OURS {
            members.remove(name);
        }
        Self { line, token, others: members }
    }
}

/// The token without quotes or an authorization scheme around it.
fn token(
    text: &str,
    hint: Option<TokenTypeHint>,
) -> Result<(Token, Option<TokenTypeHint>), String> {
    let (token, _) = token_input::strip(text);
    Token::parse(token).map(|token| (token, hint)).map_err(|error| error.to_string())
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
        ] {
            let question = Question::read(1, text, None).unwrap();
            let fingerprint = question.fingerprint().unwrap();
            let record = serde_json::to_string(&question.answered(Err("x".to_owned()))).unwrap();
            let record: Value = serde_json::from_str(&record.replace(&fingerprint, "…")).unwrap();
            assert_eq!(record, serde_json::from_str::<Value>(expected).unwrap(), "{text}");
        }
        assert!(Question::read(1, " \t", None).is_none());
    }

    #[test]
    fn what_is_no_question_says_why_and_repeats_nothing() {
        for text in [
            "s3cret s3cret",
            "{\"token\": \"s3cret\"",
            "{\"token\": 1, \"x\": 1}",
            "{\"token\": \"\"}",
            "{\"token\": \"s3cret\", \"hint\": \"s3cret\"}",
            "{}",
        ] {
            let question = Question::read(1, text, None).unwrap();
            let why = question.token.unwrap_err();
            assert!(!why.contains("s3cret"), "{text}: {why}");
        }
    }
}
