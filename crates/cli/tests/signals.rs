//! `signals watch` as scripts use it, and as a machine ends it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;

use chrono::TimeDelta;
use okta_introspect::sandbox::{Fault, Grant, Times};
use okta_introspect::{Random, SeededRandom, Token};
use serde_json::{Value, json};

use crate::common::Run;
use crate::common::org::{CLIENT, Org};

const LOG: &str = "/api/v1/logs";

fn org() -> Org {
    Org::with(|app| app.grant("okta.logs.read"), |builder| builder).in_the_environment()
}

fn issue(org: &Org) -> Token {
    org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap()
}

/// Revokes a new token, and gives the id of the event that tells of it.
fn revoke(org: &Org) -> String {
    let token = issue(org);
    assert!(org.sandbox.revoke(&token));
    org.sandbox.log().last().unwrap().uuid.clone()
}

fn polls(org: &Org) -> usize {
    org.sandbox.requests().iter().filter(|request| request.path() == LOG).count()
}

/// Waits until the log was asked so often.
fn polled(org: &Org, count: usize) {
    while polls(org) < count {
        std::thread::yield_now();
    }
}

/// A watch that goes on while the test does something.
struct Watch(Child);

impl Watch {
    fn start(org: &Org, more: &[&str]) -> Self {
        let words = ["signals", "watch", "--interval", "1s", "--json"];
        Self(org.world.command(&[&words, more].concat()).spawn().unwrap())
    }

    /// The next line of its data.
    fn json(&mut self) -> Value {
        let mut line = String::new();
        // A byte at a time: what is read ahead would be lost to the next reader.
        let stdout = self.0.stdout.as_mut().unwrap();
        BufReader::with_capacity(1, stdout).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Kills it; what it has printed that nobody read yet.
    fn kill(mut self) -> String {
        self.0.kill().unwrap();
        let mut rest = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        self.0.wait().unwrap();
        rest
    }

    fn end(self) -> Run {
        Run::of(&["signals", "watch"], self.0.wait_with_output().unwrap())
    }
}

/// The ids of the events in lines that are whole.
fn ids(lines: &str) -> Vec<String> {
    let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

#[test_support::test]
fn a_revocation_is_told_with_its_token_by_id_and_how_late_it_was() {
    let org = org();
    let token = issue(&org);
    let mut watch = Watch::start(&org, &["--for", "20s"]);
    polled(&org, 1);
    org.sandbox.revoke(&token);
    let event = org.sandbox.log().last().unwrap().clone();
    let line = watch.json();
    assert_eq!(
        (&line["id"], &line["event"]),
        (&json!(event.uuid), &json!("app.oauth2.token.revoke"))
    );
    assert_eq!(
        (&line["source"], &line["names"][0]["type"]),
        (&json!("system_log"), &json!("token"))
    );
    assert!(line["names"][0]["id"].as_str().unwrap().starts_with("AT."), "{line}");
    let lag = line["lag_ms"].as_u64().unwrap();
    assert!(lag < 15_000, "{line}");
    crate::common::signal(&watch.0, "TERM");
    let end = watch.end();
    end.exits(0).hides(token.expose());
    assert_eq!(end.stderr, "");
    let hash = token.fingerprint();
    assert!(
        !line.to_string().contains(&hash[..12]) && line.to_string().contains(&hash[..6]),
        "{line}"
    );
}

#[test_support::test]
fn what_a_watch_missed_that_was_killed_is_told_by_the_next_one() {
    let kills = std::env::var("KILLS").map_or(6, |kills| kills.parse().unwrap());
    let org = org();
    let random = SeededRandom::new(kills);
    let below = |most: f64| (random.fraction() * most) as usize;
    let (mut revoked, mut told) = (BTreeSet::new(), Vec::new());
    for kill in 0..kills {
        // Beyond what a log without a cursor begins before now.
        org.sandbox.set_clock_offset(TimeDelta::minutes(3 * kill as i64));
        revoked.extend((0..=below(3.0)).map(|_| revoke(&org)));
        let before = polls(&org);
        let mut watch = Watch::start(&org, &["--cursor", "log.cursor"]);
        // From the first question on to the one after it, and from a line on.
        match below(3.0) {
            0 => polled(&org, before + 1),
            1 => told.push(watch.json()["id"].as_str().unwrap().to_owned()),
            _ => {
                polled(&org, before + 1);
                revoked.insert(revoke(&org));
                polled(&org, before + 2);
            }
        }
        (0..below(200_000.0)).for_each(|_| std::hint::spin_loop());
        told.extend(ids(&watch.kill()));
        if !org.world.path("log.cursor").exists() {
            // It was killed before it had begun: there is nothing to go on with.
            revoked.clear();
        }
    }
    let mut told: BTreeSet<String> = told.into_iter().collect();
    let newest = revoke(&org);
    revoked.insert(newest.clone());
    let mut last = Watch::start(&org, &["--cursor", "log.cursor"]);
    // Events come in their order: one that has not come before the newest is lost.
    while !told.contains(&newest) {
        told.insert(last.json()["id"].as_str().unwrap().to_owned());
    }
    let lost: Vec<_> = revoked.difference(&told).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", revoked.len());
    let asked = polls(&org);
    polled(&org, asked + 1);
    last.kill();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(org.world.path("log.cursor")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The log goes on behind all of that.
    let after =
        org.run(&["signals", "watch", "--cursor", "log.cursor", "--json", "--for", "1s"], &[], "");
    assert_eq!(after.exits(0).stdout, "");
}

#[test_support::test]
fn a_cursor_that_cannot_be_gone_on_with_is_told_as_a_line_that_names_everything() {
    let org = org();
    org.world.write("log.cursor", "{}");
    let watch =
        org.run(&["signals", "watch", "--cursor", "log.cursor", "--json", "--for", "1s"], &[], "");
    let line: Value = serde_json::from_str(watch.exits(0).stdout.trim()).unwrap();
    assert_eq!(
        (&line["event"], &line["names"]),
        (&json!("cursor_foreign"), &json!([{"type": "everything"}]))
    );
    assert_eq!(watch.stderr, "note: signals may be lost: the System Log begins anew\n");
}

/// What was printed comes again at the next start; to go on would lose what comes after.
#[test_support::test]
fn a_cursor_that_cannot_be_written_ends_it() {
    let org = org();
    let id = revoke(&org);
    let words = ["signals", "watch", "--cursor", "missing/cursor", "--json", "--for", "30s"];
    let watch = org.run(&words, &[], "");
    assert_eq!(ids(&watch.exits(2).stdout), [id]);
    let cause = "error: the cursor of the System Log cannot be written: ";
    assert!(watch.stderr.starts_with(cause), "{}", watch.stderr);
}

#[test_support::test]
fn what_nobody_read_is_told_again() {
    let org = org();
    let mut watch = Watch::start(&org, &["--cursor", "log.cursor"]);
    drop(watch.0.stdout.take());
    polled(&org, 2);
    let id = revoke(&org);
    watch.end().exits(0);
    let mut next = Watch::start(&org, &["--cursor", "log.cursor"]);
    assert_eq!(next.json()["id"], id);
    next.kill();
}

#[test_support::test]
fn an_outage_is_told_once_and_a_refusal_ends_it() {
    let org = org();
    let mut watch = Watch::start(&org, &[]);
    polled(&org, 1);
    let asked = polls(&org);
    org.sandbox.faults().inject(Fault::html(500), Times::Exactly(2));
    polled(&org, asked + 3);
    revoke(&org);
    watch.json();
    crate::common::signal(&watch.0, "INT");
    let end = watch.end();
    end.exits(130);
    let notes: Vec<&str> = end.stderr.lines().collect();
    assert!(notes[0].starts_with("note: the System Log cannot be read: "), "{notes:?}");
    assert!(notes[0].ends_with("; asking again"), "{notes:?}");
    assert_eq!(notes[1..], ["note: the System Log is read again", "error: interrupted"]);

    let bare = Org::with(|app| app, |builder| builder).in_the_environment();
    let refused = bare.run(&["signals", "watch", "--for", "9s"], &[], "");
    refused.exits(4);
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    assert!(refused.stderr.contains("scope"), "{refused:?}");
}

/// What the sidecar counts, once it does.
fn metrics(port: u16) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    ask().unwrap_or_default()
}

#[test_support::test]
fn a_sidecar_that_was_killed_goes_on_in_the_log_where_it_was() {
    let org = org();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "listeners: [{{unix: authz.sock, mode: nginx}}]\nmanagement: {{tcp: \"127.0.0.1:{port}\"}}\n\
         signals: {{poll: {{interval: 1s, cursor: log.cursor}}}}\nrules: [{{path: /, public: true}}]\n"
    );
    let path = org.world.write("serve.yaml", config);
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let told = "okta_introspect_signal_events_total{source=\"system_log\",kind=\"app.oauth2.token.revoke\"}";
    for start in 0..4 {
        // Beyond what a log without a cursor begins before now.
        org.sandbox.set_clock_offset(TimeDelta::minutes(3 * start));
        revoke(&org);
        org.sandbox.set_clock_offset(TimeDelta::minutes(3 * start + 2));
        let asked = polls(&org);
        let serve = org.world.command(&["serve", "--config", "serve.yaml"]).spawn().unwrap();
        let serve = Watch(serve);
        if start > 0 {
            while !metrics(port).contains(told) {
                std::thread::yield_now();
            }
        }
        // The cursor of a page was written before the next question.
        polled(&org, asked + 2);
        assert!(!metrics(port).contains("signal_gaps_total{source=\"system_log\"} 1"));
        serve.kill();
    }
    let begun = org.sandbox.requests();
    let begun = begun.iter().filter(|it| it.path() == LOG && it.query("since").is_some()).count();
    assert_eq!(begun, 1);
}
