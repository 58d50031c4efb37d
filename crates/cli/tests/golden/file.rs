//! The files.

use std::fs;
use std::path::PathBuf;

use snapbox::{Assert, Data};

/// Checks that the text is that of the file, or makes it so if that is asked for.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    assert!(!text.contains('\u{1b}'), "{name} has colours, but no terminal: {text:?}");
    // No pattern of the library's own may make an exact text an inexact one.
    let expected = Data::read_from(&folder().join(name), None).raw();
    Assert::new().action_env("SNAPSHOTS").eq(text, expected);
}

/// What is in the file.
pub(crate) fn read(name: &str) -> Option<String> {
    fs::read_to_string(folder().join(name)).ok()
}

/// The names of all files.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    names.filter(|name| !name.ends_with(".rs")).collect()
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden"].iter().collect()
}
