//! Wrong settings, keys, scopes and tokens: one clear line, exit code 2, and no secret in it.

use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use crate::common::{World, sample};

/// An org that is never called: everything here fails before.
const ORG: [&str; 4] = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1"];

/// Where a call would fail with exit code 3: nobody listens on the discard port.
const NOWHERE: [&str; 4] = ["--issuer", "http://127.0.0.1:9", "--client-id", "0oa1"];

#[test_support::test]
fn issuers_that_can_never_work() {
    let (world, _) = World::with_key();
    for (issuer, told) in [
        ("https://{yourOktaDomain}", "put your own org's name"),
        ("https://acme-admin.okta.com", "use https://acme.okta.com"),
        ("http://acme.okta.com", "use https"),
        ("https://acme.okta.com/oath2/default", "/oauth2/default"),
        ("https://acme.okta.com/oauth2/v1/token", "/oauth2/default"),
        ("https://user:s3cret@acme.okta.com", "before the @"),
        ("https://acme.okta.com?token=s3cret", "remove everything from the ?"),
        ("acme.okta.com", "begin it with https://"),
        ("", "the issuer is empty"),
    ] {
        let client = ["--issuer", issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let run = world.pipe(&[&["introspect"], &client[..]].concat(), "some-token");
        run.fails(2, told).hides("s3cret").hides("some-token");
        assert!(run.stderr.contains("(from --issuer)"), "{run:?}");
    }
    for id in ["a/b", "..", "v1", ""] {
        let server = ["--auth-server", id, "--key-file", "key.pem"];
        world
            .run(&[&["token", "--scope", "a"], &ORG[..], &server[..]].concat())
            .fails(2, "error: ");
    }
}

#[test_support::test]
fn client_ids_that_are_none() {
    let (world, _) = World::with_key();
    for id in ["", "{clientId}", "{yourClientId}"] {
        let client =
            ["--issuer", "https://acme.okta.com", "--client-id", id, "--key-file", "key.pem"];
        world.pipe(&[&["introspect"], &client[..]].concat(), "t").fails(2, "client id");
    }
}

#[test_support::test]
fn keys_that_cannot_sign() {
    let world = World::new();
    let private = Rsa::generate(1024).unwrap();
    let weak = private.private_key_to_pem().unwrap();
    let public = PKey::from_rsa(private).unwrap().public_key_to_pem().unwrap();
    world.write("empty.pem", "");
    world.write("weak.pem", &weak);
    world.write("public.pem", public);
    world.write("cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    world.write("text.pem", "s3cret");
    world.write("cut.pem", "-----BEGIN PRIVATE KEY-----\nczNjcmV0\n-----END PRIVATE KEY-----\n");
    world.write("wrong.txt", "s3cret\n");
    let (encrypted, set, ec) = (
        sample("sample-p256-encrypted.pem"),
        sample("sample-set.jwks.json"),
        sample("sample-p256.pem"),
    );
    let rest: &[(&[&str], &str)] = &[
        (&["--key-file", "missing.pem"], "check the path"),
        (&["--key-file", "."], "cannot be read"),
        (&["--key-file", "empty.pem"], "is empty"),
        (&["--key-file", "public.pem"], "is a public key"),
        (&["--key-file", "cert.pem"], "is a certificate"),
        (&["--key-file", "weak.pem"], "1024 bits"),
        (&["--key-file", "text.pem"], "neither PEM nor JSON"),
        (&["--key-file", "cut.pem"], "damaged"),
        (&["--key-file", &encrypted], "no passphrase was given"),
        (&["--key-file", &encrypted, "--passphrase-file", "wrong.txt"], "cannot be decrypted"),
        (&["--key-file", &encrypted, "--passphrase-file", "missing.txt"], "the passphrase cannot"),
        (&["--key-file", &set], "has 2 keys"),
        (&["--key-file", &set, "--key-id", "nobody"], "no key with the chosen id"),
        (&["--key-file", &ec, "--algorithm", "RS256"], "does not fit the key"),
        (&["--key-file", &ec], "published sample keys"),
        (&[], "no private key was given"),
    ];
    let weak = String::from_utf8(weak).unwrap();
    for (args, told) in rest {
        let run = world.pipe(&[&["introspect"], &ORG[..], *args].concat(), "some-token");
        run.fails(2, told).hides("s3cret").hides("czNjcmV0").hides("some-token");
        run.hides(weak.lines().nth(1).unwrap());
    }
}

#[test_support::test]
fn a_key_in_a_variable_that_is_not_recognised_is_not_repeated() {
    let world = World::new().set("OKTA_CLIENT_PRIVATEKEY", "MIGHAgEAs3cret+base64/without/header");
    world
        .pipe(&[&["introspect"], &ORG[..]].concat(), "t")
        .fails(2, "OKTA_CLIENT_PRIVATEKEY")
        .hides("s3cret");
    let world = World::new().set("OKTA_CLIENT_JWK", "{\"kty\":\"EC\",\"d\":\"s3cret\"}");
    world
        .pipe(&[&["introspect"], &ORG[..]].concat(), "t")
        .fails(2, "OKTA_CLIENT_JWK")
        .hides("s3cret");
    let world = World::new().set("OKTA_CLIENT_PRIVATEKEY", "{privateKey}");
    world.pipe(&[&["introspect"], &ORG[..]].concat(), "t").fails(2, "placeholder");
}

#[test_support::test]
fn scopes_that_cannot_be_requested() {
    let (world, _) = World::with_key();
    let long = "x".repeat(4097);
    for (scope, told) in [
        ("", "no scope was given"),
        ("  ", "no scope was given"),
        ("okta.users.read,okta.apps.read", "contains a comma"),
        ("okta.\"users\"", "cannot have"),
        ("{scope1}", "placeholder"),
        (long.as_str(), "4097 bytes"),
    ] {
        let args = ["token", "--scope", scope, "--key-file", "key.pem"];
        world.run(&[&args[..], &NOWHERE[..]].concat()).fails(2, told);
    }
    world.run(&[&["token", "--key-file", "key.pem"], &NOWHERE[..]].concat()).fails(2, "no scope");
}

#[test_support::test]
fn tokens_that_are_none() {
    let (world, _) = World::with_key();
    let long = "s3cret".repeat(17 * 1024);
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\"\"", "is empty"),
        (b"s3cret\ns3cret", "line break"),
        (b"s3cret s3cret", "white space"),
        (b"s3c\"ret", "quotes"),
        (b"Bearer Basic s3cret", "white space"),
        (b"s3cret\0\x01", "characters that no token has"),
        (b"s3cret\xff\xfe", "binary"),
        (long.as_bytes(), "longer than 16 KiB"),
    ];
    for command in ["introspect", "revoke"] {
        for (token, told) in cases {
            let args = [&[command, "--key-file", "key.pem"], &NOWHERE[..]].concat();
            world.pipe(&args, token).fails(2, told).hides("s3c");
        }
    }
    for (token, told) in cases {
        world.pipe(&["decode"], token).fails(2, told).hides("s3c");
    }
    let args = [&["introspect", "--token-file", "missing", "--key-file", "key.pem"], &NOWHERE[..]];
    world.run(&args.concat()).fails(2, "the token file cannot be read: missing");
}

#[test_support::test]
#[cfg(target_os = "linux")]
fn files_that_never_end_and_folders_are_refused_and_fill_no_memory() {
    let (world, _) = World::with_key();
    let introspect = [&["introspect", "--key-file", "key.pem"], &NOWHERE[..]].concat();
    let batch = [&introspect, &["--batch", "key.pem"][..]].concat();
    let api = [&["api", "POST", "/api/v1/users", "--key-file", "key.pem"], &NOWHERE[..]].concat();
    let cases: &[(&[&str], &str)] = &[
        (&["jwk"], "--key-file"),
        (&introspect, "--passphrase-file"),
        (&introspect, "--ca-file"),
        (&introspect, "--token-file"),
        (&batch, "--resume"),
        (&["verify", "--signature-only"], "--jwks"),
        (&["sandbox"], "--seed"),
        (&api, "--input"),
    ];
    for (command, option) in cases {
        let endless = world.pipe(&[command, &[*option, "/dev/zero"][..]].concat(), "t");
        endless.fails(2, if *option == "--resume" { "not a regular file" } else { "longer than" });
        let folder = world.pipe(&[command, &[*option, "."][..]].concat(), "t");
        folder.fails(2, "Is a directory");
        // What to do follows.
        for run in [endless, folder] {
            assert!(run.stderr.contains("; "), "{run:?}");
        }
    }
}

#[test_support::test]
fn bodies_that_are_cut_or_none_are_not_sent() {
    let (world, _) = World::with_key();
    let api = ["api", "POST", "/api/v1/users", "--input", "-", "--key-file", "key.pem"];
    let api = [&api, &NOWHERE[..]].concat();
    for (body, told) in [
        (&b""[..], "the body is empty"),
        (b"\n", "the body is empty"),
        (b"{\"profile\": {\"login\": \"s3cret", "the body is not JSON"),
        (b"s3cret", "the body is not JSON"),
        (b"{} {\"s3cret\": 1}", "the body is not JSON"),
        (b"\x00\xff", "the body is not JSON"),
    ] {
        world.pipe(&api, body).fails(2, told).hides("s3cret");
    }
    // Only now is a connection tried.
    world.pipe(&api, " {\"profile\": {}}\n").fails(3, "no connection");
}

#[test_support::test]
fn quotes_and_schemes_around_a_token_go_with_a_note() {
    let (world, _) = World::with_key();
    for input in ["Bearer s3cret", "dpop s3cret\n", "\"s3cret\"", " 's3cret' "] {
        let args = [&["introspect", "--key-file", "key.pem"], &NOWHERE[..]].concat();
        let run = world.pipe(&args, input);
        // Taken as a token: only then is a connection tried.
        run.fails(3, "no connection").hides("s3cret");
        assert!(run.stderr.starts_with("note: removed "), "{run:?}");
    }
    let args = [&["introspect", "--key-file", "key.pem"], &NOWHERE[..]].concat();
    let run = world.pipe(&args, "s3cret\r\n");
    assert!(!run.fails(3, "no connection").stderr.contains("note:"), "{run:?}");
}

#[test_support::test]
fn command_lines_that_are_wrong() {
    let world = World::new();
    let cases: &[(&[&str], &str)] = &[
        (&["tokn"], "did you mean token"),
        (&["decode", "eyJhbGci.s3cret"], "files or stdin"),
        (&["introspect", "--token", "s3cret"], "did you mean --token-file"),
        (&["introspect", "--hint", "s3cret"], "access_token"),
        (&["token", "--timeout", "s3cret"], "--timeout"),
        (&["token", "--algorithm", "HS256"], "ES256"),
        (&["keygen"], "FILE"),
        (&["introspect", "--batch", "--concurrency", "0"], "from 1 to 64"),
        (&["api", "s3cret", "/api/v1/users"], "GET, HEAD, POST"),
        (&["api", "DELETE", "/api/v1/users/../groups/s3cret"], "only dots"),
        (&["api", "DELETE", "/api/v1/users/ada#x@acme.example"], "write # as %23"),
        (&["api", "/api/v1/users?search=a#s3cret"], "write # as %23"),
        (&["api", " /api/v1/users"], "begins or ends with a blank"),
        (&["api", "/api/v1/users/ "], "begins or ends with a blank"),
        (&["api", "DELETE", "/api/v1/users/s3cret\r"], "a line break"),
        (&["api", ""], "the API's path is empty"),
        (&["keygen", "--rsa", "1024", "k.pem"], "2048"),
        (&["keygen", "--rsa", "2048", "--alg", "ES256", "k.pem"], "RS or PS"),
        (&["keygen", "no/such/folder/k.pem"], "cannot be written"),
        (&["completions", "s3cret"], "bash"),
        (&["sandbox", "--listen", "s3cret"], "--listen"),
        (&["sandbox", "--listen", "192.0.2.1:0"], "loopback only"),
        (&["sandbox", "--seed", "missing.yaml"], "missing.yaml"),
        (&["decode", "--token-file", "missing"], "missing"),
    ];
    for (args, told) in cases {
        world.run(args).fails(2, told).hides("s3cret");
    }
    assert!(!world.path("k.pem").exists());
}

#[test_support::test]
fn endpoints_that_are_none() {
    let (world, _) = World::with_key();
    for (endpoint, told) in [
        ("tokens", "use token, introspect, revoke"),
        ("http://acme.okta.com/oauth2/v1/token", "use https"),
        ("https://u:s3cret@acme.okta.com/x", "before the @"),
    ] {
        let args = ["assertion", "--endpoint", endpoint, "--key-file", "key.pem"];
        world.run(&[&args[..], &ORG[..]].concat()).fails(2, told).hides("s3cret");
    }
}

#[test_support::test]
fn settings_files_that_cannot_be_used() {
    let long = format!("# {}\n", "s3cret".repeat(200_000));
    let world = World::new();
    world.write("okta.yaml", b"okta:\xff\xfe s3cret");
    world.pipe(&["introspect"], "t").fails(2, "okta.yaml is not text; check").hides("s3cret");
    for (text, told) in [
        ("okta:\n  client: [s3cret", "okta.yaml is not valid at line"),
        ("s3cret", "okta.yaml is not valid"),
        ("okta:\n  client:\n    requestTimeout: s3cret", "requestTimeout is not a whole number"),
        (long.as_str(), "longer than 1 MiB"),
    ] {
        let world = World::new();
        world.write("okta.yaml", text);
        world.pipe(&["introspect"], "t").fails(2, told).hides("s3cret");
    }
    for (mode, told) in [
        ("SSWS", "API tokens cannot introspect"),
        ("Bearer", "an access token cannot"),
        ("JWT", "one endpoint"),
        ("Magic", "not a known one"),
    ] {
        let (world, _) = World::with_key();
        let client = "orgUrl: https://acme.okta.com, clientId: 0oa1, privateKey: key.pem";
        world.write(
            "okta.yaml",
            format!("okta: {{client: {{{client}, authorizationMode: {mode}}}}}"),
        );
        world.pipe(&["introspect"], "t").fails(2, told);
    }
}

#[test_support::test]
fn other_settings_that_are_wrong() {
    let (world, _) = World::with_key();
    world.write("ca.pem", "nothing");
    let client = [&["introspect", "--key-file", "key.pem"], &ORG[..]].concat();
    for (args, told) in [
        (["--ca-file", "missing.pem"], "certificate authorities cannot be read"),
        (["--ca-file", "ca.pem"], "certificate authorities cannot be used"),
        (["--timeout", "3601"], "at most 3600"),
    ] {
        world.pipe(&[&client[..], &args].concat(), "t").fails(2, told);
    }
    let world = World::new().set("OKTA_CLIENT_REQUESTTIMEOUT", "soon");
    world.pipe(&["introspect"], "t").fails(2, "OKTA_CLIENT_REQUESTTIMEOUT");
    world.write("seed.json", "{\"app\": []}");
    world.run(&["sandbox", "--seed", "seed.json"]).fails(2, "seed.json: unknown field");
    for (name, text) in [
        ("seed.json", r#"{"users": "s3cret, expected s3cret"}"#),
        ("seed.json", r#"{"apps": [{"client_id": "0oa1", "dpop": "s3cret"}]}"#),
        ("seed.yaml", "users: s3cret"),
        ("seed.yaml", "apps:\n  - client_id: 0oa1\n    jwks: s3cret\n    dpop: s3cret\n"),
    ] {
        world.write(name, text);
        world.run(&["sandbox", "--seed", name]).fails(2, "is not a seed").hides("s3cret");
    }
    world.write("seed.yaml", "servers:\n  - id: a/b\n");
    let world = World::new();
    world.write("seed.yaml", "servers:\n  - id: a/b\n");
    world.run(&["sandbox", "--seed", "seed.yaml"]).fails(2, "use letters, digits");
}

#[test_support::test]
fn a_token_response_is_read_as_its_token() {
    let world = World::new();
    let jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4IiwiZXhwIjoxfQ.";
    let decoded = world.pipe(&["decode", "--json"], jwt).exits(0).stdout.clone();
    let response = format!("{{\"access_token\":\"{jwt}\",\"token_type\":\"Bearer\"}}\n");
    assert_eq!(world.pipe(&["decode", "--json"], response).exits(0).stdout, decoded);
    let other = world.pipe(&["decode"], "{\"id_token\":\"s3cret\"}");
    other.fails(2, "error: ").hides("s3cret");
}
