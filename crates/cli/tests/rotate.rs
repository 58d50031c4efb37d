//! `rotate` against the sandbox: killed at every step and resumed, while programs use the key.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use okta_introspect::sandbox::{App, AppKey, Fault, Times};
use okta_introspect::{Client, KeyFile, KeyOptions, Signer, SigningKey, Token};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::common::org::{CLIENT, Org};
use crate::common::{Run, World};

const TOKEN: &str = "/oauth2/v1/token";
const KEYS: &str = "/api/v1/apps/0oa1/credentials/jwks";

fn org() -> Org {
    Org::with(|app| app.grant("okta.apps.manage").admin(true), |builder| builder)
}

/// Without the id: the key file has it after the first rotation.
fn rotate(org: &Org, more: &[&str]) -> Run {
    let command = [&["rotate", "--overlap", "0s"], more].concat();
    org.run(&command, &[("--key-id", "")], "")
}

/// The app's keys: id of the entry, key id, status.
fn keys(org: &Org) -> Vec<(String, String, String)> {
    let listed = org.run(
        &["api", KEYS, "--scope", "okta.apps.manage"],
        &[("--key-id", &key_id(&org.world))],
        "",
    );
    let listed: Vec<Value> = serde_json::from_str(&listed.exits(0).stdout).unwrap();
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    listed.iter().map(|key| (text(key, "id"), text(key, "kid"), text(key, "status"))).collect()
}

fn key_in(path: &Path) -> SigningKey {
    SigningKey::from_file(path, &KeyOptions::default()).unwrap()
}

fn key_id(world: &World) -> String {
    key_in(&world.path("key.pem")).key_id().unwrap_or("k1").to_owned()
}

fn exists(world: &World, suffix: &str) -> bool {
    world.path(&format!("key.pem{suffix}")).exists()
}

#[test_support::test]
fn a_key_is_replaced_and_the_old_one_kept_and_others_left_alone() {
    let org = org();
    let other = org.world.run(&["keygen", "other.pem", "--key-id", "other"]).exits(0).json();
    org.run(&["api", "POST", KEYS, "--input", "-"], &[], &other.to_string()).exits(0);
    let old = key_in(&org.world.path("key.pem"));

    let plan = rotate(&org, &["--dry-run", "--json", "--key-id", "k1"]);
    let plan = plan.exits(0).json();
    assert_eq!(plan["dry_run"], true);
    assert_eq!(plan["steps"][0], "name");
    assert_eq!(plan["new_key_id"], Value::Null);
    assert!(!exists(&org.world, ".next"));
    assert_eq!(keys(&org).len(), 2, "nothing was done");

    let done = rotate(&org, &["--json", "--key-id", "k1"]).exits(0).json();
    let expected = [
        "name",
        "make",
        "register",
        "verify",
        "switch",
        "overlap",
        "verify",
        "deactivate",
        "finish",
    ];
    assert_eq!(done["steps"], serde_json::json!(expected));
    assert_eq!((&done["app"], &done["old_key_id"]), (&CLIENT.into(), &"k1".into()));
    let new = key_id(&org.world);
    assert_eq!(done["new_key_id"], new);
    let states: Vec<_> = keys(&org).into_iter().map(|(_, id, status)| (id, status)).collect();
    let state = |id: &str, status: &str| (id.to_owned(), status.to_owned());
    assert_eq!(states, [state("k1", "INACTIVE"), state("other", "ACTIVE"), state(&new, "ACTIVE")]);
    let kept = key_in(&org.world.path("key.pem.previous"));
    assert_eq!(kept.public_jwk().thumbprint(), old.public_jwk().thumbprint());
    assert!(!exists(&org.world, ".next") && !exists(&org.world, ".retiring"));

    // The next one, without any id in the command line, and with an end to the old key.
    let again = rotate(&org, &["--delete", "--json"]).exits(0).json();
    assert_eq!(again["old_key_id"], new);
    assert_eq!(again["steps"].as_array().unwrap().last().unwrap(), "finish");
    let left: Vec<_> = keys(&org).into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(left, ["k1".to_owned(), "other".to_owned(), key_id(&org.world)]);
}

#[test_support::test]
fn the_new_key_file_has_the_readers_of_the_old_one() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let org = org();
    let path = org.world.path("key.pem");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    rotate(&org, &["--key-id", "k1"]).exits(0);
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
    assert_eq!(org.world.path("key.pem.previous").metadata().unwrap().mode() & 0o777, 0o640);
}

#[test_support::test]
fn a_given_key_is_taken_and_one_on_its_way_is_not_mixed_up_with_another() {
    let org = org();
    let world = &org.world;
    world.run(&["keygen", "new.pem", "--key-id", "ignored-by-pem"]).exits(0);
    world.run(&["keygen", "third.pem"]).exits(0);
    let given = key_in(&world.path("new.pem"));
    let same = rotate(&org, &["--key-id", "k1", "--new-key-file", "key.pem"]);
    same.fails(2, "the one that is in use");
    let of_before = fs::read(world.path("key.pem")).unwrap();
    rotate(&org, &["--key-id", "k1", "--new-key-file", "new.pem"]).exits(0);
    let now = key_in(&world.path("key.pem"));
    assert_eq!(now.public_jwk().thumbprint(), given.public_jwk().thumbprint());
    assert_eq!(now.key_id(), Some(&*given.public_jwk().thumbprint()), "an id of its own");
    // Interrupted after it was made.
    fs::write(world.path("key.pem.next"), of_before).unwrap();
    rotate(&org, &["--new-key-file", "third.pem"]).fails(2, "to another key is under way");
}

#[test_support::test]
fn what_cannot_be_rotated_is_refused_and_nothing_changes() {
    let org = org();
    let world = &org.world;
    let before = fs::read(world.path("key.pem")).unwrap();
    world.run(&["keygen", "stranger.pem"]).exits(0);
    for (changes, code, says) in [
        (&[("--key-file", "stranger.pem")][..], 4, "signature is invalid"),
        (&[("--key-file", "missing.pem")], 2, "in no file"),
        (&[("--key-file", "/dev/null")], 2, "in no file"),
        (&[("--client-id", "0oa-nobody")], 4, "client id"),
    ] {
        let run = org.run(&["rotate", "--overlap", "0s"], changes, "");
        run.fails(code, says);
    }
    assert_eq!(fs::read(world.path("key.pem")).unwrap(), before);
    assert_eq!(keys(&org).len(), 1);
    for overlap in ["-1s", "soon", "367d"] {
        rotate(&org, &["--overlap", overlap]).exits(2);
    }
}

#[test_support::test]
fn a_key_that_is_written_into_the_settings_is_not_replaced_with_them() {
    let org = org();
    let pem = fs::read_to_string(org.world.path("key.pem")).unwrap().replace('\n', "\\n");
    let yaml = format!(
        "okta: {{client: {{orgUrl: '{}', clientId: {CLIENT}, privateKey: \"{pem}\"}}}}",
        org.sandbox.issuer()
    );
    org.world.write("okta.yaml", &yaml);
    org.world.run(&["rotate", "--overlap", "0s"]).fails(2, "in no file");
    assert_eq!(fs::read_to_string(org.world.path("okta.yaml")).unwrap(), yaml);
}

#[test_support::test]
fn an_id_in_the_settings_is_to_go_before_the_key_does() {
    let mut org = org().in_the_environment();
    let run = org.world.run(&["rotate", "--overlap", "0s"]);
    run.exits(2);
    assert!(run.stderr.contains("OKTA_CLIENT_KEYID"), "{run:?}");
    assert_eq!(key_in(&org.world.path("key.pem")).key_id(), Some("k1"), "the file has it by now");
    assert_eq!(keys(&org).len(), 1);
    org.world.unset("OKTA_CLIENT_KEYID");
    org.world.run(&["rotate", "--overlap", "0s"]).exits(0);
}

#[test_support::test]
fn an_app_that_may_not_change_keys_lets_another_do_it() {
    let org = Org::with(|app| app, |builder| builder);
    let denied = rotate(&org, &["--key-id", "k1"]);
    denied.fails(4, "okta.apps.manage");
    let admin = org.world.run(&["keygen", "admin.pem", "--key-id", "admin"]).exits(0).json();
    let admin_app = App::service("0oaadmin").grant("okta.apps.manage").admin(true);
    let jwk = AppKey::from_jwk(&admin).unwrap();
    org.sandbox.register(admin_app.key(jwk));
    let yaml = format!(
        "okta:\n  profiles:\n    admin:\n      orgUrl: {}\n      clientId: 0oaadmin\n      \
         privateKey: {}\n      privateKeyId: admin\n",
        org.sandbox.issuer(),
        org.world.path("admin.pem").display()
    );
    org.world.write("okta.yaml", yaml);
    let done = rotate(&org, &["--key-id", "k1", "--as", "admin", "--json"]).exits(0).json();
    assert_eq!(done["old_key_id"], "k1");
}

#[test_support::test]
fn two_rotations_at_once_are_one() {
    let org = org();
    org.sandbox.faults().inject(Fault::hold().at(KEYS), Times::Once);
    let mut first = start(&org);
    wait(&org, &mut first);
    rotate(&org, &["--key-id", "k1"]).fails(2, "another rotation");
    org.sandbox.faults().release();
    assert!(first.wait().unwrap().success());
}

#[test_support::test]
fn files_tell_how_far_a_rotation_came() {
    let org = org();
    let world = &org.world;
    let (current, next) = (world.path("key.pem"), world.path("key.pem.next"));
    // The new key has been made, and a draft was left behind.
    world.run(&["keygen", "new.pem"]).exits(0);
    fs::rename(world.path("new.pem"), &next).unwrap();
    world.write("key.pem.draft", "half of a k");
    let new = key_in(&next).public_jwk().thumbprint();
    // PEM has no id; a new key of ours is a JWK.
    let named = key_in(&next).with_key_id(Some(new.clone()));
    fs::remove_file(&next).unwrap();
    named.write_new_jwk_file(&next).unwrap();
    // The old one has its second name already.
    fs::hard_link(&current, world.path("key.pem.retiring")).unwrap();
    rotate(&org, &["--key-id", "k1"]).exits(0);
    assert_eq!(key_id(world), new);
    assert!(exists(world, ".previous") && !exists(world, ".draft"));
    assert_eq!(keys(&org).len(), 2);
}

/// Starts a rotation, and gives the process.
fn start(org: &Org) -> Child {
    let issuer = org.sandbox.issuer();
    let line = [
        "rotate",
        "--overlap",
        "0s",
        "--delete",
        "--issuer",
        issuer.as_str(),
        "--client-id",
        CLIENT,
        "--key-file",
        "key.pem",
        "--key-id",
        "k1",
    ];
    org.world.command(&line).spawn().unwrap()
}

/// Waits until a request is held, or until the process has ended; gives whether one is held.
fn wait(org: &Org, child: &mut Child) -> bool {
    let (sender, ended) = oneshot::channel();
    let mut stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let _ = stdout.read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    let held = org.sandbox.faults().waiting(1);
    org.runtime.block_on(async {
        tokio::select! {
            () = held => true,
            _ = ended => false,
        }
    })
}

/// Programs that use the key all the time: the library, and the command.
struct Users {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Users {
    fn start(org: &Org) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut threads = Vec::new();
        for _ in 0..2 {
            let client = client(org, org.world.path("key.pem"));
            let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
            threads.push(std::thread::spawn(move || use_library(&client, &stop, &calls)));
        }
        let issuer = org.sandbox.issuer();
        let line = [
            "introspect",
            "--issuer",
            issuer.as_str(),
            "--client-id",
            CLIENT,
            "--key-file",
            "key.pem",
        ];
        let mut command = org.world.command(&line);
        let (ended, called) = (Arc::clone(&stop), Arc::clone(&calls));
        threads.push(std::thread::spawn(move || use_command(&mut command, &ended, &called)));
        Self { stop, calls, threads }
    }

    /// Waits until more calls have gone through.
    fn go_on(&self) {
        let until = self.calls.load(Ordering::Relaxed) + 4;
        while self.calls.load(Ordering::Relaxed) < until {
            assert!(self.threads.iter().all(|thread| !thread.is_finished()), "one has failed");
            std::thread::yield_now();
        }
    }

    /// What failed.
    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (self.calls.load(Ordering::Relaxed), failures)
    }
}

fn client(org: &Org, path: PathBuf) -> Client {
    Client::builder(
        org.sandbox.issuer().clone(),
        CLIENT,
        KeyFile::open(path, KeyOptions::default()).unwrap(),
    )
    .build()
    .unwrap()
}

fn use_library(client: &Client, stop: &AtomicBool, calls: &AtomicUsize) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = Token::parse("no-such-token").unwrap();
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match runtime.block_on(client.introspect(&token, None)) {
            Ok(_) => drop(calls.fetch_add(1, Ordering::Relaxed)),
            Err(error) => failures.push(error.to_string()),
        }
    }
    failures
}

fn use_command(
    command: &mut std::process::Command,
    stop: &AtomicBool,
    calls: &AtomicUsize,
) -> Vec<String> {
    use std::io::Write;

    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"no-such-token").unwrap();
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            // Inactive: the server has taken the key.
            Some(1) => drop(calls.fetch_add(1, Ordering::Relaxed)),
            _ => failures.push(String::from_utf8(output.stderr).unwrap()),
        }
    }
    failures
}

/// Kills a rotation while its `n`th request to `path` is held, before or after the server has acted on
/// it. Gives whether there is such a request.
fn kill_at(org: &Org, path: &str, n: u32, acted: bool) -> bool {
    let faults = org.sandbox.faults();
    faults.inject(Fault::delay(std::time::Duration::ZERO).at(path), Times::Exactly(n - 1));
    faults.inject(Fault::hold().acting_first(acted).at(path), Times::Once);
    let mut child = start(org);
    let is_held = wait(org, &mut child);
    if is_held {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    faults.clear();
    faults.release();
    assert!(is_held || status.success(), "a rotation failed without being killed");
    is_held
}

/// Kills a rotation at each of its requests, and has the next run finish it. Programs use the key
/// meanwhile.
fn kill_everywhere(acted: bool) {
    let org = org();
    // So that the programs' first look finds the id.
    rotate(&org, &["--key-id", "k1", "--delete"]).exits(0);
    let users = Users::start(&org);
    let mut kills = Vec::new();
    for path in [TOKEN, KEYS, "deactivate", "delete"] {
        for n in 1.. {
            let old = key_id(&org.world);
            let (entry, ..) = keys(&org).into_iter().find(|(_, id, _)| *id == old).unwrap();
            let path = match path {
                "deactivate" => format!("{KEYS}/{entry}/lifecycle/deactivate"),
                "delete" => format!("{KEYS}/{entry}"),
                path => path.to_owned(),
            };
            if !kill_at(&org, &path, n, acted) {
                break;
            }
            kills.push(format!("{path} {n}"));
            // The key in the file works right now.
            assert!(!keys(&org).is_empty());
            users.go_on();
            rotate(&org, &["--delete"]).exits(0);
            users.go_on();
            let left = keys(&org);
            assert_eq!(left.len(), 1, "{path} {n}: {left:?}");
            assert_eq!(left[0].1, key_id(&org.world));
            assert_eq!(left[0].2, "ACTIVE");
            assert!(
                ["next", "retiring", "draft"]
                    .iter()
                    .all(|it| !exists(&org.world, &format!(".{it}")))
            );
        }
    }
    let (calls, failures) = users.end();
    assert!(kills.len() >= 9, "{kills:?}");
    assert!(failures.is_empty(), "of {calls}: {failures:?}");
    assert!(calls > kills.len(), "the programs have called all the while");
}

#[test_support::test]
fn killed_before_each_step_counts_a_rotation_goes_on_and_no_call_fails() {
    kill_everywhere(false);
}

#[test_support::test]
fn killed_after_each_step_counts_a_rotation_goes_on_and_no_call_fails() {
    kill_everywhere(true);
}
