//! Keys that rotate and expire: when they are fetched, and how often.

use std::time::Duration;

use okta_introspect::{Algorithm, InvalidToken, JwksConfig, Verifier};
use serde_json::{Value, json};

use crate::support::seconds;
use crate::tokens::key_server::Fetches;
use crate::tokens::minter::{AUDIENCE, Minter, NOW, with};
use crate::tokens::scene::{Scene, minter};

#[test_support::test]
async fn keys_are_discovered_once_and_fetched_once() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let token = scene.token(&key);
    assert!(scene.verifier.keys().status().keys.is_none());
    for _ in 0..1000 {
        assert!(scene.accepts(&token).await);
    }
    assert_eq!(scene.server.fetches(), Fetches { metadata: 1, keys: 1 });
    let status = scene.verifier.keys().status();
    assert_eq!(status.keys.unwrap().key_ids().collect::<Vec<_>>(), ["k1"]);
    assert_eq!((status.fetches, status.is_stale), (1, false));
    assert_eq!(status.fetched_at.unwrap().timestamp(), NOW);
}

#[test_support::test]
async fn many_who_wait_for_the_first_keys_share_one_fetch() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let token = scene.token(&key);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (scene.verifier.clone(), token.clone());
            tokio::spawn(async move { verifier.verify(&token).await })
        })
        .collect();
    for verification in waiting {
        assert!(verification.await.unwrap().unwrap().is_verified());
    }
    assert_eq!(scene.key_fetches(), 1);
}

#[test_support::test]
async fn what_is_bound_to_be_refused_costs_no_fetch() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let expired = with(scene.claims(), json!({"exp": NOW - 3600}));
    let foreign = with(scene.claims(), json!({"iss": "https://other.okta.com/oauth2/default"}));
    for token in [key.token(&expired), key.token(&foreign), "opaque".to_owned()] {
        assert!(!scene.accepts(&token).await);
    }
    assert_eq!(scene.server.fetches(), Fetches::default());
}

/// Three rotations without notice among 10,000 verifications, no matter how close together.
#[test_support::test]
async fn rotations_refuse_no_valid_token_and_cost_one_fetch_each() {
    const ROTATIONS: usize = 3;
    const VERIFICATIONS: usize = 10_000;
    for pause in [seconds(0), seconds(600)] {
        let keys: Vec<Minter> =
            (0..=ROTATIONS).map(|number| minter(&format!("k{number}"))).collect();
        let scene = Scene::new(&keys[0]).await;
        for key in &keys {
            scene.rotate(key);
            let token = scene.token(key);
            for _ in 0..VERIFICATIONS / keys.len() {
                assert!(scene.accepts(&token).await);
            }
            scene.clock.advance(pause);
        }
        assert_eq!(scene.key_fetches(), ROTATIONS + 1);
    }
}

#[test_support::test]
async fn rotations_under_load_refuse_no_valid_token_either() {
    let keys: Vec<Minter> = (0..4).map(|number| minter(&format!("k{number}"))).collect();
    let scene = Scene::new(&keys[0]).await;
    for key in &keys {
        scene.rotate(key);
        let token = scene.token(key);
        let checks: Vec<_> = (0..50)
            .map(|_| {
                let (verifier, token) = (scene.verifier.clone(), token.clone());
                tokio::spawn(async move { verifier.verify(&token).await })
            })
            .collect();
        for check in checks {
            assert!(check.await.unwrap().unwrap().is_verified());
        }
    }
    assert_eq!(scene.key_fetches(), keys.len());
}

#[test_support::test]
async fn a_key_that_was_published_before_its_use_costs_no_fetch_at_all() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let both = json!({"keys": [old.jwk(), new.jwk()]}).to_string();
    scene.server.change(|says| says.keys = both);
    assert!(scene.accepts(&scene.token(&old)).await);
    assert!(scene.accepts(&scene.token(&new)).await);
    assert_eq!(scene.key_fetches(), 1);
}

/// The flood: 10,000 made-up key ids cost one fetch each cool-down, and a rotation in the middle
/// of it is picked up within one.
#[test_support::test]
async fn made_up_key_ids_cost_one_fetch_each_cool_down_and_do_not_stop_a_rotation() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    assert!(scene.accepts(&scene.token(&old)).await);
    let cool_down = JwksConfig::DEFAULT_COOL_DOWN;
    let mut number = 0;
    let mut flood = async |count: usize| {
        for _ in 0..count {
            number += 1;
            let rejection = scene.rejection(&scene.made_up(number)).await;
            assert!(matches!(rejection, InvalidToken::UnknownKey { .. }), "{rejection}");
            assert!(rejection.may_change_later());
        }
    };
    flood(3000).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.rotate(&new);
    // The one moment in which the new key cannot be looked for: it says for how long.
    let token = scene.token(&new);
    scene.clock.advance(seconds(10));
    let rejection = scene.rejection(&token).await;
    let retry_after = Some(cool_down - seconds(10));
    assert_eq!(rejection, InvalidToken::UnknownKey { kid: Some("new".to_owned()), retry_after });
    flood(3000).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.clock.advance(cool_down - seconds(10));
    flood(1).await;
    assert!(scene.accepts(&token).await);
    flood(3999).await;
    // The first, and one for each of the two cool-downs that were begun.
    assert_eq!(scene.key_fetches(), 3);
    assert!(scene.accepts(&token).await);
}

#[test_support::test]
async fn the_cool_down_ends_at_its_moment_and_not_before() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    assert!(scene.accepts(&scene.token(&key)).await);
    scene.rejection(&scene.made_up(1)).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.clock.advance(JwksConfig::DEFAULT_COOL_DOWN - Duration::from_millis(1));
    scene.rejection(&scene.made_up(2)).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.clock.advance(Duration::from_millis(1));
    scene.rejection(&scene.made_up(3)).await;
    assert_eq!(scene.key_fetches(), 3);
}

#[test_support::test]
async fn a_made_up_key_id_as_the_first_token_of_all_costs_the_first_fetch_alone() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    for number in 0..100 {
        scene.rejection(&scene.made_up(number)).await;
    }
    assert_eq!(scene.key_fetches(), 1);
    assert!(scene.accepts(&scene.token(&key)).await);
}

/// The outage: an hour in which the server cannot be reached.
#[test_support::test]
async fn keys_are_refreshed_in_the_background_before_they_expire() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let token = scene.token(&old);
    assert!(scene.accepts(&token).await);
    scene.clock.advance(seconds(47 * 60));
    assert!(scene.accepts(&token).await);
    assert_eq!(scene.key_fetches(), 1);
    // From four fifths of the hour on, less some jitter, whoever comes starts a fetch and does
    // not wait for it.
    scene.server.change(|says| says.holds = true);
    scene.rotate(&new);
    scene.clock.advance(seconds(5 * 60));
    for _ in 0..100 {
        assert!(scene.accepts(&token).await);
    }
    scene.server.requested(2).await;
    scene.server.change(|says| says.holds = false);
    // Whoever needs the new key joins the fetch that is under way.
    assert!(scene.accepts(&scene.token(&new)).await);
    assert_eq!(scene.key_fetches(), 2);
    assert!(!scene.accepts(&token).await);
}

#[test_support::test]
async fn keys_that_have_expired_unused_are_fetched_before_they_are_used() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let token = scene.token(&old);
    assert!(scene.accepts(&token).await);
    scene.rotate(&new);
    scene.clock.advance(seconds(3600));
    // The old key was withdrawn meanwhile: nobody may slip through on the way.
    let rejection = scene.rejection(&token).await;
    assert!(matches!(rejection, InvalidToken::UnknownKey { .. }));
    assert_eq!(scene.key_fetches(), 2);
}

#[test_support::test]
async fn the_servers_word_counts_within_bounds() {
    for (name, header, fresh_secs) in [
        ("as said", Some(("cache-control", "max-age=600")), 600),
        ("no less than the floor", Some(("cache-control", "max-age=0")), 60),
        ("not to be kept, so the floor", Some(("cache-control", "no-store")), 60),
        ("no more than the ceiling", Some(("cache-control", "max-age=3832304")), 3600),
        ("nothing said", None, 300),
        ("a negative age", Some(("cache-control", "max-age=-1")), 300),
        ("2^31", Some(("cache-control", "max-age=2147483648")), 3600),
        ("2^63-1", Some(("cache-control", "max-age=9223372036854775807")), 3600),
        ("2^64-1", Some(("cache-control", "max-age=18446744073709551615")), 3600),
        ("beyond", Some(("cache-control", "max-age=99999999999999999999999999")), 3600),
        ("a fraction", Some(("cache-control", "max-age=600.5")), 300),
        ("a text", Some(("cache-control", "max-age=soon")), 300),
        ("milliseconds", Some(("cache-control", "max-age=600000")), 3600),
    ] {
        let key = minter("k1");
        let scene = Scene::new(&key).await;
        let headers = header.map(|(name, value)| (name, value.to_owned()));
        scene.server.change(|says| says.headers = headers.into_iter().collect());
        assert!(scene.accepts(&scene.token(&key)).await);
        scene.clock.advance(seconds(fresh_secs) - Duration::from_millis(1));
        assert!(!scene.is_stale(), "{name}");
        scene.clock.advance(Duration::from_millis(1));
        assert!(scene.is_stale(), "{name}");
    }
}

#[test_support::test]
async fn time_that_an_answer_spent_in_caches_counts() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let headers = vec![("cache-control", "max-age=600".to_owned()), ("age", "400".to_owned())];
    scene.server.change(|says| says.headers = headers);
    assert!(scene.accepts(&scene.token(&key)).await);
    scene.clock.advance(seconds(200));
    assert!(scene.is_stale());
}

#[test_support::test]
async fn no_number_of_a_cache_makes_keys_older_or_younger_than_the_bounds() {
    for (age, fresh_secs) in [
        ("0", 600),
        ("1", 599),
        ("-1", 600),
        ("2147483648", 60),
        ("9223372036854775807", 60),
        ("18446744073709551615", 60),
        ("99999999999999999999999999", 60),
        ("1.5", 600),
        ("soon", 600),
        ("400000", 60),
    ] {
        let key = minter("k1");
        let scene = Scene::new(&key).await;
        let headers = vec![("cache-control", "max-age=600".to_owned()), ("age", age.to_owned())];
        scene.server.change(|says| says.headers = headers);
        assert!(scene.accepts(&scene.token(&key)).await);
        scene.clock.advance(seconds(fresh_secs) - Duration::from_millis(1));
        assert!(!scene.is_stale(), "{age}");
        scene.clock.advance(Duration::from_millis(1));
        assert!(scene.is_stale(), "{age}");
    }
}

#[test_support::test]
async fn verifiers_of_one_issuer_can_share_its_keys() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let issuer = scene.verifier.issuer().clone();
    let other = Verifier::access_token(issuer, AUDIENCE)
        .algorithms([Algorithm::Es256])
        .keys(scene.verifier.keys().clone())
        .clock(scene.clock.clone())
        .build()
        .unwrap();
    assert!(scene.accepts(&scene.token(&key)).await);
    assert!(other.verify(&scene.token(&key)).await.unwrap().is_verified());
    assert_eq!(scene.key_fetches(), 1);
}

/// As some serialisers write keys.
#[test_support::test]
async fn what_is_null_in_a_servers_key_is_absent() {
    let key = minter("k1");
    for member in ["use", "key_ops", "alg", "x5c", "x5t#S256", "d"] {
        let mut jwk = key.jwk();
        jwk[member] = Value::Null;
        let scene = Scene::new(&key).await;
        scene.server.change(|says| says.keys = json!({"keys": [jwk]}).to_string());
        let verified = scene.verify(&scene.token(&key)).await;
        assert!(verified.is_ok_and(|it| it.is_verified()), "{member}");
    }
    let mut jwk = key.jwk();
    jwk["kid"] = Value::Null;
    let scene = Scene::new(&key).await;
    scene.server.change(|says| says.keys = json!({"keys": [jwk]}).to_string());
    let unnamed = key.sign(r#"{"alg":"ES256"}"#, scene.claims().to_string());
    assert!(scene.accepts(&unnamed).await);
}
