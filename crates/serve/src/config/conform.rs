//! Holds what the file says against its schema: every unknown, missing or misshapen member is told,
//! not only the first.

use serde_json::{Number, Value};

use super::document::Span;
use super::faults::Faults;
use super::tree::{Kind, Node, join};
use crate::error::Fault;

/// How many letters of a misspelt name may be wrong, missing, too many or swapped.
const MAX_DISTANCE: usize = 2;

/// The schema of the file, by which its parts are looked up.
#[derive(Debug)]
pub(super) struct Conformance<'a> {
    root: &'a Value,
}

impl<'a> Conformance<'a> {
    /// `root` is the schema of the whole file.
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// Tells everything in which the file is not as its schema has it.
    pub(super) fn check(&self, node: &mut Node, faults: &mut Faults) {
        self.value(node, self.root, "", faults);
    }

    fn value(&self, node: &mut Node, schema: &'a Value, place: &str, faults: &mut Faults) {
        // A text that could not be expanded was told already.
        if !place.is_empty() && faults.any_within(place) && matches!(node.kind, Kind::Text(_)) {
            return;
        }
        let (schema, name) = self.resolve(schema);
        if name == Some(Span::NAME) {
            return check_span(node, place, faults);
        }
        if let Some(words) = words(schema) {
            return check_word(node, &words, place, faults);
        }
        let kind = kind_of(schema);
        read_expanded(node, kind);
        match (&mut node.kind, kind) {
            (Kind::Map(_), "object") => self.object(node, schema, place, faults),
            (Kind::List(items), "array") => {
                check_length(items.len(), ("minItems", "maxItems"), schema, place, faults);
                let Some(item_schema) = schema.get("items") else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, item_schema, &format!("{place}[{index}]"), faults);
                }
            }
            (Kind::Text(text), "string") => {
                let length = text.chars().count();
                check_length(length, ("minLength", "maxLength"), schema, place, faults);
            }
            (Kind::Bool(_), "boolean") => {}
            (Kind::Number(number), "integer") => check_number(number, schema, place, faults),
            (found, _) => faults.error(place, misfit(found, kind)),
        }
    }

    fn object(&self, node: &mut Node, schema: &'a Value, place: &str, faults: &mut Faults) {
        let Kind::Map(members) = &mut node.kind else { return };
        let known = schema.get("properties").and_then(Value::as_object);
        let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let further = schema.get("additionalProperties").filter(|schema| schema.is_object());
        for member in members.iter_mut() {
            let inside = join(place, &member.name);
            match known.and_then(|known| known.get(&member.name)).or(further) {
                None => faults.error(&inside, unknown(&member.name, &names)),
                // A member without a value is one that was left out.
                Some(_) if matches!(member.node.kind, Kind::Null) => {}
                Some(schema) => self.value(&mut member.node, schema, &inside, faults),
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let member = node.member(name);
            if member.is_none_or(|member| matches!(member.node.kind, Kind::Null)) {
                faults.error(&join(place, name), Fault::new("missing"));
            }
        }
    }

    /// Follows references, and takes what may be left out for what it is otherwise.
    fn resolve(&self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        let choices = schema.get("anyOf").and_then(Value::as_array);
        let is_null = |schema: &&Value| schema.get("type") == Some(&Value::from("null"));
        if let Some(schema) = choices.and_then(|choices| choices.iter().find(|it| !is_null(it))) {
            return self.resolve(schema);
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        let Some(name) = reference.and_then(|path| path.strip_prefix("#/$defs/")) else {
            return (schema, None);
        };
        match self.root.get("$defs").and_then(|parts| parts.get(name)) {
            Some(part) => (part, Some(name)),
            None => (schema, None),
        }
    }
}

/// The type that is not `null`.
fn kind_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

/// The words of an enumeration.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    Some(choices.iter().filter_map(|choice| choice.get("const").and_then(Value::as_str)).collect())
}

/// A variable is always a text; where a number or a flag belongs, it is read as one.
fn read_expanded(node: &mut Node, kind: &str) {
    let Kind::Text(text) = &node.kind else { return };
    let read = match kind {
        "boolean" => text.trim().parse().ok().map(Kind::Bool),
        "integer" => text.trim().parse::<u64>().ok().map(|number| Kind::Number(number.into())),
        _ => None,
    };
    if let Some(read) = read.filter(|_| node.is_expanded) {
        node.kind = read;
    }
}

fn check_span(node: &Node, place: &str, faults: &mut Faults) {
    let span = match &node.kind {
        Kind::Number(number) => Span::read(&Value::Number(number.clone())),
        Kind::Text(text) => Span::read(&Value::from(text.as_str())),
        Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => None,
    };
    if span.is_none() {
        faults.error(
            place,
            Fault::new("no span of time")
                .advise("write a number of seconds, or a text such as 250ms, 30s, 5m or 1h"),
        );
    }
}

fn check_word(node: &Node, words: &[&str], place: &str, faults: &mut Faults) {
    let Kind::Text(text) = &node.kind else {
        return faults.error(place, misfit(&node.kind, "string"));
    };
    if !words.contains(&text.as_str()) {
        let advice = match nearest(text, words) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("write one of {}", words.join(", ")),
        };
        faults.error(place, Fault::new("none of the words that can stand here").advise(advice));
    }
}

fn check_length(
    length: usize,
    (least, most): (&str, &str),
    schema: &Value,
    place: &str,
    faults: &mut Faults,
) {
    let bound = |name| schema.get(name).and_then(Value::as_u64);
    let what = if most == "maxItems" { "entries" } else { "characters" };
    if bound(least).is_some_and(|least| (length as u64) < least) {
        faults.error(place, Fault::new("empty"));
    }
    if let Some(most) = bound(most).filter(|most| length as u64 > *most) {
        faults
            .error(place, Fault::new(format!("{length} {what}, and at most {most} are possible")));
    }
}

fn check_number(number: &Number, schema: &Value, place: &str, faults: &mut Faults) {
    let bound = |name| schema.get(name).and_then(Value::as_u64);
    let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(u64::MAX));
    if !number.as_u64().is_some_and(|number| (least..=most).contains(&number)) {
        faults.error(place, Fault::new(format!("cannot be {number}: {least} to {most}")));
    }
}

fn misfit(found: &Kind, kind: &str) -> Fault {
    let found = found.name();
    match kind {
        "object" => Fault::new(format!("{found} in place of a map"))
            .advise("write `name: value` for each member, further in"),
        "array" => Fault::new(format!("{found} in place of a list"))
            .advise("write [a, b], or `- a` on lines of their own"),
        "integer" => Fault::new(format!("{found} in place of a whole number")),
        "boolean" => Fault::new(format!("{found} in place of true or false")),
        _ if matches!(found, "a number" | "true or false") => {
            Fault::new(format!("{found} in place of a text")).advise("put it in quotation marks")
        }
        _ => Fault::new(format!("{found} in place of a text")),
    }
}

fn unknown(name: &str, known: &[&str]) -> Fault {
    let fault = Fault::new("no such member");
    match nearest(name, known) {
        Some(meant) => fault.advise(format!("did you mean `{meant}`?")),
        None => fault.advise(format!("known here: {}", known.join(", "))),
    }
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let typed: String = plain(name).chars().take(64).collect();
    let distance = |known: &str| strsim::damerau_levenshtein(&plain(known), &typed);
    let nearest = known.iter().min_by_key(|known| distance(known)).copied()?;
    let most = MAX_DISTANCE.min(typed.len().div_ceil(3));
    (distance(nearest) <= most).then_some(nearest)
}
