//! Nothing is broken in the middle of a word on a terminal of 80 columns.

use crate::common::terminal::on_terminal;
use crate::terminal::org;

const WIDTH: usize = 80;

/// A line that can be broken fits; a word that is longer than a line stays whole, to be copied.
#[track_caller]
fn fits(line: &str, shown: &str) {
    // A line of progress is overwritten, and at last taken away.
    for row in shown.split(['\n', '\r']).map(|row| row.replace("\u{1b}[2K", "")) {
        let words = row.split_whitespace().count();
        assert!(row.chars().count() <= WIDTH || words == 1, "{line}: {row}\n{shown}");
    }
}

#[test_support::test]
fn every_report_note_and_error_fits() {
    let org = org();
    org.world.write(
        "wide.jwt",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2FjbWUub2t0YS5jb20vb2F1dGgyL2RlZmF1bHQiLCJzdWIiOiJ4In0.",
    );
    for line in [
        "demo",
        "config show",
        "introspect --token-file token.txt",
        "introspect --token-file made-up.txt",
        "watch --token-file token.txt --for 1ms",
        "explain --token-file token.txt",
        "explain --token-file made-up.txt",
        "verify --auth-server default --audience api://default --token-file token.txt",
        "decode --token-file token.txt",
        "decode --token-file wide.jwt",
        "doctor --scope okta.users.read --scope okta.user.read --fix-hints",
        "revoke --token-file made-up.txt",
        "revoke --confirm --token-file token.txt",
        "token --scope okta.user.read",
        "token s3cret",
        "api DELETE '/api/v1/users/ada#x@acme.example'",
        "introspect --batch made-up.txt > answers.jsonl",
        "keygen key.pem",
        "introspect --token-file no/such/file",
        "nope",
    ] {
        let line = format!("stty rows 24 cols {WIDTH}; okta-introspect {line}");
        let (_, shown) = on_terminal(&org.world, &line, &[("NO_COLOR", "1")]);
        assert!(!shown.is_empty(), "{line}");
        fits(&line, &shown);
    }
}
