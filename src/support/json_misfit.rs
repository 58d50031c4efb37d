//! Where JSON does not fit the type that it is read into: the member and what belongs there, never
//! what stands there.
//!
//! The errors of serde quote values and name no path. The path is found by reading beginnings of
//! the document: the shortest one that does not fit ends with the member at fault.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The first member that does not fit. Its name comes from the document.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Misfit {
    /// A member is missing.
    Missing(String),
    /// A member, by its path (empty for the document itself), has another type or form than the
    /// one wanted.
    Wrong {
        /// From the document's top: `keys[2].kid`.
        path: String,
        /// What kind of value stands there: `a string`.
        found: &'static str,
        /// What belongs there, as the end of a sentence; empty if that is not known.
        wanted: String,
    },
}

impl Misfit {
    /// Why `document` is no `T`; `None` if it is one.
    pub(crate) fn of<T: DeserializeOwned>(document: &Value) -> Option<Self> {
        let fault = T::deserialize(document).err()?.to_string();
        if let Some(name) = missing(&fault) {
            return Some(Self::Missing(name.to_owned()));
        }
        let mut path = String::new();
        let fault = |value: Value| T::deserialize(&value).err().map(|fault| fault.to_string());
        let fault = |value: Value| fault(value).filter(|said| missing(said).is_none());
        Some(descend(document, &fault, &mut path))
    }

    /// As [`of`](Self::of), for a type of the program around this crate: what its own readers say is
    /// left out, because it may quote.
    pub(crate) fn of_foreign<T: DeserializeOwned>(document: &Value) -> Option<Self> {
        Self::of::<T>(document).map(|misfit| match misfit {
            Self::Wrong { path, found, wanted } if wanted.starts_with(OWN) => {
                Self::Wrong { path, found, wanted: String::new() }
            }
            other => other,
        })
    }
}

/// How a text begins that a reader has written itself.
const OWN: &str = ": ";

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "`{name}` is missing"),
            Self::Wrong { path, found, wanted } => match path.as_str() {
                "" => write!(f, "it is {found}{wanted}"),
                path => write!(f, "`{path}` is {found}{wanted}"),
            },
        }
    }
}

/// Goes into `value` as long as one of its items is at fault, and not `value` as a whole. `fault`
/// tells what is said about the document with another value in this one's place.
fn descend(value: &Value, fault: &dyn Fn(Value) -> Option<String>, path: &mut String) -> Misfit {
    let whole = fault(beginning(value, 0)).is_some();
    let Some(at) = (!whole).then(|| first_fault(value, fault)).flatten() else {
        let said = fault(value.clone()).unwrap_or_default();
        return Misfit::Wrong { path: path.clone(), found: kind(value), wanted: wanted(&said) };
    };
    let item = match value {
        Value::Object(members) => members.iter().nth(at).map(|(name, item)| {
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(&format!("{dot}{name}"));
            item
        }),
        Value::Array(items) => {
            path.push_str(&format!("[{at}]"));
            items.get(at)
        }
        _ => None,
    };
    // `first_fault` gives the position of an item.
    let item = item.unwrap_or(&Value::Null);
    descend(item, &|item| fault(with_last(value, at, item)), path)
}

/// The position of the first item that is at fault.
fn first_fault(value: &Value, fault: &dyn Fn(Value) -> Option<String>) -> Option<usize> {
    let (mut fits, mut fails) = (0, items(value));
    if fails == 0 {
        return None;
    }
    while fits + 1 < fails {
        let middle = usize::midpoint(fits, fails);
        match fault(beginning(value, middle)) {
            Some(_) => fails = middle,
            None => fits = middle,
        }
    }
    Some(fits)
}

fn items(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    }
}

/// The first `count` items of an object or array; anything else as it is.
fn beginning(value: &Value, count: usize) -> Value {
    match value {
        Value::Object(members) => {
            let first = members.iter().take(count);
            Value::Object(first.map(|(name, item)| (name.clone(), item.clone())).collect())
        }
        Value::Array(items) => Value::Array(items.iter().take(count).cloned().collect()),
        other => other.clone(),
    }
}

/// The items before `at`, and `last` in its place.
fn with_last(value: &Value, at: usize, last: Value) -> Value {
    match beginning(value, at) {
        Value::Object(mut members) => {
            let name = value.as_object().and_then(|all| all.keys().nth(at)).cloned();
            members.extend(name.map(|name| (name, last)));
            Value::Object(members)
        }
        Value::Array(mut items) => {
            items.push(last);
            Value::Array(items)
        }
        _ => last,
    }
}

fn missing(fault: &str) -> Option<&str> {
    fault.strip_prefix("missing field `")?.split('`').next()
}

/// What serde says belongs there. What it says stands there is left out; errors of this crate's
/// own readers have no such part, and quote nothing.
fn wanted(fault: &str) -> String {
    let own = ["invalid ", "unknown "].iter().all(|start| !fault.starts_with(start));
    match fault.rsplit_once(", expected ") {
        Some((_, wanted)) if !own => format!(", expected {}", in_words_of_json(wanted)),
        _ if own => format!("{OWN}{fault}"),
        _ => String::new(),
    }
}

/// serde speaks of Rust's types.
fn in_words_of_json(wanted: &str) -> &str {
    match wanted {
        "a sequence" => "an array",
        "a map" => "an object",
        _ if wanted.starts_with("struct ") => "an object",
        _ if ["u8", "u16", "u32", "u64", "i64", "usize"].contains(&wanted) => "a whole number",
        _ => wanted,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Map, json};

    use super::*;

    #[derive(Deserialize)]
    #[allow(dead_code)] // only read into
    struct Document {
        active: bool,
        name: Option<String>,
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(flatten)]
        extra: Map<String, Value>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code)] // only read into
    struct Inner {
        id: String,
        count: Option<u8>,
    }

    fn said(document: &Value) -> String {
        Misfit::of::<Document>(document).unwrap().to_string()
    }

    #[test]
    fn the_member_is_named_and_no_value_quoted() {
        for (document, expected) in [
            (json!({}), "`active` is missing"),
            (json!({"a": 1, "active": "s3cret"}), "`active` is a string, expected a boolean"),
            (json!({"active": true, "name": ["s3cret"]}), "`name` is an array, expected a string"),
            (
                json!({"active": true, "name": 5, "zone": "s3cret, expected s3cret"}),
                "`name` is a number, expected a string",
            ),
            (
                json!({"active": true, "inner": {"id": {"s3cret": 1}}}),
                "`inner.id` is an object, expected a string",
            ),
            (
                json!({"active": true, "inner": {"id": "s3cret", "count": 300}}),
                "`inner.count` is a number, expected a whole number",
            ),
            (
                json!({"active": true, "list": [{"id": "s3cret"}, {"id": null}]}),
                "`list[1].id` is null, expected a string",
            ),
            (json!({"active": true, "list": "s3cret"}), "`list` is a string, expected an array"),
            (json!("s3cret"), "it is a string, expected an object"),
        ] {
            let said = said(&document);
            assert!(said.starts_with(expected), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
        assert_eq!(Misfit::of::<Document>(&json!({"active": false})), None);
    }

    #[test]
    fn what_a_foreign_reader_says_is_left_out() {
        #[derive(Debug)]
        struct Colour;

        impl<'de> Deserialize<'de> for Colour {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let name = String::deserialize(from)?;
                Err(serde::de::Error::custom(format!("{name} is none, expected {name}")))
            }
        }

        #[derive(Debug, Deserialize)]
        #[allow(dead_code)] // only read into
        struct Foreign {
            colour: Colour,
        }

        let said = |colour: Value| {
            Misfit::of_foreign::<Foreign>(&json!({"a": 1, "colour": colour})).unwrap().to_string()
        };
        assert_eq!(said(json!("s3cret")), "`colour` is a string");
        assert_eq!(said(json!(["s3cret"])), "`colour` is an array, expected a string");
    }

    #[test]
    fn a_document_of_many_members_is_searched_too() {
        let mut members: Map<String, Value> =
            (0..50_000).map(|number| (format!("m{number}"), json!(number))).collect();
        members.insert("name".to_owned(), json!(false));
        members.insert("active".to_owned(), json!(true));
        assert_eq!(said(&Value::Object(members)), "`name` is a boolean, expected a string");
    }
}
