//! The command with a key behind a program that signs.

use std::path::Path;

use okta_introspect::sandbox::Bucket;
use serde_json::json;

use crate::common::org::Org;
use crate::common::{World, skip};

/// Signs with the key of the world.
const SCRIPT: &str = r#"
export PATH=/usr/bin:/bin
echo '{"alg":"ES256","kid":"k1"}'
while read -r id input; do
  printf '%s signature %s\n' "$id" "$(printf %s "$input" | openssl dgst -sha256 -sign key.pem | base64 -w0)"
done"#;

const SCOPE: &[&str] = &["--scope", "okta.users.read"];

fn org(test: &str) -> Option<Org> {
    if !Path::new("/usr/bin/openssl").exists() {
        skip(test, "openssl is not installed");
        return None;
    }
    let org = Org::new();
    org.world.write("sign.sh", SCRIPT);
    Some(org)
}

fn setting(more: &str) -> String {
    format!(r#"command:{{"argv":["/bin/sh","sign.sh"],"der":true{more}}}"#)
}

#[test_support::test]
fn every_command_works_with_a_key_behind_a_program() {
    let Some(org) = org("every_command_works_with_a_key_behind_a_program") else { return };
    let key = setting("");
    let run = |command: &[&str], input: &str| org.run(command, &[("--key-file", &key)], input);
    let token = run(&[&["token"], SCOPE].concat(), "").exits(0).stdout.clone();
    assert_eq!(run(&["introspect", "--json"], &token).exits(0).json()["active"], json!(true));
    run(&["revoke"], &token).exits(0);
    assert_eq!(run(&["introspect", "--json"], &token).exits(1).json(), json!({"active": false}));
}

#[test_support::test]
fn doctor_says_what_the_signatures_of_a_key_elsewhere_cap() {
    let Some(org) = org("doctor_says_what_the_signatures_of_a_key_elsewhere_cap") else { return };
    org.sandbox.set_rate_limit(Bucket::Org, 600);
    for (more, status, says) in [
        ("", None, "introspections a minute"),
        (r#","max_per_second":1"#, Some("warn"), "1 by its settings: 60 introspections a minute"),
    ] {
        let line = [&["doctor", "--json"], SCOPE].concat();
        let report = org.run(&line, &[("--key-file", &setting(more))], "").exits(0).json();
        let checks = report["checks"].as_array().unwrap();
        let signer = checks.iter().find(|check| check["check"] == "signer").unwrap();
        assert!(signer["seen"].as_str().unwrap().starts_with("20 signatures take "), "{signer}");
        assert!(signer["seen"].as_str().unwrap().contains(says), "{signer}");
        if let Some(status) = status {
            assert_eq!(signer["status"], status, "{signer}");
            assert!(
                signer["cure"].as_str().unwrap().contains("AssertionConfig::reuse"),
                "{signer}"
            );
        }
    }
    let local = org.run(&[&["doctor", "--json"], SCOPE].concat(), &[], "").exits(0).json();
    let checks = local["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["check"] != "signer"), "{local:#}");
}

#[test_support::test]
fn a_settings_file_that_came_with_a_repository_names_no_program_and_no_server() {
    for key in [r#"command:["/bin/sh","-c","touch ran"]"#, "vault:app?address=http://127.0.0.1:1"] {
        let world = World::new();
        let yaml = format!(
            "okta:\n  client:\n    orgUrl: https://acme.okta.com\n    clientId: 0oa1\n    privateKey: '{key}'\n"
        );
        world.write(".okta.yaml", yaml);
        world.run(&["token", "--scope", "okta.users.read"]).fails(2, "working folder");
        assert!(!world.path("ran").exists());
    }
}

#[test_support::test]
fn a_program_is_shown_without_its_arguments() {
    let Some(mut org) = org("a_program_is_shown_without_its_arguments") else { return };
    org.world.put("OKTA_CLIENT_PRIVATEKEY", setting(r#","kid":"k1""#));
    org.world.put("OKTA_CLIENT_ORGURL", org.sandbox.issuer().to_string());
    org.world.put("OKTA_CLIENT_CLIENTID", "0oa1");
    let shown = org.world.run(&["config", "show"]);
    shown.exits(0).hides("sign.sh");
    assert!(shown.stdout.contains("ES256 key at command:"), "{shown:?}");
    org.world.run(&[&["token"], SCOPE].concat()).exits(0);
    org.world.put("OKTA_CLIENT_PRIVATEKEY", r#"command:["/nowhere/s3cret-program"]"#);
    org.world.run(&[&["token"], SCOPE].concat()).fails(2, "cannot be started").hides("s3cret");
}
