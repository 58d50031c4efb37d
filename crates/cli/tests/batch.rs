//! `introspect --batch`: many tokens in, a line for each out, nothing lost on the way.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;

use okta_introspect::sandbox::{Fault, Grant, Times};
use okta_introspect::{Client, Token};
use serde_json::{Value, json};

use crate::common::World;
use crate::common::org::{CLIENT, Org};
use crate::common::server::{answering, json as json_answer};

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
    let counts = "note: 4 lines: 1 active, 2 inactive, 1 blank\n";
    assert!(run.stderr.ends_with(counts), "{run:?}");
    assert!(run.stderr.starts_with("note: 1 of the inactive tokens names no server"), "{run:?}");
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

/// The first reader of its output leaves after so many lines; gives the exit code and what is said.
#[cfg(unix)]
fn with_head(org: &Org, lines: usize, more: &str) -> (i32, String) {
    let issuer = org.sandbox.issuer().to_string();
    let line = format!(
        "{{ okta-introspect introspect --batch tokens.txt --concurrency 1 {more} --issuer {issuer} \
         --client-id {CLIENT} --key-file key.pem --key-id k1; echo exit $? >&2; }} | head -{lines}"
    );
    let output = org.world.shell(&line).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let code = said.lines().find_map(|line| line.strip_prefix("exit ")).unwrap();
    (code.parse().unwrap(), said)
}

#[cfg(unix)]
#[test_support::test]
fn a_reader_that_leaves_never_makes_all_well() {
    let org = Org::new();
    let good = format!("{}\n", good(&org));
    let refused = Fault::oauth(400, "invalid_request").at("/oauth2/v1/introspect");
    for (name, first, code) in [
        ("inactive", "made-up\n", 1),
        ("no token", "null\n", 2),
        ("active", good.as_str(), 3),
        ("refused", "made-up\n", 4),
    ] {
        if name == "refused" {
            org.sandbox.faults().inject(refused.clone(), Times::Once);
        }
        // More than fits into a pipe.
        org.world.write("tokens.txt", first.to_owned() + &good.repeat(400));
        let (exit, said) = with_head(&org, 1, "");
        assert_eq!(exit, code, "{name}: {said}");
        assert!(said.contains("the output is no longer read"), "{name}: {said}");
    }

    org.world.write("tokens.txt", good.repeat(400));
    let (_, said) = with_head(&org, 1, "--resume state.json");
    let state: Value =
        serde_json::from_slice(&std::fs::read(org.world.path("state.json")).unwrap()).unwrap();
    let lines = state["lines"].as_u64().unwrap();
    assert!((1..400).contains(&lines) && state["active"] == lines, "{state} {said}");
    assert!(said.contains(&format!(": {lines} active")), "{said}");
    let rest = org.run(&[&BATCH[..], &["--resume", "state.json"]].concat(), &[], "");
    assert_eq!(records(&rest.exits(0).stdout)[0]["line"], lines + 1);
    assert!(rest.stderr.contains("400 lines: 400 active"), "{rest:?}");
}

#[test_support::test]
fn a_state_is_of_one_input() {
    let org = Org::new();
    let resume = [&BATCH[..], &["--resume", "state.json"]].concat();
    let run = |input: &str| {
        org.world.write("tokens.txt", input);
        org.run(&resume, &[], "")
    };
    // An empty file is a new state: `mktemp` makes one.
    org.world.write("state.json", "");
    run("t1\nnull\n\n").exits(1);
    for (name, input) in
        [("shorter", "t1\nnull\n"), ("empty", ""), ("another last line", "t1\nnull\nt2\n")]
    {
        org.sandbox.clear_requests();
        run(input).fails(2, "the state file belongs to another input");
        assert!(org.sandbox.requests().is_empty(), "{name}");
    }
    let same = run("t1\nnull\n\n");
    assert_eq!(same.exits(1).stdout, "");
    let more = run("t1\nnull\n\nt2");
    assert_eq!(records(&more.exits(1).stdout).len(), 1);
    assert!(more.stderr.contains("4 lines: 0 active, 2 inactive, 1 without a token, 1 blank"));
    // A line that had no token is recognised as well.
    org.world.write("state.json", "");
    run("null\n").exits(2);
    run("undefined\nt1\n").fails(2, "the state file belongs to another input");
}

/// A server that has an answer of its own for some tokens.
fn picky(answers: &'static [(&'static str, &'static str, &'static str)]) -> String {
    answering(move |body| {
        let mut special = answers.iter();
        let special = special.find(|(token, ..)| {
            body.contains(&format!("token={token}&")) || body.ends_with(&format!("token={token}"))
        });
        match special {
            Some((_, status, body)) => json_answer(status, body),
            None => json_answer("200 OK", r#"{"active":true}"#),
        }
    })
}

#[test_support::test]
fn trouble_with_one_token_is_that_lines_error_and_the_run_goes_on() {
    let (world, _) = World::with_key();
    let issuer = picky(&[
        ("bad400", "400 Bad Request", r#"{"error":"invalid_request"}"#),
        ("gone", "401 Unauthorized", r#"{"error":"invalid_token"}"#),
        ("poison", "500 Internal Server Error", r#"{"error":"server_error"}"#),
        ("odd", "200 OK", r#"{"active":"yes"}"#),
        ("ours", "401 Unauthorized", r#"{"error":"invalid_client"}"#),
    ]);
    let run = |input: &str, more: &[&str]| {
        world.write("tokens.txt", input);
        let own = ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        world.run(&[&BATCH[..], &own, more].concat())
    };
    let all = run("bad400\nt1\ngone\npoison\nodd\nt2\n", &["--json"]);
    let mut told = records(&all.exits(4).stdout);
    let summary = json!({"summary": {
        "lines": 6, "active": 2, "inactive": 0, "without_verdict": 3, "refused": 1,
        "without_token": 0, "blank": 0, "complete": true,
    }});
    assert_eq!(told.pop().unwrap(), summary);
    let lines: Vec<_> = told.iter().map(|record| record["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
    for (at, words) in
        [(0, "invalid_request"), (2, "about the token"), (3, "failing"), (4, "members")]
    {
        assert!(told[at]["error"].as_str().unwrap().contains(words), "{}", told[at]);
        assert!(told[at].get("introspection").is_none(), "{}", told[at]);
    }
    for (name, input, code, counts) in [
        (
            "worst of two",
            "t1\ngone\nbad400\n",
            4,
            "1 active, 0 inactive, 1 without a verdict, 1 refused",
        ),
        (
            "no verdict",
            "t1\nnull\ngone\nt2\n",
            3,
            "2 active, 0 inactive, 1 without a verdict, 1 without a token",
        ),
    ] {
        let run = run(input, &[]);
        assert!(run.exits(code).stderr.contains(counts), "{name}: {run:?}");
    }
    // Nothing tells whether it is the token's trouble or the server's.
    let last = run("t1\npoison\n", &[]);
    assert!(last.exits(3).stderr.contains("stopped after line 1: "), "{last:?}");
    let ours = run("t1\nours\nt2\n", &[]);
    assert!(ours.exits(4).stderr.contains("stopped after line 1: "), "{ours:?}");
    assert_eq!(records(&ours.stdout).len(), 1);
}

#[test_support::test]
fn a_short_outage_costs_no_line_its_answer() {
    let org = Org::new();
    org.world.write("tokens.txt", format!("{}\nt2\nt3\n", good(&org)));
    org.sandbox.faults().inject(Fault::html(500), Times::Exactly(2));
    let run = org.run(&[&BATCH[..], &["--concurrency", "1"]].concat(), &[], "");
    assert!(run.exits(1).stderr.contains("3 lines: 1 active, 2 inactive\n"), "{run:?}");
}

#[test_support::test]
fn what_stands_beside_a_token_gives_no_secret_away() {
    let org = Org::new();
    let (token, opaque) = (good(&org), "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk");
    let response = json!({
        "access_token": token, "refresh_token": opaque, "id_token": token, "token_type": "Bearer",
        "expires_in": 3600, "scope": "okta.users.read",
    });
    let copies = json!({"token": token, "raw": token, "h": format!("Bearer {token}"), "x": [{"y": opaque}], opaque: 1, "user": 7});
    let unread = json!({"tokens": [token], "note": opaque, "hint": token});
    org.world
        .write("tokens.txt", format!("{response}\n{copies}\n{unread}\n{{\"token\":\"{token}\"\n"));
    let run = org.run(&BATCH, &[], "");
    run.exits(2).hides(opaque).hides(&token[..20]).hides(&token[token.len() - 20..]);
    let told = records(&run.stdout);
    assert_eq!(told[0]["introspection"]["active"], true);
    assert_eq!((&told[0]["token_type"], &told[0]["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(
        (&told[0]["refresh_token"], &told[1]["raw"]),
        (&json!("[masked]"), &json!("[masked]"))
    );
    assert_eq!((&told[1]["introspection"]["active"], &told[1]["user"]), (&json!(true), &json!(7)));
    assert!(told[2]["error"].is_string() && told[3]["error"].is_string());
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
    assert!(stderr.contains(&format!("error: {told} lines: ")), "{stderr}");
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
