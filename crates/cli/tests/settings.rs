//! Where settings come from, and which one wins. `assertion --claims` shows them without a call.

use serde_json::Value;

use crate::common::World;

/// The assertion that the settings lead to.
#[track_caller]
fn assertion(world: &World, args: &[&str]) -> Value {
    let run = world.run(&[&["assertion", "--endpoint", "token", "--claims"], args].concat());
    let others = |line: &&str| !line.starts_with("note: okta.yaml in this folder decides");
    assert_eq!(run.exits(0).stderr.lines().find(others), None, "{run:?}");
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
    std::fs::create_dir(world.home().join(".okta")).unwrap();
    let key = world.home().join(".okta/key.pem").to_str().unwrap().to_owned();
    world.run(&["keygen", &key]).exits(0);
    let home = client("https://home.example", "home", &key);
    std::fs::write(world.home().join(".okta/okta.yaml"), home).unwrap();
    assert_eq!(assertion(&world, &[])["claims"]["iss"], "home");

    world.write(".okta.yaml", client("https://hidden.example", "hidden", "key.pem"));
    world.write("okta.yaml", client("https://project.example", "project", "key.pem"));
    let shown = assertion(&world, &[]);
    assert_eq!(shown["claims"]["iss"], "project");
    assert_eq!(shown["claims"]["aud"], "https://project.example/oauth2/v1/token");

    let world = world
        .set("OKTA_CLIENT_ORGURL", "https://environment.example")
        .set("OKTA_CLIENT_CLIENTID", "environment")
        .set("OKTA_CLIENT_PRIVATEKEY", "key.pem")
        .set("OKTA_CLIENT_KID", "k-env");
    let shown = assertion(&world, &[]);
    assert_eq!(shown["claims"]["iss"], "environment");
    assert_eq!(shown["header"]["kid"], "k-env");

    let shown = assertion(&world, &["--client-id", "flag", "--auth-server", "default"]);
    assert_eq!(shown["claims"]["iss"], "flag");
    assert_eq!(shown["claims"]["aud"], "https://environment.example/oauth2/default/v1/token");
}

#[test_support::test]
fn the_environment_and_a_file_make_no_app_together() {
    let (world, _) = World::with_key();
    world.write("okta.yaml", client("https://project.example", "project", "key.pem"));
    for (name, value) in [
        ("OKTA_CLIENT_ORGURL", "https://acme.okta.com"),
        ("OKTA_CLIENT_CLIENTID", "0oa1"),
        ("OKTA_CLIENT_PRIVATEKEY", "key.pem"),
    ] {
        let mut command = world.command(&["assertion", "--endpoint", "token"]);
        let output = command.env(name, value).output().unwrap();
        let run = crate::common::Run::of(&[name], output);
        run.fails(2, "in one place");
        assert!(run.stderr.contains(name) && run.stderr.contains("okta.yaml"), "{run:?}");
    }
    // A key alone is nobody's secret.
    world.run(&["jwk"]).exits(0);
}

#[test_support::test]
fn what_looks_like_a_configuration_keeps_the_sandbox_away() {
    let world = World::new();
    let sandbox = crate::common::Sandbox::start(&world, &[]);
    let token = ["token", "--scope", "okta.users.read"];
    world.run(&token).exits(0);
    for (file, text, told) in [
        ("okta.yaml", "client: {orgUrl: 'https://acme.okta.com'}", "write `okta:`, below it"),
        ("okta.yaml", "Okta: {Client: {clientId: a}}", "in this spelling"),
        ("okta.yaml", "okta: {Client: {clientId: a}}", "in this spelling"),
        ("okta.yaml", "okta: {client: {clientid: a}}", "did you mean clientId?"),
        ("okta.yaml", "okta: {client: {token: a}}", "orgUrl, clientId and privateKey"),
        ("okta.yml", "okta: {client: {clientId: a}}", "name it okta.yaml"),
        ("okta.yaml", "", "the settings file okta.yaml says nothing"),
        ("okta.yaml", "# okta:\n#   client:\n", "the settings file okta.yaml says nothing"),
    ] {
        world.write(file, text);
        let run = world.run(&token);
        run.fails(2, told);
        assert!(!run.stderr.contains("using the sandbox"), "{text}: {run:?}");
        std::fs::remove_file(world.path(file)).unwrap();
    }
    for (name, told) in [
        ("OKTA_CLIENT_ORG_URL", "did you mean OKTA_CLIENT_ORGURL?"),
        ("OKTA_ORG_URL", "did you mean OKTA_CLIENT_ORGURL?"),
        ("OKTA_CLIENT_TOKEN", "OKTA_CLIENT_ORGURL, OKTA_CLIENT_CLIENTID"),
    ] {
        let output = world.command(&token).env(name, "https://acme.okta.com").output().unwrap();
        let run = crate::common::Run::of(&[name], output);
        run.fails(2, told);
        assert!(!run.stderr.contains("using the sandbox"), "{name}: {run:?}");
    }
    world.run(&token).exits(0);
    drop(sandbox);
}

#[test_support::test]
fn a_path_in_settings_may_begin_with_the_home_folder() {
    let (world, key_id) = World::with_key();
    std::fs::rename(world.path("key.pem"), world.home().join("app.pem")).unwrap();
    world.write("okta.yaml", "okta: {client: {privateKey: ~/app.pem}}");
    assert_eq!(world.run(&["jwk", "--thumbprint"]).exits(0).stdout.trim(), key_id);
    std::fs::remove_file(world.path("okta.yaml")).unwrap();
    let world = world.set("OKTA_CLIENT_PRIVATEKEY", "~/app.pem");
    assert_eq!(world.run(&["jwk", "--thumbprint"]).exits(0).stdout.trim(), key_id);
}

#[test_support::test]
fn quotes_that_an_env_file_kept_are_named() {
    let (world, _) = World::with_key();
    let world = world.set("OKTA_CLIENT_CLIENTID", "\"0oa1\"");
    let run = world.run(&["config", "show"]);
    run.fails(2, "the value of the variable OKTA_CLIENT_CLIENTID has quotes around it");
}

#[test_support::test]
#[cfg(unix)]
fn a_key_that_others_can_read_is_told_once_by_each_command_that_uses_it() {
    use std::os::unix::fs::PermissionsExt;

    let (world, _) = World::with_key();
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(world.path("key.pem"), mode).unwrap();
    };
    let app = ["--issuer", "http://127.0.0.1:9", "--client-id", "a", "--key-file", "key.pem"];
    for command in [&["token", "--scope", "a"][..], &["introspect"], &["revoke"], &["jwk"]] {
        let app = if command == ["jwk"] { &app[4..] } else { &app };
        for (bits, notes) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
            mode(bits);
            let run = world.pipe(&[command, app].concat(), "opaque");
            let told = run.stderr.matches("can read the key's file: `chmod 600 key.pem`").count();
            assert_eq!(told, notes, "{bits:o}: {run:?}");
        }
    }
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
fn standard_input_gives_a_key_or_a_passphrase_and_nothing_second() {
    let (world, key_id) = World::with_key();
    let pem = std::fs::read(world.path("key.pem")).unwrap();
    for args in [&["jwk", "--thumbprint", "-"][..], &["jwk", "--thumbprint", "--key-file", "-"]] {
        assert_eq!(world.pipe(args, &pem).exits(0).stdout.trim(), key_id);
    }
    let encrypted = crate::common::sample("sample-p256-encrypted.pem");
    let unlock = ["jwk", "--key-file", &encrypted, "--passphrase-file", "-"];
    world.pipe(&unlock, "\u{feff}sample\r\n").exits(0);
    world.pipe(&unlock, [0xff]).fails(2, "the passphrase on standard input is not text");

    let app = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file", "-"];
    for (args, second) in [
        (&["introspect"][..], "the token cannot be read from standard input"),
        (&["introspect", "--batch"], "the batch cannot be read from standard input"),
        (&["watch"], "the token cannot be read from standard input"),
        (&["revoke", "--passphrase-file", "-"], "the private key cannot be read from standard"),
    ] {
        let run = world.pipe(&[args, &app].concat(), &pem);
        run.fails(2, second).fails(2, "was read from it already");
    }
    // The body is read first, whatever else is to come from there.
    let api = ["api", "POST", "/api/v1/users", "--input", "-", "--scope", "a"];
    let run = world.pipe(&[&api, &app[..]].concat(), "{}");
    run.fails(2, "the private key cannot be read from standard input: the body was read from it");
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
