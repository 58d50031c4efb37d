//! What is wrong with a file that is no YAML. Nothing of it is quoted: it may be a key.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Location};

use crate::error::Fault;

/// The form of a key in the file itself.
const BLOCK: &str = "write `private_key: |`, and below it the lines of the key, two blanks further \
                     in; better keep the key in a file of its own, `file:PATH`";

const ANCHOR: &str = "YAML takes a text that begins with `&` or `*` for an anchor or alias, which \
                      have no use here";

const LOOK: &str = "check indentation, colons and quotation marks";

/// Names the line, and what is wrong with it.
pub(super) fn explain(text: &str, cause: &Error) -> Fault {
    if let Some(line) = line_of(text, begins_with_tab) {
        return Fault::new("a tab stands before the first word")
            .at(format!("line {line}"))
            .advise("indent with blanks: YAML takes no tabs there");
    }
    if let Some(line) = line_of(text, |line| line.starts_with("-----")) {
        return Fault::new("a key is not indented").at(format!("line {line}")).advise(BLOCK);
    }
    if let Some(place) = anchor(text, cause) {
        return Fault::new(ANCHOR)
            .at(format!("line {}", place.line()))
            .advise("put it in quotation marks, or write out what is meant");
    }
    match cause {
        Error::DuplicateMappingKey { location, .. } => {
            return Fault::new("a member is there twice")
                .at(format!("line {}", location.line()))
                .advise("keep one of the two");
        }
        Error::MultipleDocuments { .. } => {
            return Fault::new("the file has more than one document")
                .advise("keep one, and remove the lines with `---`");
        }
        Error::Budget { .. } => {
            return Fault::new("the file is too large or too deeply nested for a configuration");
        }
        _ => {}
    }
    let place = cause.location();
    let line = place.map_or("", |place| line_at(text, place));
    match place {
        Some(place) if has_braces_within_a_word(line) => Fault::new("no valid YAML")
            .at(format!("line {}", place.line()))
            .advise("put a text that has { } into quotation marks, such as path: \"/orders/{id}\""),
        Some(place) if line.contains("${") => Fault::new("no valid YAML")
            .at(format!("line {}", place.line()))
            .advise("put `${…}` in quotation marks inside of { } and [ ]"),
        Some(place) => Fault::new(format!("no valid YAML from column {} on", place.column()))
            .at(format!("line {}", place.line()))
            .advise(LOOK),
        None => Fault::new("no valid YAML").advise(LOOK),
    }
}

/// Where an anchor or alias stands, if that is what is wrong; an alias without an anchor is no YAML.
fn anchor(text: &str, cause: &Error) -> Option<Location> {
    use BudgetBreach::{Aliases, Anchors};
    let place = cause.location()?;
    let is_refused = matches!(cause, Error::Budget { breach: Anchors { .. } | Aliases { .. }, .. });
    let column = usize::try_from(place.column()).ok()?.checked_sub(1)?;
    (is_refused || line_at(text, place).chars().nth(column) == Some('*')).then_some(place)
}

fn line_at(text: &str, place: Location) -> &str {
    let index = usize::try_from(place.line()).ok().and_then(|line| line.checked_sub(1));
    index.and_then(|index| text.lines().nth(index)).unwrap_or_default()
}

fn begins_with_tab(line: &str) -> bool {
    let content = line.trim_start();
    !content.is_empty() && line[..line.len().saturating_sub(content.len())].contains('\t')
}

/// Whether a brace stands in the middle of a word outside quotation marks, as in `path: /orders/{id}`:
/// inside of `{ }` and `[ ]` it is not part of the text.
fn has_braces_within_a_word(line: &str) -> bool {
    let (mut quote, mut before) = (None, ' ');
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before.is_whitespace() => return false,
            (None, '{') if before.is_alphanumeric() || "/-_.".contains(before) => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// The number of the first such line, from 1.
fn line_of(text: &str, is_such: impl Fn(&str) -> bool) -> Option<usize> {
    text.lines().position(is_such).map(|index| index.saturating_add(1))
}
