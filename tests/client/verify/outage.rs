//! Keys that cannot be had: what still works, what cannot be told, and how often the server is asked.

use std::time::Duration;

use okta_introspect::{ErrorKind, Issuer, Jwks, JwksConfig};
use serde_json::json;

use crate::support::seconds;
use crate::tokens::key_server::{Fetches, KeyServer};
use crate::tokens::minter::with;
use crate::tokens::scene::{Scene, minter};

#[test_support::test]
async fn in_an_outage_known_keys_keep_working_and_unknown_ones_cannot_be_told() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let (known, unknown) = (scene.token(&old), scene.token(&new));
    assert!(scene.accepts(&known).await);
    scene.server.change(|says| says.breaks = true);
    scene.rotate(&new);
    for _ in 0..12 * 60 {
        scene.clock.advance(seconds(5));
        assert!(scene.accepts(&known).await);
        let error = scene.verify(&unknown).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
    }
    assert!(scene.is_stale());
    assert_eq!(scene.verifier.keys().status().failure.unwrap().kind(), ErrorKind::Unreachable);
    // At most one attempt each pause of ten seconds; those of discovery come before the keys'.
    let fetches = scene.verifier.keys().status().fetches;
    assert!(fetches <= 1 + 3600 / 10 + 1, "{fetches}");
    scene.server.change(|says| says.breaks = false);
    scene.clock.advance(JwksConfig::DEFAULT_PAUSE_AFTER_FAILURE);
    assert!(scene.accepts(&unknown).await);
    assert!(!scene.is_stale());
}

#[test_support::test]
async fn stale_keys_are_used_up_to_their_bound_and_not_beyond() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let token = scene.token(&key);
    assert!(scene.accepts(&token).await);
    scene.server.change(|says| says.status = 503);
    scene.clock.advance(JwksConfig::DEFAULT_MAX_STALE_AGE - Duration::from_millis(1));
    assert!(scene.accepts(&token).await);
    scene.clock.advance(Duration::from_millis(1));
    let error = scene.verify(&token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert!(error.retry_after().unwrap() <= JwksConfig::DEFAULT_PAUSE_AFTER_FAILURE);
}

#[test_support::test]
async fn after_a_failure_the_server_is_left_alone_for_a_while() {
    let key = minter("k1");
    let scene = Scene::without_discovery(&key).await;
    scene.server.change(|says| says.status = 500);
    let token = scene.token(&key);
    for _ in 0..100 {
        assert_eq!(scene.verify(&token).await.unwrap_err().kind(), ErrorKind::ServerFailed);
    }
    assert_eq!(scene.key_fetches(), 1);
    scene.server.change(|says| says.status = 200);
    scene.clock.advance(JwksConfig::DEFAULT_PAUSE_AFTER_FAILURE - Duration::from_millis(1));
    assert!(scene.verify(&token).await.is_err());
    scene.clock.advance(Duration::from_millis(1));
    assert!(scene.accepts(&token).await);
    assert_eq!(scene.key_fetches(), 2);
}

#[test_support::test]
async fn a_server_that_says_how_long_to_wait_is_listened_to() {
    let key = minter("k1");
    let scene = Scene::without_discovery(&key).await;
    scene.server.change(|says| {
        says.status = 429;
        says.headers = vec![("retry-after", "60".to_owned())];
    });
    let token = scene.token(&key);
    let error = scene.verify(&token).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(seconds(60))));
    scene.clock.advance(seconds(59));
    assert_eq!(scene.verify(&token).await.unwrap_err().retry_after(), Some(seconds(1)));
    assert_eq!(scene.key_fetches(), 1);
    scene.server.change(|says| says.status = 200);
    scene.clock.advance(seconds(1));
    assert!(scene.accepts(&token).await);
}

#[test_support::test]
async fn an_answer_that_is_no_key_set_does_not_replace_good_keys() {
    let key = minter("k1");
    let encrypting = json!({"keys": [with(key.jwk(), json!({"use": "enc"}))]}).to_string();
    for (name, document) in [
        ("no JSON", "<html>".to_owned()),
        ("no keys", r#"{"keys":[]}"#.to_owned()),
        ("no key for signatures", encrypting),
        ("another document", r#"{"issuer":"x"}"#.to_owned()),
    ] {
        let scene = Scene::new(&key).await;
        assert!(scene.accepts(&scene.token(&key)).await);
        scene.server.change(|says| {
            says.keys = document;
            says.headers.push(("x-okta-request-id", "reqKeys1".to_owned()));
        });
        let error = scene.verifier.keys().refresh().await.unwrap_err();
        let attempts = error.attempts().unwrap();
        assert_eq!((error.kind(), attempts.count), (ErrorKind::Malformed, 1), "{name}");
        assert_eq!(attempts.request_ids, ["reqKeys1"], "{name}");
        assert!(scene.accepts(&scene.token(&key)).await, "{name}");
        assert!(scene.verifier.keys().status().failure.is_some(), "{name}");
    }
}

#[test_support::test]
async fn an_address_for_keys_without_tls_or_elsewhere_is_refused() {
    for address in ["http://keys.example/v1/keys", "https://127.0.0.1:1/keys", "file:///etc/passwd"]
    {
        let key = minter("k1");
        let scene = Scene::new(&key).await;
        scene.server.change(|says| says.jwks_uri = Some(address.to_owned()));
        let error = scene.verify(&scene.token(&key)).await.unwrap_err();
        assert!(!error.kind().is_temporary(), "{address}: {error}");
        assert_eq!(scene.key_fetches(), 0);
    }
}

#[test_support::test]
async fn an_address_for_keys_may_have_a_query() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let address = format!("{}/v1/keys?client_id=0oa1", scene.server.issuer());
    scene.server.change(|says| says.jwks_uri = Some(address));
    assert!(scene.accepts(&scene.token(&key)).await);
}

#[test_support::test]
async fn a_given_address_needs_no_discovery() {
    let key = minter("k1");
    let server = KeyServer::start(key.document()).await;
    let issuer = Issuer::parse(&server.issuer()).unwrap();
    let address = issuer.endpoints().unwrap().jwks;
    let jwks = Jwks::builder(issuer).address(address).build().unwrap();
    jwks.refresh().await.unwrap();
    assert_eq!(server.fetches(), Fetches { metadata: 0, keys: 1 });
}

#[test_support::test]
async fn whoever_stops_waiting_takes_nothing_from_the_others() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    scene.server.change(|says| says.holds = true);
    let token = scene.token(&key);
    let leaving = tokio::spawn({
        let (verifier, token) = (scene.verifier.clone(), token.clone());
        async move { verifier.verify(&token).await }
    });
    while scene.server.fetches().metadata == 0 {
        tokio::task::yield_now().await;
    }
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    scene.server.change(|says| says.holds = false);
    assert!(scene.accepts(&token).await);
    assert_eq!(scene.server.fetches(), Fetches { metadata: 1, keys: 1 });
}

#[test]
fn ages_that_contradict_each_other_are_refused() {
    let issuer = Issuer::parse("http://127.0.0.1:1/oauth2/default").unwrap();
    let build = |change: fn(&mut JwksConfig)| {
        let mut config = JwksConfig::default();
        change(&mut config);
        Jwks::builder(issuer.clone()).config(config).build().map(drop).map_err(|error| error.kind())
    };
    assert_eq!(build(|_| {}), Ok(()));
    let wrong = Err(ErrorKind::Configuration);
    assert_eq!(build(|config| config.min_age = seconds(0)), wrong);
    assert_eq!(build(|config| config.cool_down = seconds(0)), wrong);
    assert_eq!(build(|config| config.min_age = config.max_age + seconds(1)), wrong);
    assert_eq!(build(|config| config.max_stale_age = seconds(60)), wrong);
    assert_eq!(build(|config| config.max_stale_age = Duration::MAX), wrong);
    assert_eq!(build(|config| config.max_age = Duration::MAX), wrong);
    assert_eq!(build(|config| config.cool_down = Duration::MAX), wrong);
    assert_eq!(build(|config| config.pause_after_failure = Duration::MAX), wrong);
}
