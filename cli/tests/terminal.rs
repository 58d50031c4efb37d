//! On a terminal: colours, a line of progress, indented JSON. Everywhere else: none of them.

#![cfg(unix)]

mod common;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::org::{CLIENT, Org};

/// Opens a terminal for a shell, and passes on what is shown on it.
const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', sys.argv[1]])))";

/// Runs a shell line on a terminal; gives the exit code and what is shown.
fn on_terminal(org: &Org, line: &str, settings: &[(&str, &str)]) -> (i32, String) {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_okta-introspect"));
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let output = Command::new("python3")
        .args(["-c", TERMINAL, line])
        .env_clear()
        .env("PATH", path)
        .env("TERM", "xterm")
        .env("HOME", org.world.home())
        .env("OKTA_CLIENT_ORGURL", org.sandbox.issuer().as_str())
        .env("OKTA_CLIENT_CLIENTID", CLIENT)
        .env("OKTA_CLIENT_PRIVATEKEY", "key.pem")
        .env("OKTA_CLIENT_KEYID", "k1")
        .envs(settings.iter().copied())
        .current_dir(org.world.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_verdict_has_a_colour_unless_colours_are_not_wanted() {
    let org = Org::new();
    org.world.write("token.txt", "made-up");
    let line = "okta-introspect introspect --token-file token.txt";
    let (code, shown) = on_terminal(&org, line, &[]);
    assert_eq!((code, shown.contains("\u{1b}[31minactive")), (1, true), "{shown}");
    for setting in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, shown) = on_terminal(&org, line, &[setting]);
        assert!(!shown.contains('\u{1b}'), "{setting:?}: {shown}");
    }
}

#[test]
fn a_batch_shows_how_far_it_is_and_takes_it_away_again() {
    let org = Org::new();
    org.world.write("tokens.txt", "made-up\n".repeat(20));
    let line = "okta-introspect introspect --batch tokens.txt > answers.jsonl";
    let (code, shown) = on_terminal(&org, line, &[]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains(" inactive") && shown.contains(" %"), "{shown}");
    assert!(shown.contains("20 lines: 0 active, 20 inactive"), "{shown}");
    let answers = std::fs::read_to_string(org.world.path("answers.jsonl")).unwrap();
    assert_eq!(answers.lines().filter(|line| line.starts_with('{')).count(), 20);
    assert!(!answers.contains('\u{1b}'));
    // With the answers on the same terminal, a line of progress would tear them apart.
    let (_, shown) = on_terminal(&org, "okta-introspect introspect --batch tokens.txt", &[]);
    assert!(!shown.contains(" %"), "{shown}");
}

#[test]
fn an_answer_of_an_api_is_indented() {
    let org = Org::new();
    let user = "okta-introspect api /api/v1/users/00u1ada";
    let (code, shown) = on_terminal(&org, user, &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("{\r\n  \""), "{shown}");
    let (_, shown) = on_terminal(&org, &format!("{user} --raw"), &[]);
    assert!(shown.starts_with("{\"") && shown.lines().count() == 1, "{shown}");
}
