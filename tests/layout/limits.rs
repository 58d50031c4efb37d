//! Every asynchronous test has a limit of real time: a deadline that is broken would else be a hang,
//! since tests inject time.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn asynchronous_tests_have_a_limit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources(root);
    let (mut limited, mut unlimited) = (0, Vec::new());
    for file in sources {
        let text = fs::read_to_string(&file).unwrap();
        limited += text.matches("#[test_support::test]").count();
        if text.contains(concat!("tokio::", "test]")) || text.contains(concat!("tokio::", "test("))
        {
            unlimited.push(file.display().to_string());
        }
    }
    assert!(unlimited.is_empty(), "take `#[test_support::test]` in {}", unlimited.join(", "));
    assert!(limited > 500, "{limited}");
}

/// All Rust there is, but what a build has made.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "target" || name == "node_modules" || name.starts_with('.') {
            continue;
        }
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if name.ends_with(".rs") => found.push(path),
            false => {}
        }
    }
    found
}
