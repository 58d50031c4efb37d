//! What is wrong with a settings file that is no YAML, or has other members than it should.

use std::path::Path;

use super::read::fault;
use crate::error::SettingsError;

/// The form of every settings file.
const FORM: &str = "write `okta:`, below it `client:`, and the settings below that";

/// Names the line, and what is wrong with it. Nothing of the file is quoted: it may be a key.
pub(super) fn explain(text: &str, path: &Path, cause: &serde_saphyr::Error) -> SettingsError {
    if let Some(line) = line_of(text, begins_with_tab) {
        return fault(path, &format!("has a tab at the beginning of line {line}"))
            .advise("indent with blanks: YAML takes no tabs there");
    }
    if let Some(line) = line_of(text, |line| line.starts_with("-----")) {
        return fault(path, &format!("has a key at line {line} that is not indented")).advise(
            "write `privateKey: |`, and below it the lines of the key, each two blanks further in \
             than `privateKey`",
        );
    }
    match cause.location() {
        Some(place) => fault(
            path,
            &format!("is not valid at line {}, column {}", place.line(), place.column()),
        ),
        None => fault(path, "is not valid YAML"),
    }
    .advise(FORM)
}

fn begins_with_tab(line: &str) -> bool {
    let content = line.trim_start();
    !content.is_empty() && line[..line.len() - content.len()].contains('\t')
}

/// The number of the first such line, from 1.
fn line_of(text: &str, is_such: impl Fn(&str) -> bool) -> Option<usize> {
    text.lines().position(is_such).map(|index| index + 1)
}
