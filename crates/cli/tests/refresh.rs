//! `token --refresh`: a user's refresh token is read from stdin or its file, and the one that replaces it
//! is never lost.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use okta_introspect::Token;
use okta_introspect::sandbox::{App, AuthMethod, Fault, SignIn, Times};
use serde_json::Value;

use crate::common::Run;
use crate::common::org::{Org, key};
use crate::common::server::{answering, json};

const WEB: &str = "0oa2web";
const TOKEN: &str = "/oauth2/default/v1/token";

fn org(app: fn(App) -> App) -> Org {
    let org = Org::new();
    org.sandbox.register(app(App::web(WEB).key(key(&org.world).public_jwk())));
    org
}

fn rotating() -> Org {
    org(|app| app.rotates_refresh_tokens(30))
}

fn sign_in(org: &Org) -> Token {
    let sign_in = SignIn::new(WEB, "00u1ada").server("default").scope("offline_access");
    org.sandbox.sign_in(&sign_in.scope("orders.read")).unwrap().refresh_token.unwrap()
}

fn run(org: &Org, options: &[&str], input: &str) -> Run {
    let command = [&["token", "--auth-server", "default"], options].concat();
    org.run(&command, &[("--client-id", WEB)], input)
}

/// The token in a file of ours, which nobody else may read.
fn kept(path: &Path) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    fs::read_to_string(path).unwrap().trim_end().to_owned()
}

fn is_active(org: &Org, token: &str) -> bool {
    let options = ["introspect", "--auth-server", "default"];
    org.run(&options, &[("--client-id", WEB)], token).code == 0
}

/// The files that hold refresh tokens for which no place was named.
fn spare(org: &Org) -> Vec<PathBuf> {
    let folder = org.world.runtime().join("okta-introspect");
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    files.filter(|path| path.to_str().unwrap().contains("refresh-token-")).collect()
}

#[test_support::test]
fn a_refresh_token_that_stays_gives_access_tokens_and_leaves_nothing_behind() {
    let org = org(|app| app);
    let refresh = sign_in(&org);
    for input in [
        refresh.expose().to_owned(),
        format!("  {}\n", refresh.expose()),
        format!(r#"{{"access_token":"a1","refresh_token":"{}"}}"#, refresh.expose()),
    ] {
        let run = run(&org, &["--refresh"], &input);
        run.exits(0).hides(refresh.expose());
        assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""));
        assert!(is_active(&org, run.stdout.trim()));
    }
    let json = run(&org, &["--refresh", "--json"], refresh.expose()).json();
    assert_eq!(
        (&json["refresh_token"], &json["token_type"]),
        (&Value::from(refresh.expose()), &Value::from("Bearer"))
    );
    assert_eq!(json["scope"], "offline_access openid orders.read");
    assert!(json["id_token"].is_string() && json["access_token"].is_string());
    assert!(spare(&org).is_empty());
}

#[test_support::test]
fn scopes_of_flags_narrow_and_those_of_the_settings_do_not() {
    let mut org = org(|app| app);
    org.world.put("OKTA_CLIENT_SCOPES", "okta.users.read");
    let refresh = sign_in(&org);
    let json =
        run(&org, &["--refresh", "--json", "--scope", "orders.read"], refresh.expose()).json();
    assert_eq!((&json["scope"], &json["id_token"]), (&Value::from("orders.read"), &Value::Null));
    assert_eq!(json["refresh_token"], refresh.expose(), "the one to use next");
    let json = run(&org, &["--refresh", "--json"], refresh.expose()).json();
    assert_eq!(json["scope"], "offline_access openid orders.read");
    run(&org, &["--refresh", "--scope", "orders.write"], refresh.expose())
        .fails(4, "invalid_scope");
}

#[test_support::test]
fn json_has_the_new_refresh_token() {
    let org = rotating();
    let first = sign_in(&org);
    let told = run(&org, &["--refresh", "--json"], first.expose());
    told.exits(0).hides(first.expose());
    let second = told.json()["refresh_token"].as_str().unwrap().to_owned();
    assert!(is_active(&org, &second) && spare(&org).is_empty());
    let third = run(&org, &["--refresh", "--json"], &told.stdout).json()["refresh_token"].clone();
    assert_ne!(third.as_str(), Some(second.as_str()), "its own output is read");
}

#[test_support::test]
fn without_a_place_the_new_one_is_kept_beside_and_told_even_quietly() {
    let org = rotating();
    for quiet in [&[][..], &["--quiet"]] {
        let first = sign_in(&org);
        let run = run(&org, &[&["--refresh"], quiet].concat(), first.expose());
        run.exits(0);
        assert_eq!(run.stdout.lines().count(), 1);
        let files = spare(&org);
        let [path] = files.as_slice() else { panic!("{files:?}") };
        assert!(run.stderr.contains(path.to_str().unwrap()), "{}", run.stderr);
        let second = kept(path);
        run.hides(&second).hides(first.expose());
        assert!(is_active(&org, &second));
        fs::remove_file(path).unwrap();
    }
}

#[test_support::test]
fn a_file_holds_the_token_to_use_whatever_happens() {
    let org = rotating();
    let first = sign_in(&org);
    let path = org.world.path("refresh.txt");
    let file = ["--refresh-token-file", "refresh.txt"];
    // The first token comes on stdin.
    run(&org, &[&["--refresh"], &file[..]].concat(), first.expose()).exits(0);
    let mut latest = kept(&path);
    assert_ne!(latest, first.expose());
    for round in 1..=3 {
        org.sandbox.set_clock_offset(TimeDelta::minutes(5 * round));
        let run = run(&org, &file, "not read");
        run.exits(0).hides(&latest);
        assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""));
        assert_ne!(kept(&path), latest);
        latest = kept(&path);
        run.hides(&latest);
    }
    let json = run(&org, &[&file[..], &["--json"]].concat(), "").json();
    assert_eq!(json["refresh_token"], Value::Null, "it is in the file");
    // A lost answer: the old one is still there, and still taken.
    latest = kept(&path);
    let lost = || Fault::truncated().at(TOKEN).acting_first(true);
    org.sandbox.faults().inject(lost(), Times::Once);
    run(&org, &file, "").fails(3, "may have replaced").hides(&latest);
    assert_eq!(kept(&path), latest);
    run(&org, &file, "").exits(0);
    assert_ne!(kept(&path), latest);
    assert!(spare(&org).is_empty());
}

#[cfg(unix)]
#[test_support::test]
fn the_file_is_replaced_before_the_access_token_is_printed() {
    let org = rotating();
    org.world.write("refresh.txt", sign_in(&org).expose());
    let before = kept_text(&org);
    let line = format!(
        "okta-introspect token --auth-server default --issuer {} --client-id {WEB} --key-file key.pem \
         --key-id k1 --refresh-token-file refresh.txt > /dev/full",
        org.sandbox.issuer()
    );
    let output = org.world.shell(&line).stdin(std::process::Stdio::null()).output().unwrap();
    Run::of(&[&line], output).fails(3, "cannot be written");
    assert_ne!(kept_text(&org), before);
    // As JSON alone, it would have been lost.
    let line = line.replace("--refresh-token-file refresh.txt", "--refresh --json < refresh.txt");
    let output = org.world.shell(&line).output().unwrap();
    Run::of(&[&line], output).fails(3, "the refresh token that replaces the old one is in");
    let [path] = &spare(&org)[..] else { panic!() };
    assert!(is_active(&org, &kept(path)));
}

#[cfg(unix)]
fn kept_text(org: &Org) -> String {
    fs::read_to_string(org.world.path("refresh.txt")).unwrap()
}

#[test_support::test]
fn a_token_that_is_no_good_is_a_no() {
    let org = rotating();
    let run = run(&org, &["--refresh"], "made-up-refresh-token");
    run.exits(1).hides("made-up-refresh-token");
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("sign in again"), "{}", run.stderr);
}

#[test_support::test]
fn a_token_used_twice_is_a_no_and_ends_the_sign_in() {
    let org = rotating();
    let first = sign_in(&org);
    let json = run(&org, &["--refresh", "--json"], first.expose()).json();
    org.sandbox.set_clock_offset(TimeDelta::seconds(31));
    run(&org, &["--refresh"], first.expose()).exits(1);
    for member in ["access_token", "refresh_token"] {
        assert!(!is_active(&org, json[member].as_str().unwrap()), "{member}");
    }
}

#[test_support::test]
fn what_could_lose_the_new_token_is_refused_before_anything_is_sent() {
    let org = rotating();
    let refresh = sign_in(&org);
    fs::create_dir(org.world.path("folder")).unwrap();
    for (file, fragment) in [
        ("nowhere/refresh.txt", "cannot be used"),
        ("folder", "cannot be used"),
        ("no.txt", "cannot be read"),
    ] {
        let both: &[&str] = if file == "no.txt" { &[] } else { &["--refresh"] };
        let options = [both, &["--refresh-token-file", file]].concat();
        run(&org, &options, refresh.expose()).fails(2, fragment).hides(refresh.expose());
    }
    run(&org, &["--refresh"], "").fails(2, "empty");
    // Some begin as an option does.
    let argument = format!("0{}", refresh.expose());
    run(&org, &["--refresh", &argument], "").fails(2, "argument").hides(refresh.expose());
    assert!(!org.world.path("no.txt").exists());
    assert!(org.sandbox.requests().is_empty());
}

#[cfg(unix)]
#[test_support::test]
fn one_run_at_a_time_has_the_file() {
    let org = rotating();
    org.world.write("refresh.txt", sign_in(&org).expose());
    let other = fs::File::open(org.world.path("refresh.txt")).unwrap();
    other.lock().unwrap();
    let file = ["--refresh-token-file", "refresh.txt"];
    run(&org, &file, "").fails(3, "another run is using it");
    assert!(org.sandbox.requests().is_empty());
    drop(other);
    run(&org, &file, "").exits(0);
}

#[test_support::test]
fn what_is_said_of_requests_has_no_token() {
    let mut org = rotating();
    org.world.put("RUST_LOG", "trace");
    let first = sign_in(&org);
    let told = run(&org, &["--refresh", "--trace", "--verbose"], first.expose());
    assert_eq!(told.code, 0);
    let second = kept(&spare(&org)[0]);
    assert!(!told.stderr.contains(told.stdout.trim()) && told.stderr.contains("/v1/token"));
    told.hides(first.expose()).hides(&second);
}

#[test_support::test]
fn a_client_with_a_secret_refreshes_too() {
    let mut org = Org::new();
    let secret = "a %2B+:sample of a \u{1f511}";
    let app = App::web(WEB).auth_method(AuthMethod::ClientSecretBasic).secret(secret);
    org.sandbox.register(app.rotates_refresh_tokens(30));
    org.world.put("OKTA_CLIENT_ORGURL", org.sandbox.issuer().to_string());
    org.world.put("OKTA_CLIENT_CLIENTID", WEB);
    org.world.put("OKTA_CLIENT_CLIENTSECRET", secret);
    let options = ["token", "--auth-server", "default", "--refresh", "--json"];
    let run = org.world.pipe(&options, sign_in(&org).expose());
    run.exits(0).hides(secret);
    assert!(run.json()["refresh_token"].is_string());
}

#[test_support::test]
fn a_demand_for_dpop_is_followed_and_told() {
    let org = org(|app| app.dpop_required(true));
    let run = run(&org, &["--refresh"], sign_in(&org).expose());
    run.exits(0);
    assert!(run.stderr.contains("bound to a key"), "{}", run.stderr);
}

#[test_support::test]
fn a_server_that_does_not_answer_is_told_with_what_it_may_have_done() {
    let org = rotating();
    org.sandbox.faults().inject(Fault::silence(), Times::Always);
    let run = run(&org, &["--refresh", "--timeout", "1"], sign_in(&org).expose());
    run.fails(3, "grace period");
    assert_eq!(org.sandbox.requests().len(), 1);
}

#[test_support::test]
fn an_answer_of_no_other_use_gives_the_new_one_all_the_same() {
    const NEW: &str = "new-refresh-t0ken.must-never.show";
    let org = rotating();
    let path = org.world.path("refresh.txt");
    for (members, dpop, code) in [
        (r#""access_token":"a1","token_type":"Bearer","expires_in":"x","#, "auto", 3),
        (r#""access_token":"a1","token_type":"MAC","#, "auto", 3),
        (r#""access_token":"a1","#, "auto", 3),
        ("", "auto", 3),
        (r#""access_token":"a1","token_type":"Bearer","#, "always", 2),
    ] {
        let body = format!(r#"{{{members}"refresh_token":"{NEW}"}}"#);
        let issuer = answering(move |_| json("200 OK", &body));
        let at = |options: &[&str], input: &str| {
            let command =
                [&["token", "--auth-server", "default", "--dpop", dpop], options].concat();
            org.run(&command, &[("--client-id", WEB), ("--issuer", &issuer)], input)
        };
        fs::write(&path, "old-refresh-token").unwrap();
        let told = at(&["--refresh-token-file", "refresh.txt"], "");
        told.fails(code, "has replaced the refresh token: the one to use is in refresh.txt");
        told.hides(NEW);
        assert_eq!(kept(&path), NEW, "{members}");
        for json in [&["--refresh"][..], &["--refresh", "--json"]] {
            at(json, "old-refresh-token").fails(code, "the one to use is in /").hides(NEW);
            let [spare] = &spare(&org)[..] else { panic!("{members}") };
            assert_eq!(kept(spare), NEW, "{members}");
            fs::remove_file(spare).unwrap();
        }
    }
    let issuer = answering(|_| json("200 OK", "{}"));
    let options = ["token", "--auth-server", "default", "--refresh"];
    org.run(&options, &[("--client-id", WEB), ("--issuer", &issuer)], "old-refresh-token")
        .fails(3, "may have replaced");
}

#[cfg(unix)]
#[test_support::test]
fn what_nobody_can_read_is_kept_beside() {
    let org = rotating();
    org.world.write("empty", "");
    for output in [">&-", "> /dev/null", "1< empty"] {
        org.world.write("refresh.txt", sign_in(&org).expose());
        let line = format!(
            "okta-introspect token --auth-server default --issuer {} --client-id {WEB} --key-file key.pem \
             --key-id k1 --refresh --json < refresh.txt {output}",
            org.sandbox.issuer()
        );
        let told = org.world.shell(&line).output().unwrap();
        let told = Run::of(&[&line], told);
        told.exits(0);
        let [path] = &spare(&org)[..] else { panic!("{output}") };
        assert!(told.stderr.contains(path.to_str().unwrap()), "{output}: {}", told.stderr);
        assert!(is_active(&org, &kept(path)), "{output}");
        fs::remove_file(path).unwrap();
    }
}

#[cfg(unix)]
#[test_support::test]
fn a_link_stays_and_its_target_holds_the_token_to_use() {
    use std::os::unix::fs::symlink;

    let org = rotating();
    let (link, target) = (org.world.path("link.txt"), org.world.path("vault/refresh.txt"));
    fs::create_dir(org.world.path("vault")).unwrap();
    symlink("vault/refresh.txt", &link).unwrap();
    let first = sign_in(&org);
    let file = ["--refresh-token-file", "link.txt"];
    // It leads nowhere yet.
    run(&org, &[&["--refresh"], &file[..]].concat(), first.expose()).exits(0);
    let second = kept(&target);
    assert_ne!(second, first.expose());
    run(&org, &file, "").exits(0);
    assert_ne!(kept(&target), second);
    assert!(is_active(&org, &kept(&target)));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    let requests = org.sandbox.requests().len();
    for (name, to) in [("circle", "circle"), ("astray", "nowhere/refresh.txt")] {
        symlink(to, org.world.path(name)).unwrap();
        let options = ["--refresh", "--refresh-token-file", name];
        run(&org, &options, first.expose()).fails(2, "cannot be used");
    }
    assert_eq!(org.sandbox.requests().len(), requests);
}

#[cfg(unix)]
#[test_support::test]
fn what_a_killed_run_has_left_is_taken_up() {
    let org = rotating();
    let first = sign_in(&org);
    org.world.write("refresh.txt", format!("{}\n", first.expose()));
    let json = run(&org, &["--refresh", "--json"], first.expose()).json();
    let second = json["refresh_token"].as_str().unwrap();
    org.sandbox.set_clock_offset(TimeDelta::seconds(31));
    let replaces = |content: &str| {
        let hash = openssl::sha::sha256(content.as_bytes());
        hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let current = replaces(&format!("{}\n", first.expose()));
    for (name, content) in [
        (format!(".refresh.txt.{current}.0000000000000001.draft"), format!("{second}\n")),
        (format!(".refresh.txt.{current}.0000000000000002.draft"), second[..5].to_owned()),
        (format!(".refresh.txt.{current}.0000000000000003.draft"), "\n\n\n".to_owned()),
        (format!(".refresh.txt.{}.0000000000000004.draft", replaces("x")), "other\n".to_owned()),
        (".refresh.txt.0000000000000005.draft".to_owned(), "other\n".to_owned()),
    ] {
        org.world.write(&name, &content);
    }
    let told = run(&org, &["--refresh-token-file", "refresh.txt"], "");
    told.exits(0).hides(second).hides(first.expose());
    assert!(is_active(&org, &kept(&org.world.path("refresh.txt"))));
    let left = fs::read_dir(org.world.path("refresh.txt").parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().contains("draft")), "{left:?}");
}

#[test_support::test]
fn a_file_that_holds_something_else_is_not_overwritten() {
    let org = rotating();
    let first = sign_in(&org);
    let options = ["--refresh", "--refresh-token-file", "other.txt"];
    for content in
        ["okta:\n  client:\n    orgUrl: https://acme.okta.com\n", "one\ntwo\n", "{\"a\":1}"]
    {
        org.world.write("other.txt", content);
        run(&org, &options, first.expose()).fails(2, "holds no refresh token");
        assert_eq!(fs::read_to_string(org.world.path("other.txt")).unwrap(), content);
    }
    let own = ["--refresh", "--refresh-token-file", "key.pem"];
    run(&org, &own, first.expose()).fails(2, "holds no refresh token");
    assert!(org.sandbox.requests().is_empty());
    org.world.write("other.txt", "another-token\n");
    let told = run(&org, &options, first.expose());
    told.exits(0).hides("another-token");
    assert!(told.stderr.contains("held another token"), "{}", told.stderr);
    // The one that is given, and nothing yet, are as they should be.
    for content in [sign_in(&org).expose(), ""] {
        let given = sign_in(&org);
        let content = if content.is_empty() { "" } else { given.expose() };
        org.world.write("other.txt", content);
        let told = run(&org, &options, given.expose());
        told.exits(0);
        assert_eq!(told.stderr, "");
    }
}

#[test_support::test]
fn a_response_without_a_refresh_token_is_told_as_one() {
    let org = rotating();
    let response = r#"{"access_token":"a1","token_type":"Bearer"}"#;
    run(&org, &["--refresh"], response).fails(2, "no refresh_token; ask for offline_access when");
    org.world.write("refresh.txt", response);
    run(&org, &["--refresh-token-file", "refresh.txt"], "").fails(2, "no refresh_token");
    assert!(org.sandbox.requests().is_empty());
}
