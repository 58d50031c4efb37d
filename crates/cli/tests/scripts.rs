//! The scripts in `examples/scripts/` do what they say, against a sandbox within the test.

use std::path::Path;
use std::process::Stdio;

use okta_introspect::sandbox::{App, Fault, Grant, Times};
use okta_introspect::{KeyOptions, SigningKey, Token};

use crate::common::Run;
use crate::common::org::{CLIENT, Org};

/// Runs a script in the world's folder, with the settings of the app in the environment.
fn run(org: &Org, script: &str, args: &[&str], settings: &[(&str, &str)]) -> Run {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let script = root.join("examples/scripts").join(script);
    let script = script.to_str().unwrap();
    let mut command = org.world.with_path(script, args);
    command
        .env("OKTA_CLIENT_ORGURL", org.sandbox.issuer().as_str())
        .env("OKTA_CLIENT_CLIENTID", CLIENT)
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    Run::of(&[script], command.output().unwrap())
}

/// The app's key is `key.pem`, and its id is its thumbprint.
fn org() -> Org {
    let org = Org::new();
    let key = SigningKey::from_file(org.world.path("key.pem"), &KeyOptions::default()).unwrap();
    let id = key.public_jwk().thumbprint();
    let app = App::service(CLIENT).key(key.with_key_id(Some(id)).public_jwk());
    org.sandbox.register(app.grant("okta.apps.read").grant("okta.apps.manage"));
    org
}

const KEY: [(&str, &str); 1] = [("OKTA_CLIENT_PRIVATEKEY", "key.pem")];

#[test_support::test]
fn revocation_check_is_silent_until_there_is_something_to_say() {
    let org = org();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    org.world.write("token.txt", token.expose());
    let active = run(&org, "revocation-check", &["token.txt"], &KEY);
    assert_eq!((active.code, active.stdout.as_str(), active.stderr.as_str()), (0, "", ""));
    org.sandbox.revoke(&token);
    let revoked = run(&org, "revocation-check", &["token.txt"], &KEY);
    assert_eq!(revoked.code, 1, "{revoked:?}");
    assert!(revoked.stdout.starts_with("the token in token.txt is no longer active\n"));
    revoked.hides(token.expose());
    org.sandbox.faults().inject(Fault::html(500), Times::Always);
    let unknown = run(&org, "revocation-check", &["token.txt"], &KEY);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (3, ""), "{unknown:?}");
}

#[test_support::test]
fn key_gate_lets_only_registered_and_active_keys_pass() {
    let org = org();
    org.world.run(&["keygen", "next.pem"]).exits(0);
    assert_eq!(run(&org, "key-gate", &["key.pem"], &KEY).code, 0);
    let missing = run(&org, "key-gate", &["key.pem", "next.pem"], &KEY);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(
        missing.stdout.contains("next.pem: the key ") && missing.stdout.contains("not registered")
    );

    let next = SigningKey::from_file(org.world.path("next.pem"), &KeyOptions::default()).unwrap();
    let id = next.public_jwk().thumbprint();
    let next = next.with_key_id(Some(id.clone()));
    org.sandbox.add_key(CLIENT, next.public_jwk()).unwrap();
    let both = ("OKTA_CLIENT_KEYID", key_id(&org, "key.pem"));
    let settings = [KEY[0], (both.0, both.1.as_str())];
    assert_eq!(run(&org, "key-gate", &["key.pem", "next.pem"], &settings).code, 0);
    org.sandbox.deactivate_key(CLIENT, &id).unwrap();
    let inactive = run(&org, "key-gate", &["key.pem", "next.pem"], &settings);
    assert_eq!(inactive.code, 1);
    assert!(inactive.stdout.contains("but not active"), "{inactive:?}");
}

#[test_support::test]
fn rotate_key_leaves_no_moment_without_a_key_that_works() {
    let org = org();
    let works = |key: &str| {
        let id = key_id(&org, key);
        let changes = [("--key-file", key), ("--key-id", id.as_str())];
        org.run(&["introspect"], &changes, "made-up").code == 1
    };
    let early = run(&org, "rotate-key", &["end", "key.pem", "key2.pem"], &[]);
    assert_ne!(early.code, 0);
    let begun = run(&org, "rotate-key", &["begin", "key.pem", "next.pem"], &[]);
    assert_eq!(begun.code, 0, "{begun:?}");
    assert!(works("key.pem") && works("next.pem"));
    // Called again, it changes nothing.
    assert_eq!(run(&org, "rotate-key", &["begin", "key.pem", "next.pem"], &[]).code, 0);
    let ended = run(&org, "rotate-key", &["end", "key.pem", "next.pem"], &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(works("next.pem") && !works("key.pem"));
    assert_eq!(run(&org, "rotate-key", &["middle", "a", "b"], &[]).code, 2);
}

#[test_support::test]
fn nightly_audit_names_what_is_no_longer_active_and_goes_on_after_an_outage() {
    let org = org();
    let good = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    let bad = Token::parse("made-up-t0ken").unwrap();
    let line = |token: &Token, name: &str| {
        format!("{{\"token\":\"{}\",\"name\":\"{name}\"}}\n", token.expose())
    };
    org.world.write("list.jsonl", line(&good, "fine") + &line(&bad, "gone"));
    let audit = run(&org, "nightly-audit", &["list.jsonl", "audit"], &KEY);
    assert_eq!(audit.code, 1, "{audit:?}");
    assert_eq!(audit.stdout.lines().count(), 1, "{audit:?}");
    assert!(audit.stdout.contains("\"name\":\"gone\""), "{audit:?}");
    audit.hides(good.expose()).hides(bad.expose());

    org.sandbox.faults().inject(Fault::html(500), Times::Always);
    let cut = run(&org, "nightly-audit", &["list.jsonl", "audit"], &KEY);
    assert_eq!((cut.code, cut.stdout.as_str()), (3, ""), "{cut:?}");
    org.sandbox.faults().clear();
    assert_eq!(run(&org, "nightly-audit", &["list.jsonl", "audit"], &KEY).stdout, audit.stdout);

    // A token without a verdict is named, and does not keep the audit from being complete.
    let foreign = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.c2ln";
    let foreign = line(&Token::parse(foreign).unwrap(), "elsewhere");
    org.world.write("list.jsonl", line(&good, "fine") + &foreign);
    let doubt = run(&org, "nightly-audit", &["list.jsonl", "audit"], &KEY);
    assert_eq!((doubt.code, doubt.stdout.lines().count()), (3, 1), "{doubt:?}");
    assert!(!org.world.path("audit/state.json").exists(), "it would never begin anew");
}

fn key_id(org: &Org, key: &str) -> String {
    let run = org.world.run(&["jwk", "--key-file", key, "--thumbprint"]);
    run.exits(0).stdout.trim().to_owned()
}
