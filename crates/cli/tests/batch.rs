//! `introspect --batch`: many tokens in, a line for each out, nothing lost on the way.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;

use okta_introspect::sandbox::{Fault, Grant, Times};
use okta_introspect::{Client, Token};
use serde_json::{Value, json};

use crate::common::org::{CLIENT, Org};

const BATCH: [&str; 3] = ["introspect", "--batch", "tokens.txt"];

fn good(org: &Org) -> String {
    org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap().expose().to_owned()
}

fn records(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test_support::test]
fn every_line_is_answered_in_order_and_what_stood_beside_the_token_is_kept() {
    let org = Org::new();
    let token = good(&org);
    let revoked = Token::parse(&good(&org)).unwrap();
    org.sandbox.revoke(&revoked);
    let object = json!({"token": revoked.expose(), "hint": "access_token", "user": {"id": 7}});
    org.world.write("tokens.txt", format!("{token}\n\n{object}\n\"made-up-t0ken\"\n"));
    let run = org.run(&BATCH, &[], "");
    run.exits(1).hides(&token).hides(revoked.expose()).hides("made-up-t0ken");
    assert_eq!(run.stderr, "note: 4 lines: 1 active, 2 inactive, 0 without a token\n");
    let told = records(&run.stdout);
    assert_eq!(told.len(), 3);
    assert_eq!(told[0]["line"], 1);
    assert_eq!(told[0]["token"], Token::parse(&token).unwrap().fingerprint());
    assert_eq!(told[0]["introspection"]["client_id"], CLIENT);
    assert_eq!(
        told[1],
        json!({
            "line": 3, "token": revoked.fingerprint(), "hint": "access_token", "user": {"id": 7},
            "introspection": {"active": false},
        })
    );
    assert_eq!(told[2]["introspection"], json!({"active": false}));

    let from_stdin = org.run(&["introspect", "--batch"], &[], &format!("{token}\n{token}"));
    assert_eq!(records(&from_stdin.exits(0).stdout).len(), 2);
}

#[test_support::test]
fn lines_without_a_token_are_told_and_the_others_answered() {
    let org = Org::new();
    org.world.write("tokens.txt", format!("s3cret s3cret\n{}\n{{\"token\": 1}}\n", good(&org)));
    let run = org.run(&BATCH, &[], "");
    run.exits(2).hides("s3cret");
    assert!(run.stderr.contains("1 active, 0 inactive, 2 without a token"), "{run:?}");
    let told = records(&run.stdout);
    assert!(told[0]["error"].as_str().unwrap().contains("white space"), "{told:?}");
    assert_eq!(told[1]["introspection"]["active"], true);
    assert!(told[2]["error"].is_string());
}

#[test_support::test]
fn command_lines_that_are_wrong() {
    let org = Org::new();
    org.world.write("tokens.txt", "t\n");
    org.world.write("state.json", "nonsense");
    for (args, told) in [
        (&["introspect", "--batch", "no.txt"][..], "no.txt"),
        (&["introspect", "--concurrency", "4"], "--batch"),
        (&["introspect", "--resume", "x"], "--batch"),
        (&["introspect", "--batch", "tokens.txt", "--concurrency", "65"], "--concurrency"),
        (&["introspect", "--batch", "tokens.txt", "--token-file", "x"], "exclude each other"),
        (&["introspect", "--batch", "tokens.txt", "--resume", "state.json"], "state file is none"),
        (&["introspect", "--batch", "tokens.txt", "--resume", "no/s.json"], "its folder exists"),
    ] {
        org.run(args, &[], "").fails(2, told);
    }
    assert!(org.sandbox.requests().is_empty());
}

#[test_support::test]
fn a_question_that_cannot_be_answered_ends_the_run() {
    let org = Org::new();
    org.world.write("tokens.txt", "t1\nt2\n");
    let refused = org.run(&BATCH, &[("--key-id", "k9")], "");
    refused.fails(4, "stopped before the first answer: ");
    org.sandbox.faults().inject(Fault::html(500), Times::Always);
    org.run(&BATCH, &[], "").fails(3, "stopped before the first answer: ");
}

#[test_support::test]
fn a_run_goes_on_where_the_last_one_stopped() {
    let org = Org::new();
    let resume = [&BATCH[..], &["--resume", "state.json"]].concat();
    org.world.write("tokens.txt", "t1\nt2\n");
    assert_eq!(records(&org.run(&resume, &[], "").exits(1).stdout).len(), 2);
    org.world.write("tokens.txt", "t1\nt2\nt3\n");
    let second = org.run(&resume, &[], "");
    let told = records(&second.exits(1).stdout);
    assert_eq!(told.iter().map(|it| it["line"].as_u64()).collect::<Vec<_>>(), [Some(3)]);
    assert!(second.stderr.contains("3 lines: 0 active, 3 inactive"), "{second:?}");
    org.world.write("tokens.txt", "t1\nt2\nother\nt4\n");
    org.run(&resume, &[], "").fails(2, "belongs to another input");
}

/// The first question goes alone, and then as many as the user has said, also if that is more than
/// the library has under way by itself.
#[test_support::test]
async fn as_many_are_under_way_as_the_user_says() {
    const ALL: u32 = 64;
    assert!(ALL as usize > Client::DEFAULT_MAX_IN_FLIGHT);
    let org = tokio::task::spawn_blocking(Org::new).await.map(Arc::new).unwrap();
    org.world.write("tokens.txt", "t\n".repeat(1 + ALL as usize));
    let faults = org.sandbox.faults();
    faults.inject(Fault::hold(), Times::Exactly(1 + ALL));
    let asking = Arc::clone(&org);
    let mut run = tokio::task::spawn_blocking(move || {
        let concurrency = ALL.to_string();
        let limits = [("--concurrency", concurrency.as_str()), ("--timeout", "20")];
        asking.run(&BATCH, &limits, "")
    });
    for held in [1, ALL as usize] {
        tokio::select! {
            () = faults.waiting(held) => faults.release(),
            run = &mut run => panic!("{held} are never under way at once: {run:?}"),
        }
    }
    assert_eq!(records(&run.await.unwrap().exits(1).stdout).len(), 1 + ALL as usize);
    // The runtime of the sandbox cannot end within another.
    tokio::task::spawn_blocking(move || drop(org)).await.unwrap();
}

/// Starts a batch, and waits for so many lines of its output.
#[cfg(unix)]
fn start(org: &Org, lines: usize) -> (Child, Vec<String>, BufReader<std::process::ChildStdout>) {
    let issuer = org.sandbox.issuer().to_string();
    let args = ["--resume", "state.json", "--issuer", &issuer, "--client-id", CLIENT];
    let key = ["--key-file", "key.pem", "--key-id", "k1"];
    let mut command = org.world.command(&[&BATCH[..], &args, &key].concat());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut read = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        read.push(line);
    }
    (child, read, output)
}

/// What comes until the command has ended.
#[cfg(unix)]
fn rest(output: BufReader<std::process::ChildStdout>) -> Vec<String> {
    output.lines().map(Result::unwrap).filter(|line| line.ends_with('}')).collect()
}

#[cfg(unix)]
#[test_support::test]
fn killed_at_any_moment_and_resumed_nothing_is_lost() {
    const TOKENS: usize = 300;
    const CONCURRENCY: usize = 8; // the default
    for lines in [1, 57, 171] {
        let org = Org::new();
        let tokens: String = (0..TOKENS).map(|n| format!("t{n}\n")).collect();
        org.world.write("tokens.txt", tokens);
        let (mut child, mut told, output) = start(&org, lines);
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(rest(output));
        let (mut child, _, output) = start(&org, 0);
        told.extend(rest(output));
        assert_eq!(child.wait().unwrap().code(), Some(1));

        let mut answered: Vec<u64> = told
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap())
            .collect();
        answered.dedup();
        assert_eq!(answered, (1..=TOKENS as u64).collect::<Vec<_>>(), "killed after {lines}");
        let mut asked: HashMap<String, usize> = HashMap::new();
        for request in org.sandbox.requests() {
            *asked.entry(request.form("token").unwrap_or_default().to_owned()).or_default() += 1;
        }
        assert_eq!(asked.len(), TOKENS);
        let twice = asked.values().filter(|times| **times == 2).count();
        assert!(asked.values().all(|times| *times <= 2) && twice <= CONCURRENCY, "{twice}");
    }
}

#[cfg(unix)]
#[test_support::test]
fn ctrl_c_lets_it_finish_what_is_under_way() {
    let org = Org::new();
    org.world.write("tokens.txt", "t\n".repeat(5_000));
    let (child, told, output) = start(&org, 3);
    crate::common::signal(&child, "INT");
    let told = told.len() + rest(output).len();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.starts_with(&format!("error: {told} lines: ")), "{stderr}");
    assert!(stderr.contains("interrupted; go on with"), "{stderr}");
    let state: Value =
        serde_json::from_slice(&std::fs::read(org.world.path("state.json")).unwrap()).unwrap();
    assert_eq!(state["lines"], told);
    assert!(told < 5_000);
}

#[test_support::test]
#[cfg(unix)]
fn a_state_file_is_private_and_replaces_a_link_and_belongs_to_one_run() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let org = Org::new().in_the_environment();
    org.world.write("tokens.txt", "made-up\n");
    org.world.write("precious", "precious");
    for link in ["state.json", "state.json.new"] {
        symlink("precious", org.world.path(link)).unwrap();
    }
    let args = ["introspect", "--batch", "tokens.txt", "--resume", "state.json"];
    // What is linked is no state, and is told so rather than overwritten.
    org.world.run(&args).fails(2, "the state file is none");
    std::fs::remove_file(org.world.path("state.json")).unwrap();
    org.world.run(&args).exits(1);
    assert_eq!(std::fs::read_to_string(org.world.path("precious")).unwrap(), "precious");
    let state = std::fs::symlink_metadata(org.world.path("state.json")).unwrap();
    assert!(state.is_file());
    assert_eq!(state.permissions().mode() & 0o777, 0o600);

    // Reads its input until the end of the test.
    let waiting = ["introspect", "--batch", "-", "--resume", "other.json"];
    let mut first = org.world.command(&waiting).spawn().unwrap();
    while !org.world.path("other.json").exists() {
        std::thread::yield_now();
    }
    let second = ["introspect", "--batch", "tokens.txt", "--resume", "other.json"];
    org.world.run(&second).fails(2, "another run is using it");
    drop(first.stdin.take());
    first.wait().unwrap();
    org.world.run(&second).exits(1);
}
