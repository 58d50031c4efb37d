//! Keywords of the System Log, its parameter `q`: all of them must be among the words of an event's
//! values, letter by letter but for their case. Okta: a value with hyphens is found by its parts as
//! well as by the whole.

use serde_json::Value;

/// What is looked for, in lower case.
#[derive(Debug)]
pub(crate) struct Keywords(Vec<String>);

impl Keywords {
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    /// Whether each of them is in the event.
    pub(crate) fn are_in(&self, event: &Value) -> bool {
        self.0.iter().all(|keyword| has(event, keyword))
    }
}

fn has(value: &Value, keyword: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has(item, keyword)),
        Value::Object(members) => members.values().any(|member| has(member, keyword)),
        Value::String(text) => {
            let mut words = text.split_whitespace();
            words.any(|word| is(word, keyword) || word.split('-').any(|part| is(part, keyword)))
        }
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => value.to_string().as_str() == keyword,
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.to_lowercase() == keyword
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_keyword_is_a_word_of_some_value() {
        let event = json!({
            "eventType": "user.session.start",
            "actor": {"displayName": "Ada Lovelace", "alternateId": null},
            "target": [{"id": "XOxBw-2JIRn", "n": 7, "ok": true}],
        });
        for (text, found) in [
            ("", true),
            ("  ", true),
            ("ada", true),
            ("LOVELACE  ada", true),
            ("user.session.start", true),
            ("XOxBw-2JIRn", true),
            ("xoxbw", true),
            ("2jirn 7", true),
            ("true", true),
            ("session", false),
            ("ad", false),
            ("ada grace", false),
            ("actor", false),
            ("null", false),
        ] {
            assert_eq!(Keywords::parse(text).are_in(&event), found, "{text}");
        }
    }
}
