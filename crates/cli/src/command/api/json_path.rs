//! A path into JSON, in the notation of jq: `.[].profile.login`.
//!
//! Names, positions and "each" are all there is; for more, pipe the output to jq.

use serde_json::Value;

use crate::failure::Failure;

/// A parsed path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    /// `.name` or `["name"]`.
    Member(String),
    /// `[0]`.
    Item(usize),
    /// `[]`.
    Each,
}

impl JsonPath {
    /// Reads a path; it begins with a dot.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let steps = text.trim().strip_prefix('.').and_then(steps);
        steps.map(Self).ok_or_else(|| {
            Failure::usage("--filter is not a path")
                .advise("write it like .[].profile.login, .[0].id or .[\"a name\"]")
        })
    }

    /// The values at the path, in order. A member or item that is not there gives null, as in
    /// jq; `[]` gives nothing where there is neither list nor object.
    pub(crate) fn select<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![root], |values, step| {
            values.into_iter().flat_map(|value| step.of(value)).collect()
        })
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Member(name), value) => vec![value.get(name).unwrap_or(&Value::Null)],
            (Self::Item(index), value) => vec![value.get(index).unwrap_or(&Value::Null)],
            (Self::Each, Value::Array(items)) => items.iter().collect(),
            (Self::Each, Value::Object(members)) => members.values().collect(),
            (Self::Each, _) => Vec::new(),
        }
    }
}

/// Everything behind the first dot.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    // The first dot is read: a name may follow at once.
    let mut rest = text;
    if !rest.is_empty() && !rest.starts_with('[') {
        rest = member(rest, &mut steps)?;
    }
    while !rest.is_empty() {
        rest = match rest.strip_prefix('.') {
            Some(name) => member(name, &mut steps)?,
            None => bracket(rest.strip_prefix('[')?, &mut steps)?,
        };
    }
    Some(steps)
}

fn member<'a>(text: &'a str, steps: &mut Vec<Step>) -> Option<&'a str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        return bracket(bracketed, steps);
    }
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let end = text.find(|c| !in_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    steps.push(Step::Member(Some(name).filter(|name| !name.is_empty())?.to_owned()));
    Some(rest)
}

fn bracket<'a>(text: &'a str, steps: &mut Vec<Step>) -> Option<&'a str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = quoted.split_once("\"]")?;
        steps.push(Step::Member(name.to_owned()));
        return Some(rest);
    }
    let (inside, rest) = text.split_once(']')?;
    steps.push(match inside {
        "" => Step::Each,
        index => Step::Item(index.parse().ok()?),
    });
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_where_jq_leads() {
        let users = json!([
            {"id": 1, "profile": {"login": "ada"}, "a name": true},
            {"id": 2, "profile": {"login": "grace"}},
        ]);
        for (path, selected) in [
            (".", json!([users])),
            (".[].profile.login", json!(["ada", "grace"])),
            (".[1].id", json!([2])),
            (".[0].[\"a name\"]", json!([true])),
            (".[][\"a name\"]", json!([true, null])),
            (".[0].profile[]", json!(["ada"])),
            (".[7].id", json!([null])),
            (".[].id[]", json!([])),
            (".id", json!([null])),
        ] {
            let found = JsonPath::parse(path).unwrap();
            assert_eq!(json!(found.select(&users)), selected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "id", "..", ".a.", ".[", ".[x]", ".[-1]", ".[\"a]", ".a b", ".a|.b"] {
            assert!(JsonPath::parse(text).is_err(), "{text}");
        }
    }
}
