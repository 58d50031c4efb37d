//! Replays the inputs of the fuzz targets with what the targets demand of any input.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub)] // there it is a library of its own
mod targets;

use std::path::Path;

/// Runs a target on each file of its corpus; how many there are.
fn replay(target: &str, check: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| check(&std::fs::read(file).unwrap())).count()
}

#[test]
fn tokens_hold() {
    assert!(replay("token", targets::token) >= 40);
}

#[test]
fn introspection_answers_hold() {
    assert!(replay("introspection", targets::introspection) >= 20);
}

#[test]
fn key_documents_hold() {
    assert!(replay("keys", targets::keys) >= 20);
}

#[test]
fn private_keys_hold() {
    assert!(replay("private_keys", targets::private_keys) >= 100);
}
