//! A long batch with every kind of broken line, killed at random and resumed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::sandbox::Grant;
use okta_introspect::{Random, SystemRandom, Token};
use serde_json::{Value, json};

use crate::common::org::{CLIENT, Org};

const LINES: usize = 20_000;

/// What must come of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Active,
    Inactive,
    NoVerdict,
    NoToken,
    Blank,
}

use Expected::{Active, Blank, Inactive, NoToken, NoVerdict};

/// The lines, the secrets in them, and what must come of each kind.
struct Input {
    kinds: Vec<(Vec<u8>, Expected)>,
    secrets: Vec<String>,
}

impl Input {
    fn new(org: &Org) -> Self {
        let issue = |grant: Grant| org.sandbox.issue(&grant).unwrap().expose().to_owned();
        let good = issue(Grant::to_client(CLIENT));
        let custom = issue(Grant::to_client(CLIENT).server("default"));
        let revoked = issue(Grant::to_client(CLIENT));
        org.sandbox.revoke(&Token::parse(&revoked).unwrap());
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://login.acme.example"}"#);
        let foreign = format!("eyJhbGciOiJub25lIn0.{claims}.c2lnbmF0dXJl");
        let opaque = "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk".to_owned();
        let response = json!({"access_token": good, "refresh_token": opaque, "expires_in": 3600});
        let copies =
            json!({"token": good, "raw": good, "deep": {"er": [custom]}, opaque.as_str(): 1});
        let kinds: Vec<(Vec<u8>, Expected)> = vec![
            (good.clone().into(), Active),
            (b"".to_vec(), Blank),
            (b"token".to_vec(), NoToken),
            (format!("{revoked},ada@acme.example").into(), NoToken),
            (b"[1,2]".to_vec(), NoToken),
            (b"<html><body>Sign in</body></html>".to_vec(), NoToken),
            (b" \t ".to_vec(), Blank),
            (b"null".to_vec(), NoToken),
            (response.to_string().into(), Active),
            (json!({"token": null, "note": good}).to_string().into(), NoToken),
            (json!({"hint": opaque, "token": good}).to_string().into(), NoToken),
            (format!("{{\"token\":\"{good}\"").into(), NoToken),
            (b"{}".to_vec(), NoToken),
            (b"\xff\xfe\x00".to_vec(), NoToken),
            ([good.as_bytes(), &[b' '; 66_000], opaque.as_bytes()].concat(), NoToken),
            (revoked.clone().into(), Inactive),
            (format!("see {good} there").into(), NoToken),
            (copies.to_string().into(), Active),
            (foreign.clone().into(), NoVerdict),
            (custom.clone().into(), Active),
            (json!({"user": 7}).to_string().into(), NoToken),
            (format!("\"{opaque}\"").into(), Inactive),
            (b"undefined".to_vec(), NoToken),
            (b"Bearer ".to_vec(), NoToken),
            (b"$TOKEN".to_vec(), NoToken),
        ];
        let secrets = vec![good, custom, revoked, foreign, opaque];
        Self { kinds, secrets }
    }

    /// Beyond the first hundreds, long lines are few and so are those that are asked about: the
    /// test is to be quick.
    fn line(&self, number: usize) -> &(Vec<u8>, Expected) {
        let (round, at) = (number / self.kinds.len(), number % self.kinds.len());
        let kind = &self.kinds[at];
        let is_costly = kind.0.len() > 60_000 || !matches!(kind.1, NoToken | Blank);
        &self.kinds[if is_costly && round > 10 && round % 16 != 0 { 2 } else { at }]
    }

    fn bytes(&self) -> Vec<u8> {
        (0..LINES).flat_map(|n| [self.line(n).0.as_slice(), b"\n"].concat()).collect()
    }

    fn count(&self, expected: Expected) -> usize {
        (0..LINES).filter(|n| self.line(*n).1 == expected).count()
    }
}

fn outcome(record: &Value) -> Expected {
    match (&record["introspection"]["active"], record["error"].as_str(), &record["token"]) {
        (Value::Bool(true), None, Value::String(_)) => Active,
        (Value::Bool(false), None, Value::String(_)) => Inactive,
        (Value::Null, Some(_), Value::String(_)) => NoVerdict,
        (Value::Null, Some(_), Value::Null) => NoToken,
        _ => panic!("{record}"),
    }
}

#[test_support::test]
fn of_twenty_thousand_lines_none_is_lost_none_is_made_up_and_no_token_is_told() {
    let org = Org::new();
    org.sandbox.set_rate_limit(okta_introspect::sandbox::Bucket::Org, None);
    let input = Input::new(&org);
    org.world.write("tokens.txt", input.bytes());
    let issuer = org.sandbox.issuer().to_string();
    // The state is replaced after each line, which takes longer on some disks than all the rest.
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.unwrap();
    let state = folder.path().join("state.json");
    let state = state.to_str().unwrap();
    let args = ["introspect", "--batch", "tokens.txt", "--resume", state, "--json"];
    let own =
        ["--issuer", &issuer, "--client-id", CLIENT, "--key-file", "key.pem", "--key-id", "k1"];
    let mut told: Vec<String> = Vec::new();
    let kills = (0..4).map(|_| (SystemRandom.fraction() * 5_000.0) as usize).collect::<Vec<_>>();
    for kill in kills.iter().copied().chain([usize::MAX]) {
        let mut child = org.world.command(&[&args[..], &own].concat());
        let mut child = child.stdin(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (at, line) in lines.map(Result::unwrap).enumerate() {
            told.push(line);
            if at == kill {
                child.kill().unwrap();
            }
        }
        let code = child.wait().unwrap().code();
        if kill == usize::MAX {
            assert_eq!(
                code,
                Some(3),
                "the worst is a token of another address; killed at {kills:?}"
            );
        }
    }
    for secret in &input.secrets {
        for part in [&secret[..20], &secret[secret.len() - 12..]] {
            assert!(told.iter().all(|line| !line.contains(part)), "a part of a token is told");
        }
    }
    let summary: Value = serde_json::from_str(&told.pop().unwrap()).unwrap();
    let counts = [
        ("lines", LINES),
        ("active", input.count(Active)),
        ("inactive", input.count(Inactive)),
        ("without_verdict", input.count(NoVerdict)),
        ("refused", 0),
        ("without_token", input.count(NoToken)),
        ("blank", input.count(Blank)),
    ];
    for (name, count) in counts {
        assert_eq!(summary["summary"][name], count, "{name}: {summary}; killed at {kills:?}");
    }
    assert_eq!(counts[1..].iter().map(|(_, count)| count).sum::<usize>(), LINES);

    // A line that was cut off by the kill is told again.
    let whole = told.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut next = 0;
    for record in whole {
        let line = record["line"].as_u64().unwrap() as usize - 1;
        while next < line && input.line(next).1 == Blank {
            next += 1;
        }
        assert!(line <= next, "line {next} is lost; killed at {kills:?}");
        assert_eq!(outcome(&record), input.line(line).1, "line {line}: {record}");
        next = next.max(line + 1);
    }
    assert!((next..LINES).all(|line| input.line(line).1 == Blank), "the end is lost");
}
