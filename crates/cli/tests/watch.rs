//! `watch` as scripts use it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command};

use okta_introspect::sandbox::{Fault, Grant, Times};
use okta_introspect::{KeyOptions, SigningKey, Token};
use serde_json::{Value, json};

use crate::common::Run;
use crate::common::org::{CLIENT, Org};

fn issue(org: &Org) -> Token {
    org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap()
}

/// A watch that goes on while the test does something.
struct Watch(Child);

impl Watch {
    fn start(org: &Org, token: &Token, more: &[&str]) -> Self {
        let issuer = org.sandbox.issuer();
        let own = [
            &["watch", "--max-age", "100ms", "--issuer", issuer.as_str()][..],
            &["--client-id", CLIENT, "--key-file", "key.pem", "--key-id", "k1"],
        ];
        let mut child = org.world.command(&[&own.concat(), more].concat()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(token.expose().as_bytes()).unwrap();
        Self(child)
    }

    /// The next line of its data.
    fn line(&mut self) -> String {
        let mut line = String::new();
        // A byte at a time: what is read ahead would be lost to the next reader.
        let stdout = self.0.stdout.as_mut().unwrap();
        BufReader::with_capacity(1, stdout).read_line(&mut line).unwrap();
        line
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Waits for its end; what it printed and nobody read yet is in the run.
    fn end(self) -> Run {
        Run::of(&["watch"], self.0.wait_with_output().unwrap())
    }
}

#[test_support::test]
fn a_revocation_is_told_and_ends_the_wait_with_1() {
    let org = Org::new();
    let token = issue(&org);
    let mut watch = Watch::start(&org, &token, &["--until-inactive", "--for", "1m"]);
    let first = watch.line();
    assert!(first.contains("Z  active  scope: okta.users.read  exp: "), "{first}");
    org.sandbox.revoke(&token);
    let end = watch.end();
    end.exits(1).hides(token.expose());
    assert!(end.stdout.ends_with("Z  inactive\n") && end.stdout.lines().count() == 1, "{end:?}");
    assert_eq!(end.stderr, "");
}

#[test_support::test]
fn json_lines_tell_time_state_and_what_changed_and_an_outage_is_null() {
    let org = Org::new();
    let token = issue(&org);
    let mut watch = Watch::start(&org, &token, &["--until-inactive", "--json", "--for", "1m"]);
    let first = watch.json();
    assert_eq!((&first["active"], &first["changed"]), (&json!(true), &json!([])));
    assert_eq!(first["token"], token.fingerprint());
    assert_eq!(first["introspection"]["scope"], "okta.users.read");
    assert!(first["time"].as_str().unwrap().ends_with('Z'), "{first}");

    org.sandbox.faults().inject(Fault::html(500), Times::Once);
    let silent = watch.json();
    assert_eq!((&silent["active"], &silent["changed"]), (&Value::Null, &json!(["active"])));
    assert!(silent["error"].is_string() && silent.get("introspection").is_none(), "{silent}");
    let again = watch.json();
    assert_eq!((&again["active"], &again["changed"]), (&json!(true), &json!(["active"])));

    org.sandbox.revoke(&token);
    let last = watch.json();
    assert_eq!((&last["active"], &last["changed"]), (&json!(false), &json!(["active"])));
    let end = watch.end();
    end.exits(1).hides(token.expose());
    assert_eq!(end.stderr.lines().count(), 1, "{end:?}");
    assert!(end.stderr.starts_with("note: the token's state is unknown: "), "{end:?}");
}

#[test_support::test]
fn time_that_is_up_ends_it_with_the_latest_state() {
    let org = Org::new();
    let token = issue(&org);
    let watch = |more: &[&str]| {
        let short = ["watch", "--max-age", "100ms", "--for", "600ms"];
        org.run(&[&short[..], more].concat(), &[], token.expose())
    };
    let active = watch(&["--until-inactive"]);
    assert_eq!(active.exits(0).stdout.lines().count(), 1, "{active:?}");
    let asked = org.sandbox.requests().len();
    assert!((2..=7).contains(&asked), "{asked}");

    org.sandbox.faults().set_outage(Some(Fault::html(500)));
    let unknown = watch(&["--until-inactive"]);
    unknown.exits(3);
    assert!(unknown.stdout.ends_with("Z  unknown\n"), "{unknown:?}");
    org.sandbox.faults().set_outage(None);

    org.sandbox.revoke(&token);
    let inactive = watch(&[]);
    assert!(inactive.exits(1).stdout.ends_with("Z  inactive\n"), "{inactive:?}");
    assert_eq!(inactive.stdout.lines().count(), 1, "{inactive:?}");
}

#[test_support::test]
fn refused_credentials_end_it_at_once_and_say_nothing_of_the_token() {
    let org = Org::new();
    let token = issue(&org);
    let another = [("--client-id", "0oa-other")];
    let refused = org.run(&["watch", "--until-inactive", "--for", "10s"], &another, token.expose());
    refused.fails(4, "error: ").hides(token.expose());

    let mut watch = Watch::start(&org, &token, &["--until-inactive", "--for", "1m"]);
    watch.line();
    let next = SigningKey::from_file(org.world.path("key.pem"), &KeyOptions::default()).unwrap();
    let next = next.with_key_id(Some("k2".to_owned()));
    org.sandbox.add_key(CLIENT, next.public_jwk()).unwrap();
    org.sandbox.deactivate_key(CLIENT, "k1").unwrap();
    watch.end().fails(4, "error: ");
}

#[test_support::test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_130() {
    let org = Org::new();
    let mut watch = Watch::start(&org, &issue(&org), &[]);
    watch.line();
    let kill = format!("kill -INT {}", watch.0.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    watch.end().fails(130, "error: interrupted");
}

#[test_support::test]
fn wrong_lengths_of_time_and_tokens_as_arguments_are_refused() {
    let org = Org::new();
    for args in [
        &["watch", "--for", "5s", "--max-age", "0"][..],
        &["watch", "--for", "5s", "--max-age", "s3cret"],
        &["watch", "--for", "a while"],
        &["watch", "--for", "5s", "s3cret"],
    ] {
        org.run(args, &[], "t").fails(2, "error: ").hides("s3cret");
    }
    for short in ["1ms", "99ms"] {
        let run = org.run(&["watch", "--for", "5s", "--max-age", short], &[], "t");
        run.fails(2, "at least 100ms").fails(2, "rate limit");
    }
    assert_eq!(org.sandbox.requests().len(), 0);
    // Nobody is kept waiting longer than there is time.
    let (silent, _listener) = crate::common::server::silent();
    let run = org.run(&["watch", "--for", "50ms"], &[("--issuer", &silent)], "t");
    run.fails(3, "the token's state is not known");
}
