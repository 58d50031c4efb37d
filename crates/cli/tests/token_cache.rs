//! `api --token-cache`: how many tokens are requested, and what lies on the disk.

use std::fs;
use std::path::PathBuf;

use okta_introspect::sandbox::App;
use okta_introspect::{KeyOptions, SigningKey, Token};

use crate::common::Run;
use crate::common::org::{CLIENT, Org, key};

const USER: &str = "/api/v1/users/00u1ada";

/// An org whose app may call its APIs, and a second app with the same key.
fn org() -> Org {
    let org = Org::with(|app| app.grant("okta.logs.read").admin(true), |builder| builder);
    let second = App::service("0oa2").key(key(&org.world).public_jwk());
    org.sandbox.register(second.grant("okta.users.read").admin(true));
    org
}

fn api(org: &Org, more: &[&str], changes: &[(&str, &str)]) -> Run {
    org.run(&[&["api", USER], more].concat(), changes, "")
}

/// A call with the cache.
fn cached(org: &Org) -> Run {
    api(org, &["--token-cache"], &[])
}

/// How many tokens were requested since this was asked last.
fn requested(org: &Org) -> usize {
    let requests = org.sandbox.requests();
    org.sandbox.clear_requests();
    requests.iter().filter(|request| request.path().ends_with("/token")).count()
}

/// The token that was shown last.
fn shown(org: &Org) -> Token {
    let requests = org.sandbox.requests();
    let shown = requests.iter().rev().find_map(|request| request.header("authorization"));
    Token::parse(shown.unwrap().strip_prefix("Bearer ").unwrap()).unwrap()
}

fn folder(org: &Org) -> PathBuf {
    org.world
        .home()
        .join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" })
        .join("okta-introspect")
}

/// The files of the cache.
fn files(org: &Org) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(org)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test_support::test]
fn a_second_call_requests_no_token_if_it_was_asked_to_keep_one() {
    let org = org();
    for (more, tokens) in [(&[][..], [1, 1]), (&["--token-cache"], [1, 0])] {
        for expected in tokens {
            let run = api(&org, more, &[]);
            assert_eq!(run.exits(0).stderr, "", "{more:?}");
            assert_eq!(requested(&org), expected, "{more:?}");
        }
    }
    // Without the flag nothing is found, either.
    api(&org, &[], &[]).exits(0);
    assert_eq!(requested(&org), 1);
}

#[test_support::test]
#[cfg(unix)]
fn what_lies_on_the_disk_is_private_and_no_token_can_be_read_from_it() {
    use std::os::unix::fs::PermissionsExt;

    let org = org();
    cached(&org).exits(0);
    let token = shown(&org);
    cached(&org).hides(token.expose());
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let files = files(&org);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!((mode(&files[0]), mode(&folder(&org))), (0o600, 0o700));
    let content = fs::read(&files[0]).unwrap();
    for part in [token.expose(), &token.expose()[..20], "okta.users", CLIENT] {
        assert!(!content.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
    }
    // It is encrypted, not merely written otherwise: a JWT would still have its dots.
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.len() == 64 + ".token".len() && !name.contains(CLIENT), "{name}");
}

#[test_support::test]
fn a_token_is_found_for_the_same_client_key_server_and_scopes_only() {
    let org = org();
    cached(&org).exits(0);
    assert_eq!(requested(&org), 1);
    // The same scope in other words.
    api(&org, &["--token-cache", "--scope", " okta.users.read "], &[]).exits(0);
    assert_eq!(requested(&org), 0);

    org.world.run(&["keygen", "other.pem", "--key-id", "k2"]).exits(0);
    let other = SigningKey::from_file(org.world.path("other.pem"), &KeyOptions::default()).unwrap();
    let other = other.with_key_id(Some("k2".to_owned()));
    org.sandbox.add_key(CLIENT, other.public_jwk()).unwrap();
    for (case, scopes, changes) in [
        ("scopes", &["--scope", "okta.users.read okta.logs.read"][..], &[][..]),
        ("client", &[], &[("--client-id", "0oa2")]),
        ("key", &[], &[("--key-file", "other.pem"), ("--key-id", "k2")]),
    ] {
        let more = [&["--token-cache"], scopes].concat();
        for expected in [1, 0] {
            api(&org, &more, changes).exits(0);
            assert_eq!(requested(&org), expected, "{case}");
        }
    }
    assert_eq!(files(&org).len(), 4);
    // Another server that knows the same client with the same key.
    let another = self::org();
    let app = App::service(CLIENT).key(key(&org.world).public_jwk());
    another.sandbox.register(app.grant("okta.users.read").admin(true));
    let issuer = another.sandbox.issuer();
    for expected in [1, 0] {
        api(&org, &["--token-cache"], &[("--issuer", issuer.as_str())]).exits(0);
        assert_eq!((requested(&another), requested(&org)), (expected, 0));
    }
    assert_eq!(files(&org).len(), 5);
}

#[test_support::test]
fn a_damaged_file_and_one_of_somebody_else_are_noted_and_replaced() {
    let org = org();
    cached(&org).exits(0);
    requested(&org);
    let file = files(&org).remove(0);
    let content = fs::read(&file).unwrap();
    let mut changed = content.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (case, content) in
        [("changed", &changed[..]), ("cut", &content[..20]), ("empty", b""), ("huge", &[1; 70_000])]
    {
        fs::write(&file, content).unwrap();
        let run = cached(&org);
        assert_eq!(requested(&org), 1, "{case}");
        let note = "note: the kept token is not used: its file is damaged\n";
        assert_eq!(run.exits(0).stderr, note, "{case}");
        assert_eq!(cached(&org).exits(0).stderr, "", "{case}");
        assert_eq!(requested(&org), 0, "{case}");
    }
    // A token for other scopes under this name.
    api(&org, &["--token-cache", "--scope", "okta.users.read okta.logs.read"], &[]).exits(0);
    let other = files(&org).into_iter().find(|path| *path != file).unwrap();
    fs::copy(other, &file).unwrap();
    requested(&org);
    cached(&org).exits(0);
    assert_eq!(requested(&org), 1);
}

#[test_support::test]
#[cfg(unix)]
fn files_that_are_open_to_others_and_links_are_not_used() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let org = org();
    cached(&org).exits(0);
    let (file, aside) = (files(&org).remove(0), org.world.path("aside"));
    let note = "note: the kept token is not used: its file is open to other users, or is none\n";
    let used = |case: &str| {
        requested(&org);
        let run = cached(&org);
        assert_eq!(run.exits(0).stderr, note, "{case}");
        assert_eq!(requested(&org), 1, "{case}");
        let mode = fs::symlink_metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o170_777, 0o100_600, "{case}");
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    used("readable by others");
    fs::rename(&file, &aside).unwrap();
    symlink(&aside, &file).unwrap();
    used("a link");

    fs::set_permissions(folder(&org), fs::Permissions::from_mode(0o755)).unwrap();
    requested(&org);
    let open = cached(&org);
    assert!(open.exits(0).stderr.contains("the cache folder is open to other users"), "{open:?}");
    assert_eq!(requested(&org), 1);
}

#[test_support::test]
fn a_kept_token_that_is_refused_is_replaced_once() {
    let org = org();
    cached(&org).exits(0);
    let first = shown(&org);
    org.sandbox.revoke(&first);
    requested(&org);
    cached(&org).exits(0);
    assert_ne!(shown(&org).expose(), first.expose());
    assert_eq!(requested(&org), 1);
    cached(&org).exits(0);
    assert_eq!(requested(&org), 0);
}

#[test_support::test]
fn bound_tokens_are_not_kept() {
    let org = Org::with(|app| app.admin(true).dpop_required(true), |builder| builder);
    for _ in 0..2 {
        cached(&org).exits(0);
        assert_ne!(requested(&org), 0);
    }
    assert_eq!(files(&org), Vec::<PathBuf>::new());
}

#[test_support::test]
fn a_folder_that_cannot_be_made_costs_the_cache_and_nothing_else() {
    let org = org();
    fs::write(org.world.home().join(".cache"), "in the way").unwrap();
    fs::create_dir_all(org.world.home().join("Library")).unwrap();
    fs::write(org.world.home().join("Library/Caches"), "in the way").unwrap();
    for _ in 0..2 {
        let run = cached(&org);
        assert!(run.exits(0).stderr.contains("the token is not kept in "), "{run:?}");
        assert_eq!(requested(&org), 1);
    }
}
