//! What must hold of the lines of a batch for any input. This is a module of the command, where it
//! is tested, and of the fuzz target: the command's modules are private.

use okta_introspect::{Token, TokenTypeHint};
use serde_json::{Map, Value};

use super::line::{NoToken, Outcome, Question};
use super::lines;
use crate::input::wrapping::strip;
use crate::text::BYTE_ORDER_MARK;

/// A whole input: no byte and no line is lost, and what answers a line repeats no token of it.
#[allow(unreachable_pub)] // the fuzz target has it in another place
pub fn batch_line(data: &[u8]) {
    let (mut input, mut numbers, mut bytes) = (data, 0, 0);
    loop {
        let mut line = Vec::new();
        let length = lines::next(&mut input, &mut line).unwrap();
        if length == 0 {
            break;
        }
        (numbers, bytes) = (numbers + 1, bytes + length);
        for hint in [None, Some(TokenTypeHint::RefreshToken)] {
            let question = lines::question(numbers, &line, length, hint);
            check(question, numbers, &line, length == line.len() as u64);
        }
    }
    assert_eq!(bytes, data.len() as u64);
    let ends = data.iter().filter(|byte| **byte == b'\n').count() as u64;
    let is_open = data.last().is_some_and(|byte| *byte != b'\n');
    assert_eq!(numbers, ends + u64::from(is_open));
}

fn check(question: Question, number: u64, line: &[u8], is_whole: bool) {
    let token = question.token.as_ref().ok().map(|(token, _)| token.clone());
    let text = std::str::from_utf8(line).unwrap_or_default();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim();
    if !text.starts_with('{') && is_whole {
        // A line that is no object is a token, or nothing.
        assert_eq!(token.is_some(), Token::parse(strip(text).0).is_ok());
        assert_eq!(
            matches!(question.token, Err(NoToken::Blank)),
            std::str::from_utf8(line).is_ok() && text.is_empty()
        );
    }
    assert!(token.is_none_or(|token| question.mark == token.fingerprint()));
    let record = record(question);
    assert_eq!(record["line"], number);
    repeats_nothing(&record, text);
}

/// The line of output, as another program reads it.
fn record(question: Question) -> Map<String, Value> {
    let token = question.token.as_ref().ok().map(|(token, _)| token.clone());
    let record = match question.token.clone() {
        Ok(_) => question.unanswered(Outcome::Unknown, "x"),
        Err(why) => question.without_token(why),
    };
    let json = serde_json::to_string(&record).unwrap();
    let record: Map<String, Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(record["token"].as_str(), token.as_ref().map(Token::fingerprint).as_deref());
    let others = record.iter().filter(|(name, _)| *name != "token");
    let mut texts = Vec::new();
    others.for_each(|(name, value)| collect(name, value, &mut texts));
    if let Some(token) = token.filter(|token| token.expose().len() >= 8) {
        let repeats = |text: &&str| text.contains(token.expose());
        assert_eq!(texts.iter().copied().find(repeats), None);
    }
    let is_of_jwt = |word: &str| word.len() >= 8 && word.contains("eyJ");
    let words = texts.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
    assert_eq!(words.into_iter().find(|word| is_of_jwt(word)), None);
    record
}

/// All names and texts in a value.
fn collect<'a>(name: &'a str, value: &'a Value, texts: &mut Vec<&'a str>) {
    texts.push(name);
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect("", item, texts)),
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| collect(name, value, texts));
        }
        _ => {}
    }
}

/// The reason why there is no answer has no word of the line that is long enough to be a secret.
fn repeats_nothing(record: &Map<String, Value>, line: &str) {
    let error = record.get("error").and_then(Value::as_str).unwrap_or_default();
    let words = error.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() > 16) {
        assert!(!line.contains(word), "{word}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn batch_lines_hold() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/batch_line");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let checked = files.map(|file| super::batch_line(&std::fs::read(file).unwrap()));
        assert!(checked.count() >= 10);
    }
}
