//! Every public type has an example in its documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_public_type_has_an_example() {
    let faces = [
        "lib.rs",
        "adapter/mod.rs",
        "checker/mod.rs",
        "plan/mod.rs",
        "shared/mod.rs",
        "signals/mod.rs",
        "verify/mod.rs",
    ];
    have_examples("src", &faces, 50);
    have_examples("crates/settings/src", &["lib.rs"], 10);
    have_examples("crates/redis/src", &["lib.rs"], 1);
}

/// Checks the types that the `faces` of a package hand on, which are at least so many.
fn have_examples(sources: &str, faces: &[&str], least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
    let sources: Vec<String> =
        files(&root).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let names: BTreeSet<String> = faces
        .iter()
        .flat_map(|face| handed_on(&fs::read_to_string(root.join(face)).unwrap()))
        .collect();
    assert!(names.len() > least, "{names:?}");
    let is_bare = |name: &&String| {
        let documentation = sources.iter().find_map(|source| documentation(source, name));
        // A type that is defined elsewhere is documented there.
        documentation.is_some_and(|text| !text.contains("```"))
    };
    let bare: Vec<_> = names.iter().filter(is_bare).collect();
    assert!(bare.is_empty(), "without an example: {bare:?}");
}

/// The types that a face hands on.
fn handed_on(face: &str) -> Vec<String> {
    let uses = face.split(';').filter_map(|statement| statement.split_once("pub use "));
    let names = uses.flat_map(|(_, tree)| tree.split(['{', '}', ',', ':']).map(str::trim));
    names.filter(|name| name.starts_with(char::is_uppercase)).map(str::to_owned).collect()
}

/// What stands before a type's definition, if it is in this source.
fn documentation(source: &str, name: &str) -> Option<String> {
    let lines: Vec<_> = source.lines().collect();
    let is_definition = |line: &&str| {
        ["struct", "enum", "trait", "type"].iter().any(|kind| {
            let rest = line.strip_prefix(&format!("pub {kind} {name}"));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let at = lines.iter().position(is_definition)?;
    let before = lines[..at].iter().rev().take_while(|line| !line.is_empty());
    Some(before.copied().collect::<Vec<_>>().join("\n"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
