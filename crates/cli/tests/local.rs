//! Commands that call nobody: keys, decoding, help, completions.

use std::io::Write;

use serde_json::{Value, json};

use crate::common::World;

const COMMANDS: [&str; 16] = [
    "api",
    "config",
    "man",
    "plan",
    "doctor",
    "explain",
    "demo",
    "sandbox",
    "token",
    "introspect",
    "revoke",
    "assertion",
    "decode",
    "keygen",
    "jwk",
    "completions",
];

#[test_support::test]
fn keygen_writes_a_key_for_its_owner_and_tells_the_public_half() {
    let world = World::new();
    let made = world.run(&["keygen", "key.pem"]);
    let jwk = made.exits(0).json();
    assert_eq!(
        (&jwk["alg"], &jwk["use"], &jwk["crv"]),
        (&json!("ES256"), &json!("sig"), &json!("P-256"))
    );
    assert_eq!(jwk.get("d"), None);
    assert!(made.stderr.starts_with("note: the private key is in key.pem"), "{made:?}");
    let pem = std::fs::read_to_string(world.path("key.pem")).unwrap();
    made.hides(pem.lines().nth(1).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = world.path("key.pem").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let same = ["jwk", "--key-file", "key.pem"];
    assert_eq!(world.run(&same).exits(0).json(), jwk);
    let thumbprint = world.run(&[&same[..], &["--thumbprint"]].concat());
    assert_eq!(json!(thumbprint.exits(0).stdout.trim()), jwk["kid"]);
    let set = world.run(&[&same[..], &["--set"]].concat());
    assert_eq!(set.exits(0).json(), json!({ "keys": [jwk] }));

    world.run(&["keygen", "key.pem"]).fails(2, "never overwritten");
    assert_eq!(std::fs::read_to_string(world.path("key.pem")).unwrap(), pem);
}

#[test_support::test]
fn a_key_id_may_begin_with_a_hyphen() {
    let world = World::new();
    let made = world.run(&["keygen", "key.pem", "--key-id", "-k1"]);
    assert_eq!(made.exits(0).json()["kid"], "-k1");
    let shown = world.run(&["jwk", "--key-file", "key.pem", "--key-id", "-k1"]);
    assert_eq!(shown.exits(0).json()["kid"], "-k1");
}

#[test_support::test]
fn keygen_makes_other_keys_on_request() {
    let world = World::new();
    for (name, args, alg, kty) in [
        ("rsa", &["--rsa", "2048"][..], "RS256", "RSA"),
        ("pss", &["--rsa", "2048", "--alg", "PS256"], "PS256", "RSA"),
        ("p384", &["--alg", "ES384"], "ES384", "EC"),
    ] {
        let made = world.run(&[&["keygen", name, "--key-id", "k1"], args].concat());
        let jwk = made.exits(0).json();
        assert_eq!(
            (&jwk["alg"], &jwk["kty"], &jwk["kid"]),
            (&json!(alg), &json!(kty), &json!("k1"))
        );
    }
}

#[test_support::test]
fn decode_shows_everything_and_says_that_nothing_is_verified() {
    let world = World::new();
    // {"alg":"none"} . {"iss":"x","exp":1}
    let jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4IiwiZXhwIjoxfQ.";
    let text = world.pipe(&["decode"], jwt);
    assert!(text.exits(0).stdout.starts_with("NOT VERIFIED"), "{text:?}");
    assert!(text.stdout.contains("  exp  1970-01-01T00:00:01Z ("), "{text:?}");
    let shown = world.pipe(&["decode", "--json"], jwt).exits(0).json();
    assert_eq!(
        shown,
        json!({"verified": false, "header": {"alg": "none"}, "claims": {"iss": "x", "exp": 1}})
    );
    world.pipe(&["decode"], "00opaque-s3cret").fails(2, "is not a JWT").hides("s3cret");
}

#[test_support::test]
fn every_help_tells_the_exit_codes() {
    let world = World::new();
    for command in COMMANDS {
        let help = world.run(&[command, "--help"]);
        assert!(help.exits(0).stdout.contains("Exit codes:\n  0  "), "{help:?}");
        let example = format!("Examples:\n  okta-introspect {command}");
        assert!(help.stdout.contains(&example), "{help:?}");
    }
    let overview = world.run(&["--help"]);
    for command in COMMANDS {
        assert!(overview.exits(0).stdout.contains(command), "{command}");
    }
    assert!(world.run(&["--version"]).exits(0).stdout.starts_with("okta-introspect "));
}

#[test_support::test]
fn every_shell_has_completions() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = world.run(&["completions", shell]);
        assert!(script.exits(0).stdout.contains("introspect"), "{shell}");
    }
}

#[test_support::test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new();
    let mut child = world.command(&["decode"]).spawn().unwrap();
    drop(child.stdout.take());
    // The command cannot print before it has its input, and the reader is gone by then.
    child.stdin.take().unwrap().write_all(b"eyJhbGciOiJub25lIn0.e30.").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"");
}

#[test_support::test]
fn an_assertion_tells_its_form_fields_as_json() {
    let (world, key_id) = World::with_key();
    let args = [
        "--issuer",
        "https://acme.okta.com",
        "--client-id",
        "0oa1",
        "--key-file",
        "key.pem",
        "--key-id",
        &key_id,
    ];
    let made = |more: &[&str]| world.run(&[&["assertion"], &args[..], more].concat());
    let fields = made(&["--endpoint", "revoke", "--json"]).exits(0).json();
    assert_eq!(fields["endpoint"], "https://acme.okta.com/oauth2/v1/revoke");
    assert_eq!(
        fields["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );

    let url = "https://acme.okta.com/oauth2/v1/device/authorize";
    let jwt = made(&["--endpoint", url]).exits(0).stdout.clone();
    let shown: Value = world.pipe(&["decode", "--json"], jwt).exits(0).json();
    assert_eq!(shown["claims"]["aud"], url);
    assert_eq!(shown["header"], json!({"alg": "ES256", "kid": key_id}));
}

#[test_support::test]
#[cfg(unix)]
fn a_key_that_cannot_be_written_whole_leaves_no_file() {
    let world = World::new();
    // As on a full disk: the file can be made, but nothing can be written to it.
    let line = "trap '' XFSZ; ulimit -f 0; okta-introspect keygen key.pem";
    let run = crate::common::Run::of(&[line], world.shell(line).output().unwrap());
    run.fails(2, "the key file cannot be written");
    assert!(!world.path("key.pem").exists());
    world.run(&["keygen", "key.pem"]).exits(0);
    world.run(&["keygen", "key.pem"]).fails(2, "never overwritten");
    assert!(world.path("key.pem").exists());
}
