//! Who may ask Redis, and for what.

use std::time::Duration;

use okta_introspect::shared::{Lead, SharedStore as _, StreamPosition, TimeScale};
use okta_introspect::{Error, ErrorKind, Secret};
use okta_introspect_redis::RedisStore;

use crate::contract;
use crate::server::{Server, file};

/// The rights that docs/redis.md gives.
fn documented_rights() -> String {
    let page = include_str!("../../../docs/redis.md");
    let (_, line) = page.split_once("\nuser okta-introspect ").expect("docs/redis.md has the line");
    line.lines().next().unwrap().to_owned()
}

/// A server whose default user may nothing, but for the test's own control, and whose user
/// `okta-introspect` has these rights.
fn guarded(test: &str, rights: &str) -> Option<Server> {
    let server = Server::start(test, &[])?;
    let words: Vec<_> = ["ACL", "SETUSER", "okta-introspect"]
        .into_iter()
        .chain(rights.split_whitespace())
        .collect();
    assert_eq!(server.run(&words), "OK");
    Some(server)
}

fn rights_with(password: &str) -> String {
    let rights = documented_rights();
    assert!(rights.contains(" #<sha256> "), "{rights}");
    rights.replace("#<sha256>", &format!(">{password}"))
}

fn store(server: &Server, password: &str) -> RedisStore {
    let builder = RedisStore::builder(&server.url()).username("okta-introspect");
    builder.password(Secret::new(password)).build().unwrap()
}

#[test_support::test]
async fn the_documented_rights_suffice() {
    let Some(server) = guarded("rights that suffice", &rights_with("right")) else { return };
    contract::holds(&store(&server, "right")).await;
    assert_eq!(server.run(&["ACL", "LOG"]), "", "nothing was refused");
}

#[test_support::test]
async fn none_of_the_documented_rights_is_too_many() {
    let all = rights_with("right");
    for command in all.split_whitespace().filter(|word| word.starts_with('+')) {
        let rights =
            all.replace(&format!(" {command} "), " ").replace(&format!(" {command}\n"), "");
        let rights = rights.strip_suffix(command).unwrap_or(&rights).to_owned();
        assert!(rights.len() < all.len());
        let Some(server) = guarded("rights that lack", &rights) else { return };
        let store = store(&server, "right");
        let error = some_of_all(&server, &store).await.expect_err(command);
        assert_eq!(error.kind(), ErrorKind::RequestRefused, "without {command}: {error}");
    }
}

/// Does everything that needs a right.
async fn some_of_all(server: &Server, store: &RedisStore) -> Result<(), Error> {
    let (stream, long) = ("oi1:{a}:s", Duration::from_secs(60));
    store.get(&["oi1:{a}:e:1"]).await?;
    store.put("oi1:{a}:e:1", b"x", long).await?;
    server.run(&["SET", "oi1:{a}:time", "of another type"]);
    store.time("oi1:{a}:time", TimeScale([1; 16]), None).await?;
    store.append(stream, b"x").await?;
    // As after a clock was set back.
    server.run(&["XADD", stream, "90000000000000-1", "e", "x"]);
    store.append(stream, b"x").await?;
    store.read(stream, &StreamPosition::Latest, 1, Duration::ZERO).await?;
    store.read(stream, &StreamPosition::Since(0), 1, Duration::from_secs(1)).await?;
    let lead = Lead { name: "oi1:{a}:leader".to_owned(), owner: "me".to_owned(), ttl: long };
    store.lead(&lead).await?;
    store.commit(&lead, stream, None, b"x", b"cursor").await?;
    store.lead(&lead).await?;
    store.resign(&lead).await
}

#[test_support::test]
async fn what_is_not_ours_is_refused() {
    let Some(server) = guarded("names of others", &rights_with("right")) else { return };
    let store = store(&server, "right");
    let long = Duration::from_secs(60);
    for error in [
        store.get(&["another:{a}"]).await.unwrap_err(),
        store.put("another:{a}", b"x", long).await.unwrap_err(),
        store.append("another:{a}", b"x").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::RequestRefused, "{error}");
        assert!(error.to_string().contains("docs/redis.md"), "{error}");
        assert!(!format!("{error:?}").contains("another"), "{error:?}");
    }
    let mut control = server.control();
    assert_eq!(control.run(&["AUTH", "okta-introspect", "right"]), "OK");
    for command in [
        &["KEYS", "*"][..],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["GET", "oi1:{a}:e:1"],
        &["SCAN", "0"],
        &["SCRIPT", "FLUSH"],
        &["EVAL", "return redis.call('FLUSHALL')", "0"],
        &["PUBLISH", "oi1:{a}", "x"],
    ] {
        let reply = control.run(command);
        let is_refused = ["NOPERM", "can't run this command"].iter().any(|it| reply.contains(it));
        assert!(is_refused, "{command:?}: {reply}");
    }
}

#[test_support::test]
async fn a_password_that_is_missing_or_wrong_is_said_and_never_shown() {
    let Some(server) = Server::start("passwords", &[]) else { return };
    let mut control = server.control();
    assert_eq!(control.run(&["CONFIG", "SET", "requirepass", "open-sesame"]), "OK");
    let with = |url: &str| RedisStore::builder(url).build().unwrap();
    let cases = [
        (with(&server.url()), "demands a password"),
        (with(&server.url().replace("//", "//:hunter2@")), "the username or the password"),
        (with(&server.url().replace("//", "//hunter2:hunter2@")), "the username or the password"),
    ];
    for (store, expected) in cases {
        let error = store.check().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClientRefused);
        assert!(error.to_string().contains(expected), "{error}");
        for text in [format!("{error:?} {error}"), format!("{store:?}")] {
            // A user's name is none of the secrets, but Redis' own texts are not repeated.
            assert!(!text.replace("username: Some(\"hunter2\")", "").contains("hunter2"), "{text}");
        }
    }
    with(&server.url().replace("//", "//:open-sesame@")).check().await.unwrap();
}

#[test_support::test]
async fn a_password_file_is_read_at_each_connection() {
    let Some(server) = Server::start("password files", &[]) else { return };
    let mut control = server.control();
    let path = file(server.folder(), "password", "first\n");
    assert_eq!(control.run(&["CONFIG", "SET", "requirepass", "first"]), "OK");
    let store = RedisStore::builder(&server.url()).password_file(&path).build().unwrap();
    store.check().await.unwrap();
    file(server.folder(), "password", "second");
    assert_eq!(control.run(&["CONFIG", "SET", "requirepass", "second"]), "OK");
    control.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    crate::server::until_async("the next connection", async || store.check().await.ok()).await;
}
