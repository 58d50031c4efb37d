//! The lines of a settings file, as people indent them.

use std::path::Path;

use serde_json::Value;

use crate::error::SettingsError;
use crate::file::fault;
use crate::notation::{PROFILE_NAME, is_profile_name};

/// A text in quotes, with escapes that JSON and YAML share.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The lines below `okta:` and a name.
pub(super) fn document(below: &str, lines: &[String]) -> String {
    format!("okta:\n  {below}:\n{}", lines.join("\n"))
}

/// The lines of a profile, indented for a new document.
pub(super) fn profile(name: &str, lines: Vec<String>) -> Result<Vec<String>, SettingsError> {
    Ok([vec![format!("    {}:", checked(name)?)], lines].concat())
}

/// A name that needs no quotes anywhere.
fn checked(name: &str) -> Result<&str, SettingsError> {
    let wrong = |advice| Err(SettingsError::new("this is no name for a profile").advise(advice));
    match is_profile_name(name) {
        true if is_word(name) => wrong("YAML reads this word as something else: use another one"),
        true => Ok(name),
        false => wrong(PROFILE_NAME),
    }
}

/// Words that are no texts in YAML.
fn is_word(name: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

/// The text with another profile.
pub(super) fn with_profile(
    text: &str,
    name: &str,
    members: impl Fn(&str) -> Vec<String>,
) -> Result<String, SettingsError> {
    let name = checked(name)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let okta = Block::find(&lines, 0..lines.len(), "", "okta");
    let in_okta = okta.as_ref().and_then(|okta| okta.child(&lines, "profiles"));
    let profiles = in_okta.or_else(|| Block::find(&lines, 0..lines.len(), "", "profiles"));
    let (at, indent, heading) = match (&profiles, &okta) {
        (Some(profiles), _) => (profiles.line + 1, profiles.indent.clone(), None),
        (None, Some(okta)) => {
            let heading = format!("{}profiles:", okta.indent);
            (okta.end, format!("{}  ", okta.indent), Some(vec![heading]))
        }
        (None, None) => {
            let heading = vec!["okta:".to_owned(), "  profiles:".to_owned()];
            (lines.len(), "    ".to_owned(), Some(heading))
        }
    };
    let mut new = heading.unwrap_or_default();
    new.push(format!("{indent}{name}:"));
    new.extend(members(&format!("{indent}  ")));
    lines.splice(at..at, new.iter().map(String::as_str));
    Ok(lines.join("\n") + "\n")
}

/// The text with another choice of profile.
pub(super) fn with_choice(text: &str, name: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let okta = Block::find(&lines, 0..lines.len(), "", "okta");
    let indent = okta.as_ref().map_or("  ", |okta| &okta.indent);
    let start = format!("{indent}profile:");
    let old = okta.as_ref().and_then(|okta| okta.lines().find(|at| lines[*at].starts_with(&start)));
    let choice = format!("{start} {}{}", quoted(name), old.map_or("", |at| comment(lines[at])));
    match (&okta, old) {
        (_, Some(at)) => lines[at] = &choice,
        (Some(okta), None) => lines.insert(okta.line + 1, &choice),
        (None, None) => lines.extend(["okta:", &choice]),
    }
    lines.join("\n") + "\n"
}

/// The comment at the end of a line, with the blank before it.
fn comment(line: &str) -> &str {
    line.find(" #").map_or("", |at| &line[at..])
}

/// A name on a line of its own, and the lines that are indented further.
struct Block {
    line: usize,
    /// The line after the last one.
    end: usize,
    /// That of the lines right below.
    indent: String,
}

impl Block {
    fn find(
        lines: &[&str],
        within: std::ops::Range<usize>,
        indent: &str,
        name: &str,
    ) -> Option<Self> {
        let line = within.clone().find(|at| {
            let rest = lines[*at].strip_prefix(indent).and_then(|line| line.strip_prefix(name));
            let rest = rest.and_then(|rest| rest.strip_prefix(':')).map(str::trim);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        })?;
        let content = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let is_below = |line: &str| line.len() - line.trim_start().len() > indent.len();
        let below = lines[line + 1..within.end].iter();
        let last = below
            .enumerate()
            .filter(|(_, line)| content(line))
            .take_while(|(_, line)| is_below(line))
            .last();
        let end = last.map_or(line + 1, |(at, _)| line + at + 2);
        let first = lines[line + 1..end].iter().find(content);
        let below = match first {
            Some(first) => first[..first.len() - first.trim_start().len()].to_owned(),
            None => format!("{indent}  "),
        };
        Some(Self { line, end, indent: below })
    }

    fn child(&self, lines: &[&str], name: &str) -> Option<Self> {
        Self::find(lines, self.lines(), &self.indent, name)
    }

    fn lines(&self) -> std::ops::Range<usize> {
        self.line + 1..self.end
    }
}

/// Takes the choice out of a document.
pub(super) fn without_choice(document: &mut Value) {
    if let Some(okta) = document.get_mut("okta").and_then(Value::as_object_mut) {
        okta.remove("profile");
    }
}

/// Takes a profile out of a document.
pub(super) fn without_profile(document: &mut Value, name: &str) {
    let take = |value: &mut Value| {
        if let Some(profiles) = value.get_mut("profiles").and_then(Value::as_object_mut) {
            profiles.remove(name);
        }
    };
    take(document);
    document.get_mut("okta").into_iter().for_each(take);
}

/// Takes away what says nothing: empty mappings.
pub(super) fn prune(value: &mut Value) {
    let Value::Object(members) = value else { return };
    members.values_mut().for_each(prune);
    members.retain(|_, value| !value.is_null());
    if members.is_empty() {
        *value = Value::Null;
    }
}

pub(super) fn unchangeable(path: &Path) -> SettingsError {
    fault(path, "is not of a form that can be changed by a program")
        .advise("write `profile:` and `profiles:` below `okta:` yourself, one name on a line")
}
