//! What is wrong with a settings file that is no YAML, or has other members than it should.

use std::path::Path;

use serde_saphyr::Error;

use super::read::fault;
use crate::error::SettingsError;
use crate::suspect::Tree;

/// The form of every settings file.
const FORM: &str = "write `okta:`, below it `client:`, and the settings below that";

/// The form of every key, whatever is in it.
const BLOCK: &str = "write `privateKey: |`, and below it the lines of the key, each two blanks \
                     further in than `privateKey`";

/// Names the line, and what is wrong with it. Nothing of the file is quoted: it may be a key.
pub(super) fn explain(text: &str, path: &Path, cause: &Error) -> SettingsError {
    if let Some(line) = line_of(text, begins_with_tab) {
        return fault(path, &format!("has a tab at the beginning of line {line}"))
            .advise("indent with blanks: YAML takes no tabs there");
    }
    if let Some(line) = line_of(text, |line| line.starts_with("-----")) {
        return fault(path, &format!("has a key at line {line} that is not indented"))
            .advise(BLOCK);
    }
    match cause {
        Error::DuplicateMappingKey { location, .. } => {
            let what = format!("has a member twice, again at line {}", location.line());
            return fault(path, &what).advise("keep one of the two");
        }
        Error::MultipleDocuments { .. } => {
            return fault(path, "has more than one document")
                .advise("keep one, and remove the lines with `---`");
        }
        _ => {}
    }
    if let Some(place) = text_in_place_of_a_proxy(text) {
        return fault(path, &format!("is wrong: {place}.proxy is a text"))
            .advise("write `host` and `port` below it, if need be `username` and `password`");
    }
    let place = cause.location();
    if let Some(line) = place.and_then(|place| key_around(text, place.line())) {
        return fault(
            path,
            &format!("has a key at line {line} whose characters YAML takes for its own"),
        )
        .advise(BLOCK);
    }
    match place {
        Some(place) => fault(
            path,
            &format!("is not valid at line {}, column {}", place.line(), place.column()),
        ),
        None => fault(path, "is not valid YAML"),
    }
    .advise(FORM)
}

/// The app whose proxy is written as its URL alone.
fn text_in_place_of_a_proxy(text: &str) -> Option<String> {
    let tree = Tree::read(text);
    let is_text = |app: &Tree| app.below("proxy").is_some_and(Tree::is_text);
    tree.apps().find_map(|(place, app)| is_text(app).then_some(place))
}

fn begins_with_tab(line: &str) -> bool {
    let content = line.trim_start();
    !content.is_empty() && line[..line.len() - content.len()].contains('\t')
}

/// The line at which the key begins that reaches to line `fault`, both from 1.
fn key_around(text: &str, fault: u64) -> Option<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_key =
        |line: &str| ["privateKey:", "jwk:"].iter().any(|name| line.trim_start().starts_with(name));
    let lines: Vec<&str> = text.lines().take(usize::try_from(fault).ok()?).collect();
    let first = lines.iter().rposition(|line| is_key(line))?;
    let is_inside = |line: &&str| line.trim().is_empty() || indent(line) > indent(lines[first]);
    lines[first + 1..].iter().all(is_inside).then_some(first + 1)
}

/// The number of the first such line, from 1.
fn line_of(text: &str, is_such: impl Fn(&str) -> bool) -> Option<usize> {
    text.lines().position(is_such).map(|index| index + 1)
}
