//! The command shows no secret, whatever goes wrong: keys, tokens, passphrases and assertions are
//! looked for in both outputs of every run, however talkative the environment asks it to be.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use serde_json::{Value, json};
use test_support::secrets::Secrets;

use crate::common::server::{answer, answering, json, silent};
use crate::common::{Run, Sandbox, World};

const TOKEN: &str = "pr3sented/t0ken+must~never.show-anywhere=";
const PASSPHRASE: &str = "c0rrect horse battery staple";

/// An org that is never called, with a key that is not there unless a test puts one there.
const ORG: [&str; 4] = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1"];

/// A world with a key in `key.pem`, in which everybody is asked to say all they know.
struct Talkative {
    world: World,
    key: PKey<Private>,
    secrets: Secrets,
}

impl Talkative {
    fn new() -> Self {
        let (world, _) = World::with_key();
        let world = world
            .set("RUST_LOG", "trace")
            .set("RUST_BACKTRACE", "full")
            .set("RUST_LIB_BACKTRACE", "1");
        let pem = std::fs::read(world.path("key.pem")).unwrap();
        let key = PKey::private_key_from_pem(&pem).unwrap();
        let mut secrets = Secrets::default();
        secrets.add_key("the key", &key);
        secrets.add("the token", TOKEN);
        secrets.add("the passphrase", PASSPHRASE);
        Self { world, key, secrets }
    }

    /// Runs a command that is to fail with this code.
    #[track_caller]
    fn fails(&self, case: &str, code: i32, args: &[&str], input: impl AsRef<[u8]>) -> Run {
        let run = self.world.pipe(args, input);
        self.is_silent(case, &run);
        assert_eq!(run.code, code, "{case}: {run:?}");
        run
    }

    /// Checks that neither output has a secret.
    #[track_caller]
    fn is_silent(&self, case: &str, run: &Run) {
        self.secrets.assert_absent(case, &run.stdout);
        self.secrets.assert_absent(case, &run.stderr);
        assert!(!run.stderr.contains("panicked"), "{case}: {run:?}");
    }

    fn pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    fn jwk(&self) -> Value {
        let run = self.world.run(&["jwk", "--key-file", "key.pem"]);
        let mut jwk = run.json();
        let d = self.key.ec_key().unwrap().private_key().to_vec_padded(32).unwrap();
        jwk["d"] = URL_SAFE_NO_PAD.encode(d).into();
        jwk
    }

    /// What is made of the key by careless hands.
    fn spoilt(&self) -> Vec<(&'static str, String)> {
        let (pem, jwk) = (self.pem(), self.jwk());
        let lines: Vec<&str> = pem.lines().collect();
        let with = |member: &str, value: Value| {
            let mut jwk = jwk.clone();
            jwk[member] = value;
            jwk.to_string()
        };
        let d = jwk["d"].clone();
        vec![
            ("PEM without its first line", lines[1..].join("\n")),
            ("PEM without its last line", lines[..lines.len() - 1].join("\n")),
            ("PEM with commas for line breaks", lines.join(",")),
            ("PEM in Base64, cut", STANDARD.encode(&pem[..pem.len() - 20])),
            ("Base64 alone, cut", lines[1..lines.len() - 2].concat()),
            ("PEM cut in the middle", pem[..pem.len() / 2].to_owned()),
            ("PEM of a public key", pem.replace("PRIVATE", "PUBLIC")),
            ("PEM of something", pem.replace("PRIVATE KEY", "SECRET")),
            ("PEM in JSON", json!({ "key": pem }).to_string()),
            ("PEM for a kty", json!({ "kty": pem }).to_string()),
            ("half a JWK", jwk.to_string().replace('}', "")),
            ("a JWK Set with it twice", json!({"keys": [jwk, jwk]}).to_string()),
            ("a JWK with an array for d", with("d", json!([d]))),
            ("a JWK with a wrong d", with("d", json!(format!("{}!", d.as_str().unwrap())))),
            ("a JWK with d for x", with("x", d.clone())),
            ("a JWK with d for crv", with("crv", d.clone())),
            ("a JWK with d for alg", with("alg", d)),
        ]
    }
}

#[test_support::test]
fn keys_that_cannot_be_used() {
    let mut all = Talkative::new();
    let commands: [&[&str]; 4] = [
        &["introspect"],
        &["token", "--scope", "a"],
        &["assertion", "--endpoint", "token"],
        &["jwk"],
    ];
    for (case, text) in all.spoilt() {
        all.world.write("spoilt", &text);
        for command in commands {
            let org = if command == ["jwk"] { &[][..] } else { &ORG[..] };
            let file = [command, &["--key-file", "spoilt"], org].concat();
            all.fails(case, 2, &file, TOKEN);
        }
        for variable in ["OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_JWK"] {
            let mut command = all.world.command(&["jwk"]);
            let output = command.env(variable, &text).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            all.secrets.assert_absent(case, &String::from_utf8(said).unwrap());
            assert_eq!(output.status.code(), Some(2), "{case} in {variable}");
        }
        for member in ["privateKey", "jwk"] {
            let yaml = json!({"okta": {"client": {member: text}}}).to_string();
            all.world.write("okta.yaml", yaml);
            all.fails(case, 2, &["jwk"], "");
            all.world.write("okta.yaml", format!("okta:\n  client:\n    {member}: {text}\n"));
            all.is_silent(case, &all.world.run(&["jwk"]));
            all.world.write("okta.yaml", &text);
            all.is_silent(case, &all.world.run(&["jwk"]));
            std::fs::remove_file(all.world.path("okta.yaml")).unwrap();
        }
        all.fails(case, 2, &["sandbox", "--seed", "spoilt"], "");
        let tls = ["sandbox", "--tls-cert", "spoilt", "--tls-key", "spoilt"];
        all.fails(case, 2, &tls, "");
        let client = ["--key-file", "key.pem", "--ca-file", "spoilt"];
        all.is_silent(
            case,
            &all.world.pipe(
                &[
                    &["introspect", "--timeout", "1"],
                    &client[..],
                    &["--issuer", "https://127.0.0.1:9", "--client-id", "0oa1"],
                ]
                .concat(),
                TOKEN,
            ),
        );
    }
    let locked = all.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"another");
    all.world.write("locked.pem", locked.unwrap());
    all.world.write("passphrase.txt", PASSPHRASE);
    let locked = [&["introspect", "--key-file", "locked.pem"], &ORG[..]].concat();
    all.fails("no passphrase", 2, &locked, TOKEN);
    let wrong = [&locked[..], &["--passphrase-file", "passphrase.txt"]].concat();
    all.fails("a wrong passphrase", 2, &wrong, TOKEN);
    all.world = all.world.set("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", PASSPHRASE);
    all.fails("a wrong passphrase in a variable", 2, &locked, TOKEN);
}

#[test_support::test]
fn tokens_that_are_none() {
    let all = Talkative::new();
    for input in [
        format!("{TOKEN}\n{TOKEN}"),
        format!("Basic {TOKEN}"),
        format!("Bearer Bearer x {TOKEN}"),
        format!("token={TOKEN}&x=\u{e9}"),
        format!("{{\"access_token\":\"{TOKEN}\"}}"),
        format!("\"{TOKEN}"),
        format!("{TOKEN}\0"),
        TOKEN.repeat(1000),
        format!("{TOKEN}.{TOKEN}.{TOKEN}"),
    ] {
        all.world.write("token.txt", &input);
        let client =
            ["--key-file", "key.pem", "--issuer", "http://127.0.0.1:9", "--client-id", "0oa1"];
        for command in [&["introspect"][..], &["revoke"], &["watch", "--for", "1ms"]] {
            let args = [command, &client[..]].concat();
            let command = command[0];
            let run = all.world.pipe(&args, &input);
            all.is_silent(command, &run);
            assert!(matches!(run.code, 2 | 3), "{run:?}");
            all.is_silent(
                command,
                &all.world.run(&[&args[..], &["--token-file", "token.txt"]].concat()),
            );
        }
        all.fails("decode", 2, &["decode"], &input);
    }
}

#[test_support::test]
fn secrets_where_something_else_belongs() {
    let all = Talkative::new();
    let (pem, jwk) = (all.pem(), all.jwk().to_string());
    let client = [&["introspect", "--key-file", "key.pem"], &ORG[..]].concat();
    for secret in [TOKEN, PASSPHRASE, &pem, &jwk] {
        for args in [
            &["introspect", secret][..],
            &[secret],
            &["introspect", "--token", secret],
            &["introspect", &format!("--token={secret}")],
            &["introspect", "--passphrase", secret],
            &["token", "--private-key", secret],
            &["introspect", "--hint", secret],
            &["introspect", "--timeout", secret],
            &["watch", "--max-age", secret],
            &["jwk", "--algorithm", secret],
            &["sandbox", "--listen", secret],
            &["completions", secret],
            &["keygen", "--rsa", secret, "new.pem"],
        ] {
            all.fails("a wrong command line", 2, args, "");
        }
        let mut command = all.world.command(&client);
        command.env("OKTA_CLIENT_REQUESTTIMEOUT", secret).env("OKTA_CLIENT_TOKEN", secret);
        let output = command.output().unwrap();
        all.secrets.assert_absent("a variable", &String::from_utf8(output.stderr).unwrap());
        for member in ["requestTimeout", "scopes", "rateLimit", "token", "connectionTimeout"] {
            let yaml = json!({"okta": {"client": {member: secret, "privateKey": ["x", secret]}}});
            all.world.write("okta.yaml", yaml.to_string());
            all.fails(member, 2, &["jwk"], "");
        }
        std::fs::remove_file(all.world.path("okta.yaml")).unwrap();
    }
    for secret in [&pem, &jwk] {
        for file in ["--key-file", "--passphrase-file", "--ca-file", "--token-file"] {
            let args = [&client[..], &[file, secret]].concat();
            let args: Vec<&str> = match file {
                "--key-file" => [&["introspect", file, secret], &ORG[..]].concat(),
                _ => args,
            };
            all.fails(file, 2, &args, "");
        }
        all.fails("--seed", 2, &["sandbox", "--seed", secret], "");
        let tls = ["sandbox", "--tls-cert", "key.pem", "--tls-key", secret];
        all.fails("--tls-key", 2, &tls, "");
        let api = [&["api", "POST", "/api/v1/users", "--input", secret], &client[1..]].concat();
        all.fails("--input", 2, &api, "");
        all.fails(
            "--client-id",
            2,
            &[
                "introspect",
                "--key-file",
                "key.pem",
                "--issuer",
                "https://acme.okta.com",
                "--client-id",
                &jwk,
            ],
            TOKEN,
        );
    }
    let address = format!("https:/ada:{PASSPHRASE}@acme.okta.com").replace(' ', "-");
    let mut secrets = Secrets::default();
    secrets.add("the password", PASSPHRASE.replace(' ', "-"));
    let args = ["introspect", "--key-file", "key.pem", "--client-id", "0oa1", "--issuer", &address];
    secrets.assert_absent("an address", &all.fails("an address", 2, &args, TOKEN).stderr);
}

/// Answers that give the request's body back, and the exit codes to which they may lead.
fn answers(body: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = |error: &str| json!({"error": error, "error_description": body}).to_string();
    let html = "Content-Type: text/html\r\n";
    let header = |name: &str| format!("Content-Type: application/json\r\n{name}: {body}\r\n");
    let refusal = "{\"error\":\"invalid_request\"}";
    vec![
        ("our credentials", json("401 Unauthorized", &text("invalid_client"))),
        ("the request", json("400 Bad Request", &text("invalid_request"))),
        ("the request by its body", json("400 Bad Request", &json!({"error": body}).to_string())),
        ("the API's shape", json("403 Forbidden", &json!({"errorCode": "E0000006", "errorSummary": body}).to_string())),
        ("a nonce", json("400 Bad Request", &text("use_dpop_nonce"))),
        ("a proof", json("400 Bad Request", &json!({"error": "invalid_dpop_proof", "error_description": "The DPoP proof JWT header is missing."}).to_string())),
        ("HTML", answer("200 OK", html, &format!("<html>{}</html>", body.replace('&', "&amp;")))),
        ("HTML of a failure", answer("500 Internal Server Error", html, body)),
        ("a failure that is repeated", json("503 Service Unavailable", &text("temporarily_unavailable"))),
        ("too many requests", answer("429 Too Many Requests", &header("Retry-After"), body)),
        ("text for a boolean", json("200 OK", &json!({"active": body}).to_string())),
        ("text for a time", json("200 OK", &json!({"active": true, "exp": body}).to_string())),
        ("a list", json("200 OK", &json!([body]).to_string())),
        ("broken JSON", json("200 OK", &format!("{{\"active\":\"{body}"))),
        ("a strange token type", json("200 OK", &json!({"access_token": "x", "token_type": body}).to_string())),
        ("a redirect", answer("302 Found", &format!("Location: https://evil.example/?{body}\r\n"), body)),
        ("a request id", answer("400 Bad Request", &header("X-Okta-Request-Id"), refusal)),
        ("a short request id", answer("400 Bad Request", &format!("X-Okta-Request-Id: {}\r\n", &body[..body.len().min(100)]), refusal)),
        ("a content type", answer("200 OK", &format!("Content-Type: {body}\r\n"), "x")),
        ("a status line", format!("HTTP/1.1 400 {body}\r\nContent-Length: 0\r\n\r\n").into_bytes()),
        ("no HTTP", body.as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ]
}

#[test_support::test]
fn servers_that_refuse_break_and_repeat() {
    let mut all = Talkative::new();
    all.world = all.world.set("OKTA_CLIENT_RATELIMIT_MAXRETRIES", "1");
    for at in 0..answers("").len() {
        let case = answers("")[at].0;
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&bodies);
        let issuer = answering(move |body| {
            seen.lock().unwrap().push(body.to_owned());
            answers(body).swap_remove(at).1
        });
        let client = ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let commands: [&[&str]; 6] = [
            &["token", "--scope", "okta.users.read"],
            &["introspect", "--json"],
            &["introspect"],
            &["watch", "--for", "100ms"],
            &["watch", "--for", "100ms", "--json"],
            &["revoke", "--confirm"],
        ];
        let runs = commands.map(|command| all.world.pipe(&[command, &client[..]].concat(), TOKEN));
        for body in bodies.lock().unwrap().iter() {
            let fields = body.split('&').filter_map(|field| field.split_once('='));
            for (_, assertion) in fields.filter(|(name, _)| *name == "client_assertion") {
                all.secrets.add_jwt("an assertion", assertion);
            }
        }
        for run in runs {
            all.is_silent(case, &run);
            assert!(matches!(run.code, 3 | 4), "{case}: {run:?}");
        }
    }
    let (issuer, _listener) = silent();
    let client =
        ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem", "--timeout", "1"];
    all.fails("silence", 3, &[&["introspect"], &client[..]].concat(), TOKEN);
}

#[test_support::test]
fn apis_that_refuse_break_and_repeat() {
    let mut all = Talkative::new();
    all.world = all.world.set("OKTA_CLIENT_RATELIMIT_MAXRETRIES", "0");
    let mut refused = 0;
    for at in 0..answers("").len() {
        let case = answers("")[at].0;
        let issuer = answering(move |body| match body.contains("grant_type") {
            true => json(
                "200 OK",
                &json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60})
                    .to_string(),
            ),
            false => answers(TOKEN).swap_remove(at).1,
        });
        // Too many requests are waited for; that is another test's matter.
        if case == "too many requests" {
            continue;
        }
        let client = ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        let mut run = all.world.run(&[&["api", "/api/v1/users"], &client[..]].concat());
        // What an API says is what the command is to print, broken JSON too.
        if run.stderr.contains("is announced as JSON and is none") {
            run.stdout.clear();
        }
        if run.code != 0 {
            all.is_silent(case, &run);
            refused += 1;
        }
    }
    assert!(refused >= 10, "only {refused} answers were refusals");
}

#[test_support::test]
fn what_works_prints_the_secret_it_is_for_and_no_other() {
    let all = Talkative::new();
    let sandbox = Sandbox::start(&all.world, &[]);
    let key = std::fs::read(sandbox.text("key_file")).unwrap();
    let mut secrets = Secrets::default();
    secrets.add_key("the sandbox's key", &PKey::private_key_from_pem(&key).unwrap());

    let token = all.world.run(&["token", "--scope", "okta.users.read"]);
    let assertion = all.world.run(&["assertion", "--endpoint", "introspect"]);
    for printed in [&token, &assertion] {
        assert_eq!(printed.code, 0, "{printed:?}");
        secrets.assert_absent("what is printed", &printed.stdout);
    }
    for printed in [&token, &assertion] {
        secrets.add_jwt("what was printed", printed.stdout.trim());
        secrets.assert_absent("words beside what is printed", &printed.stderr);
    }
    let token = token.stdout.trim();
    for file in ["--token-file", "--passphrase-file", "--key-file", "--ca-file"] {
        let run = all.world.pipe(&["introspect", file, token], token);
        assert_eq!(run.code, 2, "{file}: {run:?}");
        secrets.assert_absent(file, &run.stderr);
    }
    for args in [
        &["introspect"][..],
        &["introspect", "--json"],
        &["watch", "--for", "1s", "--json"],
        &["api", "/api/v1/users", "--token-cache"],
        &["api", "/api/v1/users", "--token-cache", "--trace"],
        &["decode", "--json"],
        &["revoke"],
        &["revoke", "--confirm", "--json"],
        &["demo"],
        &["demo", "--json"],
        &["jwk", "--key-file", "key.pem"],
        &["keygen", "new.pem", "--json"],
        &["assertion", "--endpoint", "token", "--claims"],
    ] {
        let run = all.world.pipe(args, token);
        assert_eq!(run.code, 0, "{run:?}");
        all.is_silent(&args.join(" "), &run);
        secrets.assert_absent(&args.join(" "), &(run.stdout.clone() + &run.stderr));
        let compact = |word: &str| word.starts_with("eyJ") && word.contains(".eyJ");
        let words = run.stdout.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
        assert!(!words.into_iter().any(compact), "{run:?}");
    }
    let new = PKey::private_key_from_pem(&std::fs::read(all.world.path("new.pem")).unwrap());
    let mut secrets = Secrets::default();
    secrets.add_key("the new key", &new.unwrap());
    let again = all.fails("a key that exists", 2, &["keygen", "new.pem"], "");
    secrets.assert_absent("a key that exists", &again.stderr);
    secrets.assert_absent("jwk", &all.world.run(&["jwk", "--set", "--key-file", "new.pem"]).stdout);
}

#[test_support::test]
fn no_option_takes_a_secret() {
    let world = World::new();
    let help = world.run(&["--help"]).stdout;
    let commands = help.split_once("\nCommands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands: Vec<&str> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"introspect") && commands.len() >= 10, "{commands:?}");
    let mut files = 0;
    for command in commands.into_iter().filter(|name| *name != "help") {
        let help = world.run(&[command, "--help"]).stdout;
        let usage = help.lines().find(|line| line.starts_with("Usage: ")).unwrap();
        let values = usage.split(' ').filter(|word| word.starts_with(['<', '[']));
        for value in values {
            let known = [
                "[OPTIONS]",
                "<FILE>",
                "[FILE]",
                "<SHELL>",
                "<ENDPOINT>",
                "[METHOD]",
                "<PATH>",
                "<COUNT>",
                "<COMMAND>",
                "[COMMAND]",
                "[COMMAND]...",
            ];
            assert!(known.contains(&value), "{usage}");
        }
        for line in help.lines().map(str::trim).filter(|line| line.starts_with('-')) {
            let Some((_, option)) = line.split_once("--") else { continue };
            let Some((name, value)) = option.split_once(" <") else { continue };
            let secret = ["token", "passphrase", "password", "key", "jwk", "secret", "assertion"];
            // How many tokens there are is no secret, nor where they are requested.
            let is_none = ["key-id", "tokens", "token-endpoint"].contains(&name);
            if !is_none && secret.iter().any(|word| name.contains(word)) {
                assert!(value.starts_with("FILE>"), "{command}: {line}");
                files += 1;
            }
        }
    }
    assert!(files >= 10, "only {files} options that name files of secrets were seen");
}
