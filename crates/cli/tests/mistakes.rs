//! What people do by mistake: a secret in the wrong place, files from editors, a reader that leaves.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::{Command, Stdio};

use okta_introspect::sandbox::Grant;

use crate::common::org::{CLIENT, Org};
use crate::common::server::{answer, answering, json};
use crate::common::{Sandbox, World, sample};

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
    for (text, code) in [
        (format!("\u{feff}{token}\r\n"), 0),
        (format!("\u{feff}{{\"access_token\":\"{token}\"}}\n"), 0),
        ("\u{feff}\n".to_owned(), 2),
    ] {
        org.world.write("token.txt", &text);
        org.world.run(&["introspect", "token.txt"]).exits(code);
        let batch = org.world.run(&["introspect", "--batch", "token.txt", "--json"]);
        assert_eq!(batch.code, code, "{batch:?}");
        let told = format!("\"active\":{},\"inactive\":0", u8::from(code == 0));
        assert!(batch.stdout.contains(&told), "{batch:?}");
    }
    for mark in ["\u{feff}", ""] {
        org.world.write("token.txt", utf_16(&format!("{mark}{token}\r\n")));
        org.world.run(&["introspect", "token.txt"]).fails(2, "UTF-16");
        org.world.run(&["introspect", "--batch", "token.txt"]).fails(2, "UTF-16");
    }
}

#[test_support::test]
fn what_editors_put_before_a_document_is_no_part_of_it() {
    let org = Org::with(|app| app.grant("okta.groups.manage").admin(true), |builder| builder);
    let org = org.in_the_environment();
    let group = |name: &str| format!(r#"{{"profile":{{"name":"{name}"}}}}"#);
    org.world.write("body.json", format!("\u{feff}{}", group("marked")));
    let made = ["api", "POST", "/api/v1/groups", "--input", "body.json"];
    assert_eq!(org.world.run(&made).exits(0).json()["profile"]["name"], "marked");

    // JSON with a tab is no YAML.
    let user = "{\n\t\"id\": \"00u1\", \"login\": \"ada@example.test\"}";
    for seed in [
        format!("\u{feff}{{\"users\": [{user}]}}"),
        "\u{feff}users:\n- id: 00u1\n  login: ada@example.test\n".to_owned(),
    ] {
        org.world.write("seed", seed);
        let sandbox = Sandbox::start(&org.world, &["--seed", "seed"]);
        assert!(sandbox.text("issuer").starts_with("http"));
    }

    for mark in ["\u{feff}", ""] {
        org.world.write("wide", utf_16(&format!("{mark}{}", group("wide"))));
        for line in [
            &["api", "POST", "/api/v1/groups", "--input", "wide"][..],
            &["verify", "--signature-only", "--jwks", "wide"],
            &["sandbox", "--seed", "wide"],
        ] {
            org.world.run(line).fails(2, "is in UTF-16, not in UTF-8: wide");
        }
    }
    let jwk = ["jwk", "key.pem", "--passphrase-file", "wide"];
    for mark in ["", "\u{feff}"] {
        org.world.write("wide", utf_16(&format!("{mark}correct horse")));
        org.world.run(&jwk).fails(2, "UTF-16");
    }
    org.world.run(&["config", "show", "--config", "wide"]).fails(2, "from UTF-16");
}

/// As some editors and shells write it.
fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
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

#[test_support::test]
fn a_batch_without_a_line_is_no_success() {
    let org = Org::new().in_the_environment();
    let batch = ["introspect", "--batch", "-"];
    for (input, told) in
        [("", "the batch has no line"), (" \n\n\t\n", "the batch has blank lines only")]
    {
        org.world.pipe(&batch, input).fails(2, told).fails(2, "the command before it");
        let summary = org.world.pipe(&[&batch[..], &["--json"]].concat(), input);
        assert!(summary.exits(2).stdout.contains("\"active\":0"), "{summary:?}");
        let run = org.world.pipe(&[&batch[..], &["--resume", "state"]].concat(), input);
        run.fails(2, told);
        fs::remove_file(org.world.path("state")).unwrap();
    }
    assert!(org.sandbox.requests().is_empty());
    // What an earlier run has answered counts.
    let active = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    for (input, code) in [(format!("{}\n\n", active.expose()), 0), ("opaque\n".to_owned(), 1)] {
        for _ in 0..2 {
            org.world.pipe(&[&batch[..], &["--resume", "state"]].concat(), &input).exits(code);
        }
        fs::remove_file(org.world.path("state")).unwrap();
    }
}

#[test_support::test]
fn a_line_of_a_batch_with_two_tokens_is_asked_about_neither() {
    let org = Org::new().in_the_environment();
    let batch = ["introspect", "--batch", "-"];
    for (line, told) in [
        (r#"{"token":"s3cret-1","token":"s3cret-2"}"#, "`token` is there twice"),
        (
            r#"{"token":"s3cret-1","n":1,"access_token":"s3cret-2"}"#,
            "`token` and `access_token` differ",
        ),
        (
            r#"{"access_token":"s3cret-1","accessToken":"s3cret-2"}"#,
            "`access_token` and `accessToken` differ",
        ),
        (r#"{"n":1,"token":"s3cret-1","n":2}"#, "a member is there twice"),
    ] {
        let run = org.world.pipe(&batch, line);
        assert!(run.exits(2).hides("s3cret").stdout.contains(told), "{run:?}");
    }
    assert!(org.sandbox.requests().is_empty());
    let same = r#"{"token":"opaque","access_token":"opaque","refresh_token":"another"}"#;
    org.world.pipe(&batch, same).exits(1);
}

#[test_support::test]
fn an_empty_passphrase_is_called_empty() {
    let world = World::new();
    world.write("passphrase", "\n");
    let key = sample("sample-p256-encrypted.pem");
    let run = world.run(&["jwk", &key, "--passphrase-file", "passphrase"]);
    run.fails(2, "the passphrase is empty");
}

#[test_support::test]
fn a_file_without_a_secret_may_be_read_by_others() {
    let org = Org::new();
    let pem = fs::read(org.world.path("key.pem")).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(&pem).unwrap();
    let (certificate, _) = crate::tls::own_certificate();
    let public = org.world.run(&["jwk", "key.pem"]).stdout;
    for (name, content, noted) in [
        ("public.pem", key.public_key_to_pem().unwrap(), false),
        ("public.der", key.public_key_to_der().unwrap(), false),
        ("public.jwk", public.into_bytes(), false),
        ("public.cer", certificate.clone(), false),
        ("key.der", key.private_key_to_der().unwrap(), true),
        ("both.pem", [&certificate[..], &pem].concat(), true),
    ] {
        org.world.write(name, content);
        let run = org.world.run(&["jwk", name]);
        assert_eq!(run.stderr.contains("can read the key's file"), noted, "{name}: {run:?}");
    }
}

#[test_support::test]
fn a_host_that_does_not_answer_is_named_with_its_port() {
    let (world, _) = World::with_key();
    let world = world.set("OKTA_CLIENT_RATELIMIT_MAXRETRIES", "0");
    let app = ["introspect", "--client-id", "0oa1", "--key-file", "key.pem", "--issuer"];
    // Nobody listens on the discard port.
    let run = world.pipe(&[&app[..], &["http://127.0.0.1:9"]].concat(), "opaque");
    run.fails(3, "no connection to 127.0.0.1:9");
    let world = world.set("HTTPS_PROXY", "http://127.0.0.1:9");
    let run = world.pipe(&[&app[..], &["https://acme.okta.com"]].concat(), "opaque");
    run.fails(3, "before acme.okta.com: ");
}

#[test_support::test]
fn an_answer_that_is_announced_as_json_and_is_none_is_no_success() {
    let (world, _) = World::with_key();
    for (body, headers, code) in [
        ("[{\"id\":\"00u1\"", "Content-Type: application/json; charset=utf-8\r\n", 3),
        ("<html>Sign in</html>", "Content-Type: application/json\r\n", 3),
        ("<html>Sign in</html>", "Content-Type: application/hal+json\r\n", 3),
        ("<html>Sign in</html>", "Content-Type: text/html\r\n", 0),
        ("[1]", "Content-Type: application/json\r\n", 0),
        ("", "Content-Type: application/json\r\n", 0),
    ] {
        let issuer = answering(move |form| match form.contains("grant_type") {
            true => json("200 OK", r#"{"access_token":"s3cret-t0ken","token_type":"Bearer"}"#),
            false => answer("200 OK", headers, body),
        });
        let args = ["api", "--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let run = world.run(&[&args[..], &["/api/v1/users"]].concat());
        assert_eq!(run.exits(code).stdout.trim_end(), body, "{run:?}");
        let told = "the answer is announced as JSON and is none";
        assert_eq!(run.stderr.contains(told), code == 3, "{run:?}");
    }
}

#[test_support::test]
fn a_proxy_that_is_not_used_for_the_server_is_shown_with_the_reason() {
    let (world, _) = World::with_key();
    let world = world.set("HTTPS_PROXY", "http://ada:s3cret@p.example:3128");
    let world = world.set("NO_PROXY", "acme.okta.com,.internal.example");
    for (issuer, told) in [
        ("https://acme.okta.com", "not used for acme.okta.com: NO_PROXY rules it out"),
        ("https://id.internal.example", "not used for id.internal.example: NO_PROXY rules it out"),
        ("http://127.0.0.1:9", "not used for 127.0.0.1: it is on this computer"),
        ("https://other.okta.com", ""),
    ] {
        let app = ["--issuer", issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let run = world.run(&[&["config", "show"], &app[..]].concat());
        let told = match told {
            "" => "http://p.example:3128 (from HTTPS_PROXY)".to_owned(),
            told => format!("http://p.example:3128, {told} (from HTTPS_PROXY)"),
        };
        assert!(run.exits(0).hides("s3cret").stdout.contains(&told), "{run:?}");
    }
}

#[test_support::test]
fn faults_of_a_settings_file_are_named() {
    let world = World::new();
    for (text, told, cure) in [
        (
            "okta:\n  client:\n    kid: s3cret-1\n    kid: s3cret-2\n",
            "has a member twice, again at line 4",
            "keep one",
        ),
        ("okta: {client: {clientId: a}}\n---\nokta: {}\n", "has more than one document", "`---`"),
        (
            "okta:\n  client:\n    proxy: http://ada:s3cret@p.example\n",
            "okta.client.proxy is a text",
            "`host`",
        ),
        (
            "okta:\n  profiles:\n    a: {proxy: 'p.example:1'}\n",
            "okta.profiles.a.proxy is a text",
            "`host`",
        ),
        (
            "okta: {client: {kid: s3cret-1, keyId: s3cret-2}}",
            "okta.client.keyId and okta.client.kid",
            "keep one",
        ),
        (
            "okta: {client: {privateKeyId: s3cret-1, kid: s3cret-2}}",
            "okta.client.privateKeyId and okta.client.kid",
            "keep one",
        ),
    ] {
        world.write("okta.yaml", text);
        let run = world.run(&["config", "show"]);
        run.fails(2, told).fails(2, cure).hides("s3cret");
    }
    world.write("okta.yaml", "okta: {client: {kid: k1, keyId: k1}}");
    world.run(&["config", "show"]).exits(0);
    fs::remove_file(world.path("okta.yaml")).unwrap();
    let world = world.set("OKTA_CLIENT_KID", "s3cret-1").set("OKTA_CLIENT_KEYID", "s3cret-2");
    let run = world.run(&["config", "show"]);
    run.fails(2, "OKTA_CLIENT_KEYID and OKTA_CLIENT_KID").hides("s3cret");
}
