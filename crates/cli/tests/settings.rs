//! Where settings come from, and which one wins. `assertion --claims` shows them without a call.

use serde_json::Value;

use crate::common::World;

/// The assertion that the settings lead to.
#[track_caller]
fn assertion(world: &World, args: &[&str]) -> Value {
    let run = world.run(&[&["assertion", "--endpoint", "token", "--claims"], args].concat());
    assert_eq!(run.exits(0).stderr, "", "{run:?}");
    run.json()
}

fn client(issuer: &str, client_id: &str, key: &str) -> String {
    format!(
        "okta:\n  client:\n    orgUrl: {issuer}\n    clientId: {client_id}\n    privateKey: {key}\n"
    )
}

#[test_support::test]
fn flag_beats_environment_beats_project_beats_home() {
    let (world, _) = World::with_key();
    let key = world.path("key.pem").to_str().unwrap().to_owned();
    std::fs::create_dir(world.home().join(".okta")).unwrap();
    let home = client("https://home.example", "home", &key);
    std::fs::write(world.home().join(".okta/okta.yaml"), home).unwrap();
    assert_eq!(assertion(&world, &[])["claims"]["iss"], "home");

    world.write(".okta.yaml", "okta: {client: {clientId: hidden}}");
    assert_eq!(assertion(&world, &[])["claims"]["iss"], "hidden");
    world.write("okta.yaml", "okta: {client: {clientId: project}}");
    let shown = assertion(&world, &[]);
    assert_eq!(shown["claims"]["iss"], "project");
    assert_eq!(shown["claims"]["aud"], "https://home.example/oauth2/v1/token");

    let world = world.set("OKTA_CLIENT_CLIENTID", "environment").set("OKTA_CLIENT_KID", "k-env");
    let shown = assertion(&world, &[]);
    assert_eq!(shown["claims"]["iss"], "environment");
    assert_eq!(shown["header"]["kid"], "k-env");

    let shown = assertion(&world, &["--client-id", "flag", "--auth-server", "default"]);
    assert_eq!(shown["claims"]["iss"], "flag");
    assert_eq!(shown["claims"]["aud"], "https://home.example/oauth2/default/v1/token");
}

#[test_support::test]
fn every_form_of_a_key_is_taken_from_the_environment() {
    let (world, _) = World::with_key();
    let pem = std::fs::read_to_string(world.path("key.pem")).unwrap();
    let world = world
        .set("OKTA_CLIENT_ORGURL", "https://acme.okta.com/")
        .set("OKTA_CLIENT_CLIENTID", "0oa1");
    for value in [pem.clone(), pem.replace('\n', "\\n"), "key.pem".to_owned()] {
        let mut command = world.command(&["jwk", "--thumbprint"]);
        let output = command.env("OKTA_CLIENT_PRIVATEKEY", value).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let direct = world.run(&["jwk", "--thumbprint", "--key-file", "key.pem"]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), direct.stdout);
    }
}

#[test_support::test]
fn a_key_path_in_a_file_is_relative_to_the_file() {
    let (world, key_id) = World::with_key();
    let folder = world.home().join(".okta");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(world.path("key.pem"), folder.join("app.pem")).unwrap();
    std::fs::write(folder.join("okta.yaml"), client("https://acme.okta.com", "0oa1", "app.pem"))
        .unwrap();
    assert_eq!(world.run(&["jwk", "--thumbprint"]).exits(0).stdout.trim(), key_id);
}

#[test_support::test]
fn a_passphrase_comes_from_a_file_or_from_the_environment() {
    let encrypted = crate::common::sample("sample-p256-encrypted.pem");
    let world = World::new();
    world.write("passphrase.txt", "sample\n");
    let args = ["jwk", "--thumbprint", "--key-file", &encrypted];
    let from_file = world.run(&[&args[..], &["--passphrase-file", "passphrase.txt"]].concat());
    let world = world.set("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", "sample");
    assert_eq!(from_file.exits(0).stdout, world.run(&args).exits(0).stdout);
}

#[test_support::test]
fn a_custom_server_is_named_by_its_issuer_as_well() {
    let (world, _) = World::with_key();
    let world = world
        .set("OKTA_CLIENT_ORGURL", "https://acme.okta.com")
        .set("OKTA_IDX_ISSUER", "https://acme.okta.com/oauth2/shop")
        .set("OKTA_CLIENT_CLIENTID", "0oa1")
        .set("OKTA_CLIENT_PRIVATEKEY", "key.pem");
    let aud = |args: &[&str]| assertion(&world, args)["claims"]["aud"].clone();
    assert_eq!(aud(&[]), "https://acme.okta.com/oauth2/shop/v1/token");
    assert_eq!(
        aud(&["--issuer", "https://acme.okta.com"]),
        "https://acme.okta.com/oauth2/v1/token"
    );
    assert_eq!(aud(&["--auth-server", "x"]), "https://acme.okta.com/oauth2/x/v1/token");
}

#[test_support::test]
fn a_mode_for_other_programs_does_not_disturb_a_key_of_our_own() {
    let (world, _) = World::with_key();
    world.write(
        "okta.yaml",
        "okta: {client: {orgUrl: 'https://acme.okta.com', token: x, authorizationMode: SSWS}}",
    );
    let shown = assertion(&world, &["--client-id", "0oa1", "--key-file", "key.pem"]);
    assert_eq!(shown["claims"]["aud"], "https://acme.okta.com/oauth2/v1/token");
}

#[test_support::test]
fn without_any_settings_the_error_says_what_to_set() {
    let run = World::new().pipe(&["introspect"], "t");
    run.fails(2, "no issuer was given");
    for place in ["--issuer", "OKTA_CLIENT_ORGURL", "okta.client.orgUrl", "okta-introspect sandbox"]
    {
        assert!(run.stderr.contains(place), "{place}: {run:?}");
    }
}

#[test_support::test]
#[cfg(unix)]
fn a_settings_file_that_is_a_pipe_is_refused_at_once() {
    let world = World::new();
    let line = "mkfifo okta.yaml; timeout 20 okta-introspect config show";
    let output = world.shell(line).output().unwrap();
    let run = crate::common::Run::of(&[line], output);
    run.fails(2, "the settings file okta.yaml is not a regular file");
}
