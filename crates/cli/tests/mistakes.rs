//! What people do by mistake: a secret in the wrong place, files from editors, a reader that leaves.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::{Command, Stdio};

use okta_introspect::sandbox::Grant;

use crate::common::org::{CLIENT, Org};
use crate::common::{Sandbox, World};

/// A JWT that names no server; its signature is none.
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl";

#[test_support::test]
fn a_key_or_a_token_in_place_of_an_id_is_neither_sent_nor_repeated() {
    let org = Org::new();
    let key = fs::read_to_string(org.world.path("key.pem")).unwrap();
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let issuer = org.sandbox.issuer().to_string();
    for secret in [&key, &body, JWT, &format!("{CLIENT}\n"), &format!("'{CLIENT}'")] {
        for (client, key_id, told) in
            [(secret, "k1", "not a client id"), (CLIENT, secret, "not a key id")]
        {
            let args = ["introspect", "--issuer", &issuer, "--key-file", "key.pem"];
            let ids = [&format!("--client-id={client}")[..], &format!("--key-id={key_id}")];
            let run = org.world.pipe(&[&args[..], &ids].concat(), "opaque");
            run.fails(2, told);
            for part in [body.as_str(), JWT, key.lines().nth(1).unwrap()] {
                run.hides(part);
            }
        }
    }
    assert_eq!(org.sandbox.requests().len(), 0);
}

#[test_support::test]
fn a_secret_in_the_address_of_the_org_is_not_shown() {
    let (mut world, _) = World::with_key();
    for server in ["https://ada:s3cret@acme.okta.com", &format!("https://acme.okta.com/{JWT}"), JWT]
    {
        world.write("okta.yaml", format!("okta: {{client: {{orgUrl: '{server}'}}}}"));
        for command in [&["config", "show"][..], &["config", "show", "--json"], &["introspect"]] {
            world.pipe(command, "opaque").hides("s3cret").hides(JWT);
        }
    }
    fs::remove_file(world.path("okta.yaml")).unwrap();
    world.put("OKTA_CLIENT_ORGURL", format!("https://acme.okta.com/{JWT}"));
    world.put("OKTA_CLIENT_CLIENTID", JWT);
    for command in [&["config", "show"][..], &["introspect"]] {
        world.pipe(command, "opaque").hides(JWT);
    }
}

#[test_support::test]
fn a_link_to_nothing_and_a_file_of_another_name_are_no_reason_to_ask_a_sandbox() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    world.pipe(&["introspect"], "opaque").exits(1);
    symlink("not-mounted/okta.yaml", world.path("okta.yaml")).unwrap();
    world.pipe(&["introspect"], "opaque").fails(2, "leads to no file");
    fs::remove_file(world.path("okta.yaml")).unwrap();
    for name in ["okta.yaml.txt", "Okta.yaml", ".okta/okta.yaml"] {
        let path = world.write(name, "okta: {client: {orgUrl: 'https://acme.okta.com'}}");
        world.pipe(&["introspect"], "opaque").fails(2, name);
        fs::remove_file(path).unwrap();
    }
}

#[test_support::test]
fn what_editors_and_shells_put_before_a_token_is_no_part_of_it() {
    let org = Org::new().in_the_environment();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    let token = token.expose();
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (text, code) in [
        (format!("\u{feff}{token}\r\n"), 0),
        (format!("\u{feff}{{\"access_token\":\"{token}\"}}\n"), 0),
        ("\u{feff}\n".to_owned(), 2),
    ] {
        org.world.write("token.txt", &text);
        org.world.run(&["introspect", "token.txt"]).exits(code);
        let batch = org.world.run(&["introspect", "--batch", "token.txt", "--json"]);
        assert_eq!(batch.code, 0, "{batch:?}");
        let told = format!("\"active\":{},\"inactive\":0", u8::from(code == 0));
        assert!(batch.stdout.contains(&told), "{batch:?}");
    }
    org.world.write("token.txt", utf_16(&format!("\u{feff}{token}\r\n")));
    org.world.run(&["introspect", "token.txt"]).fails(2, "UTF-16");
    org.world.run(&["introspect", "--batch", "token.txt"]).fails(2, "UTF-16");
}

#[test_support::test]
fn a_reader_that_leaves_makes_an_inactive_token_no_active_one() {
    let org = Org::new().in_the_environment();
    org.world.write("token.txt", "opaque");
    let line = "{ okta-introspect watch token.txt; echo exit $? >&2; } | :";
    let output = org.world.shell(line).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with("exit 1\n"), "{said}");
}

#[test_support::test]
fn a_pipe_in_place_of_a_state_file_stays_one() {
    let org = Org::new().in_the_environment();
    org.world.write("tokens.txt", "opaque\n");
    let pipe = org.world.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    org.world
        .run(&["introspect", "--batch", "tokens.txt", "--resume", "pipe"])
        .fails(2, "it is not a regular file");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    org.world.run(&["introspect", "tokens.txt", "--resume", "state"]).fails(2, "--resume");
    let file =
        "{\"lines\":1,\"last\":null,\"active\":18446744073709551615,\"inactive\":0,\"unusable\":0}";
    org.world.write("state", file);
    let active = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    org.world.write("tokens.txt", format!("\n{}\n", active.expose()));
    org.world.run(&["introspect", "--batch", "tokens.txt", "--resume", "state"]).exits(0);
}

#[test_support::test]
fn a_number_below_zero_is_a_value_and_a_key_file_has_a_name() {
    let world = World::new();
    for (args, told) in [
        (&["watch", "--max-age", "-1"][..], "--max-age"),
        (&["watch", "--for", "-1"], "--for"),
        (&["introspect", "--timeout", "-1"], "--timeout"),
        (&["introspect", "--batch", "x", "--concurrency", "-1"], "--concurrency"),
    ] {
        world.run(args).fails(2, &format!("not a possible value: {told}"));
    }
    world.run(&["keygen", "-"]).fails(2, "no name for a file");
    assert!(!world.path("-").exists());
}

#[test_support::test]
fn a_file_of_authorities_without_one_and_a_dead_proxy_are_named() {
    let (world, _) = World::with_key();
    world.write("empty.pem", "");
    let app = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file", "key.pem"];
    let run = |world: &World, more: &[&str]| {
        world.pipe(&[&["introspect"], &app[..], more].concat(), "opaque")
    };
    run(&world, &["--ca-file", "empty.pem"]).fails(2, "is empty");
    // Nobody listens on the discard port.
    let world = world.set("HTTPS_PROXY", "http://127.0.0.1:9");
    let world = world.set("OKTA_CLIENT_RATELIMIT_MAXRETRIES", "0");
    run(&world, &[]).fails(3, "no connection to the proxy before acme.okta.com");
}

#[test_support::test]
fn an_answer_about_a_token_that_was_cut_off_says_so() {
    let org = Org::new().in_the_environment();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    let token = token.expose();
    let payload = token.rfind('.').unwrap() - 10;
    for (text, told) in [
        (&token[..token.len() - 3], true),
        (&token[..payload], true),
        (&token[..token.find('.').unwrap()], true),
        ("opaque", false),
    ] {
        let run = org.world.pipe(&["introspect"], text);
        assert_eq!(run.exits(1).stderr.contains("perhaps cut off"), told, "{run:?}");
    }
    assert!(!org.world.pipe(&["introspect"], token).exits(0).stderr.contains("cut off"));
}

#[test_support::test]
fn milliseconds_for_seconds_are_refused_by_the_setting_that_has_them() {
    let (world, _) = World::with_key();
    let app = "orgUrl: 'https://acme.okta.com', clientId: 0oa1, privateKey: key.pem";
    for (member, told) in [
        ("requestTimeout: 30000", "the time for a call cannot be 30000 s"),
        ("connectionTimeout: 30000", "the time to connect cannot be 30000 s"),
        ("rateLimit: {maxBackoff: 30000}", "the pause before a retry cannot be 30000 s"),
    ] {
        world.write("okta.yaml", format!("okta: {{client: {{{app}, {member}}}}}"));
        let run = world.pipe(&["introspect"], "opaque");
        run.fails(2, told).fails(2, "not milliseconds");
        let name = member.rsplit(['{', ' ']).nth(1).unwrap().trim_end_matches(':');
        assert!(run.stderr.contains(name), "{name}: {run:?}");
    }
}

#[test_support::test]
fn a_token_in_the_path_of_an_api_is_not_repeated() {
    let org = Org::new().in_the_environment();
    let path = format!("/api/v1/users/{JWT}");
    let run = org.world.run(&["api", &path, "--verbose"]);
    assert_eq!(run.code, 4, "{run:?}");
    // What the API says goes to stdout as it came.
    assert!(run.stderr.contains("[masked]") && !run.stderr.contains(JWT), "{run:?}");
}
