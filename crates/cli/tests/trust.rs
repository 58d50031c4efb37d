//! What a file in the working folder may decide: nothing that sends to its host what belongs to
//! another, and nothing at all if another user could have written it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::common::server::{json as answer_json, recording};
use crate::common::{Run, World, skip};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FjbWUub2t0YS5jb20ifQ.c2ln";

/// Everything that sends something.
const COMMANDS: [&[&str]; 11] = [
    &["token", "--scope", "okta.users.read"],
    &["introspect"],
    &["introspect", "--batch", "tokens.txt"],
    &["watch", "--for", "1s"],
    &["revoke"],
    &["explain"],
    &["api", "/api/v1/users"],
    &["api", "/api/v1/users", "--token-cache"],
    &["doctor"],
    &["verify", "--audience", "api://default"],
    &["assertion", "--endpoint", "token"],
];

/// A host of somebody else: takes connections, answers none, and counts them.
struct Hostile(TcpListener);

impl Hostile {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn connections(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}

/// A user with an app of their own in the home folder.
fn user() -> World {
    let (world, key_id) = World::with_key();
    fs::create_dir(world.home().join(".okta")).unwrap();
    fs::rename(world.path("key.pem"), world.home().join(".okta/key.pem")).unwrap();
    let home = format!(
        "okta: {{client: {{orgUrl: 'https://acme.okta.com', clientId: 0oahome, \
         privateKey: ~/.okta/key.pem, kid: '{key_id}', requestTimeout: 1, \
         rateLimit: {{maxRetries: 0}}}}}}"
    );
    fs::write(world.home().join(".okta/okta.yaml"), home).unwrap();
    world.write("tokens.txt", "opaque\n");
    world
}

#[track_caller]
fn refused(case: &str, run: &Run, told: &[&str]) {
    assert_eq!(run.code, 2, "{case}: {run:?}");
    let said = format!("{}{}", run.stdout, run.stderr);
    for words in told {
        assert!(said.contains(words), "{case}: `{words}` is not in {run:?}");
    }
}

#[test_support::test]
fn what_is_named_alone_in_the_working_folder_goes_with_nothing_from_the_home_folder() {
    let hostile = Hostile::new();
    let (address, world) = (hostile.address(), user());
    let (_, port) = address.rsplit_once(':').unwrap();
    world.write("own.pem", fs::read(world.home().join(".okta/key.pem")).unwrap());
    for (case, client, told) in [
        ("server", format!("orgUrl: 'http://{address}'"), ["the server is named by", ".okta.yaml"]),
        ("issuer", format!("issuer: 'http://{address}'"), ["the server is named by", ".okta.yaml"]),
        (
            "server and id",
            format!("orgUrl: 'http://{address}', clientId: 0oahome"),
            ["the private key by okta.client.privateKey", "are not sent together"],
        ),
        ("client id", "clientId: 0oaother".to_owned(), ["the client id by", ".okta.yaml"]),
        ("key", "privateKey: own.pem".to_owned(), ["the private key by", ".okta.yaml"]),
        (
            "proxy",
            format!("proxy: {{host: 127.0.0.1, port: {port}}}"),
            ["the proxy by okta.client.proxy.host", "for its own server only"],
        ),
        (
            "proxy with credentials",
            format!("proxy: {{host: '{address}', username: a, password: b}}"),
            ["the proxy by okta.client.proxy.host", "for its own server only"],
        ),
    ] {
        world.write(".okta.yaml", format!("okta: {{client: {{{client}}}}}"));
        for command in COMMANDS {
            // An assertion is made without the proxy.
            if case.starts_with("proxy") && command[0] == "assertion" {
                continue;
            }
            let run = world.pipe(command, "opaque");
            refused(&format!("{case}: {command:?}"), &run, &told);
        }
    }
    assert_eq!(hostile.connections(), 0);
}

/// What a hostile file may name: the whole, and each part alone.
fn parts(hostile: &Hostile) -> [String; 5] {
    let address = hostile.address();
    let (host, port) = address.rsplit_once(':').unwrap();
    [
        format!("orgUrl: 'http://{address}', clientId: a, privateKey: own.pem"),
        format!("orgUrl: 'http://{address}'"),
        format!("proxy: {{host: {host}, port: {port}}}"),
        "privateKey: own.pem".to_owned(),
        "clientId: 0oaother".to_owned(),
    ]
}

#[test_support::test]
fn a_file_that_others_can_write_to_decides_nothing() {
    let hostile = Hostile::new();
    for (case, file_mode, folder_mode, told) in [
        ("world", 0o646, 0o755, "can be written to by other users, so it decides nothing"),
        ("group", 0o664, 0o755, "can be written to by other users, so it decides nothing"),
        ("folder", 0o644, 0o777, "is in a folder that every user can write to"),
    ] {
        for (client, name) in parts(&hostile).iter().zip(["okta.yaml", ".okta.yaml"].iter().cycle())
        {
            let world = user();
            let path = world.write(name, format!("okta: {{client: {{{client}}}}}"));
            mode(Path::new(&path), file_mode);
            mode(&world.path(""), folder_mode);
            for command in COMMANDS {
                let case = format!("{case}: {client}: {command:?}");
                refused(&case, &world.pipe(command, JWT), &[name, told]);
            }
        }
    }
    assert_eq!(hostile.connections(), 0);
    let world = user();
    mode(&world.home().join(".okta/okta.yaml"), 0o666);
    refused("home", &world.run(&["config", "show"]), &["can be written to by other users"]);
}

#[test_support::test]
fn a_file_or_a_link_of_another_user_decides_nothing() {
    use std::os::unix::fs::{MetadataExt, chown, lchown, symlink};

    const OTHER: Option<u32> = Some(65_534);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return skip("files and links of another user", "only root can give files away");
    }
    let hostile = Hostile::new();
    for client in parts(&hostile) {
        let world = user();
        let path = world.write(".okta.yaml", format!("okta: {{client: {{{client}}}}}"));
        chown(&path, OTHER, None).unwrap();
        for command in COMMANDS {
            let run = world.pipe(command, JWT);
            refused(&client, &run, &["belongs to another user, so it decides"]);
        }
    }
    let content = format!("okta: {{client: {{{}}}}}", parts(&hostile)[0]);
    let world = user();
    world.write("elsewhere.yaml", &content);
    symlink("elsewhere.yaml", world.path("okta.yaml")).unwrap();
    lchown(world.path("okta.yaml"), OTHER, None).unwrap();
    refused("link", &world.run(&["token", "--scope", "a"]), &["is a link that another user"]);
    let world = user();
    world.write("okta.yaml", &content);
    chown(world.path(""), OTHER, None).unwrap();
    refused("folder", &world.run(&["token", "--scope", "a"]), &["belongs to another user"]);
    assert_eq!(hostile.connections(), 0);
}

#[test_support::test]
fn a_whole_app_in_the_working_folder_is_used_with_a_note_and_gets_no_jwt_of_others() {
    let active = json!({"active": true}).to_string();
    let server = recording(answer_json("200 OK", &active));
    let world = user();
    world.run(&["keygen", "own.pem"]).exits(0);
    let issuer = server.issuer();
    world.write(
        "okta.yaml",
        format!("okta: {{client: {{orgUrl: '{issuer}', clientId: a, privateKey: own.pem}}}}"),
    );
    let note = format!("note: okta.yaml in this folder decides which server is asked: {issuer}\n");
    for command in [&["introspect"][..], &["watch", "--for", "1s"], &["revoke"], &["explain"]] {
        let run = world.pipe(command, JWT);
        refused("a JWT", &run, &["the token is from https://acme.okta.com", "not sent there"]);
        assert!(run.stderr.contains(&note), "{run:?}");
    }
    world.write("tokens.txt", format!("{JWT}\n"));
    let run = world.run(&["introspect", "--batch", "tokens.txt"]);
    assert!(run.stdout.contains("it is not sent there"), "{run:?}");
    assert_eq!(server.requests().len(), 0);

    let run = world.pipe(&["introspect"], "opaque");
    assert!(run.exits(0).stderr.contains(&note), "{run:?}");
    assert_eq!(server.requests().len(), 1);
    // A flag is a choice.
    let run = world.pipe(&["introspect", "--issuer", &issuer], JWT);
    assert!(!run.stderr.contains("okta.yaml"), "{run:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test_support::test]
fn a_proxy_gets_credentials_from_the_place_that_names_it_only() {
    let hostile = Hostile::new();
    let world = user().set("OKTA_CLIENT_PROXY_PASSWORD", "s3cret");
    let proxy = format!("proxy: {{host: '{}', username: ada}}", hostile.address());
    let app = "orgUrl: 'https://acme.okta.com', clientId: a, privateKey: own.pem";
    world.write("own.pem", fs::read(world.home().join(".okta/key.pem")).unwrap());
    world.write("okta.yaml", format!("okta: {{client: {{{app}, {proxy}}}}}"));
    let run = world.pipe(&["introspect"], "opaque");
    refused("password", &run, &["the proxy's password by OKTA_CLIENT_PROXY_PASSWORD"]);
    assert_eq!(hostile.connections(), 0);
    run.hides("s3cret");
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test_support::test]
fn a_secret_that_others_can_read_is_noted_once_by_each_command_that_uses_it() {
    let (world, key_id) = World::with_key();
    let pem = fs::read_to_string(world.path("key.pem")).unwrap();
    world.write("tokens.txt", "opaque\n");
    let note = |what: &str, file: &str| {
        format!("note: other users of this computer can read the {what}'s file: `chmod 600 {file}`")
    };
    let inline = pem.trim_end().replace('\n', "\\n");
    let okta_yaml = |key: &str| {
        format!(
            "okta: {{client: {{orgUrl: 'http://127.0.0.1:1', clientId: 0oa1, kid: '{key_id}', \
             privateKey: \"{key}\", requestTimeout: 1, rateLimit: {{maxRetries: 0}}}}}}"
        )
    };
    for (key, file) in [("key.pem", "key.pem"), (inline.as_str(), "okta.yaml")] {
        world.write("okta.yaml", okta_yaml(key));
        for (bits, notes) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
            mode(&world.path(file), bits);
            for command in
                COMMANDS.iter().filter(|command| !matches!(command[0], "verify" | "doctor"))
            {
                let said = world.pipe(command, "opaque").stderr;
                let told = said.lines().filter(|line| **line == note("key", file)).count();
                assert_eq!(told, notes, "{file} {bits:o} {command:?}: {said}");
            }
        }
        mode(&world.path("okta.yaml"), 0o644);
    }
    fs::remove_file(world.path("okta.yaml")).unwrap();
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]);
    assert_eq!(jwk.exits(0).stderr, "", "it is the owner's alone");
    mode(&world.path("key.pem"), 0o644);
    assert_eq!(world.run(&["jwk", "key.pem"]).stderr.trim(), note("key", "key.pem"));
    world.write("passphrase", "x");
    let run = world.run(&["jwk", "key.pem", "--passphrase-file", "passphrase"]);
    assert!(run.stderr.contains(&note("passphrase", "passphrase")), "{run:?}");

    let (certificate, key) = crate::tls::own_certificate();
    world.write("tls.pem", certificate);
    world.write("tls.key", key);
    let args = ["--tls-cert", "tls.pem", "--tls-key", "tls.key"];
    let said = crate::common::Sandbox::start(&world, &args).end_and_tell();
    assert!(said.contains(&note("certificate's key", "tls.key")), "{said}");
    mode(&world.path("tls.key"), 0o600);
    let said = crate::common::Sandbox::start(&world, &args).end_and_tell();
    assert!(!said.contains("other users"), "{said}");
}

#[test_support::test]
fn a_file_in_the_working_folder_gets_no_refresh_token_and_no_file_of_the_user() {
    let (hostile, world) = (Hostile::new(), World::new());
    world.write("tokens.txt", "opaque\n");
    let app = format!(
        "issuer: 'http://{}/oauth2/default', clientId: evil, requestTimeout: 1, rateLimit: {{maxRetries: 0}}",
        hostile.address()
    );
    world.write("okta.yaml", format!("okta: {{client: {{{app}, authorizationMode: none}}}}"));
    for token in [JWT, "opaque-refresh-token"] {
        let run = world.pipe(&["token", "--refresh"], token);
        refused(token, &run, &["no refresh token is sent there", "--issuer"]);
    }
    fs::write(world.home().join(".vault-token"), "hvs.s3cr3t-of-another").unwrap();
    let shared = "shared: {url: 'redis://evil.example', username: a, passwordFile: ~/.vault-token}";
    for members in ["clientSecretFile: ~/.vault-token", shared] {
        world.write("okta.yaml", format!("okta: {{client: {{{app}, {members}}}}}"));
        for command in COMMANDS {
            let run = world.pipe(command, JWT);
            refused(members, &run, &["whose content would be sent"]);
        }
    }
    assert_eq!(hostile.connections(), 0);
}
