//! Keys that rotate, expire and cannot be reached: when they are fetched, and what is said while
//! they are not at hand.

mod verify_support;

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::{
    AccessTokenClaims, Algorithm, Error, ErrorKind, Issuer, Jwks, JwksBuilder, JwksConfig,
    ManualClock, Rejection, SeededRandom, Verification, Verifier,
};
use serde_json::{Value, json};
use verify_support::key_server::{Fetches, KeyServer};
use verify_support::minter::{AUDIENCE, Minter, NOW, access_claims, with};

/// A server with a key, and a verifier of its tokens that lives in the same time.
struct Scene {
    server: KeyServer,
    clock: ManualClock,
    verifier: Verifier,
}

impl Scene {
    async fn new(minter: &Minter) -> Self {
        Self::configured(minter, |builder, _| builder).await
    }

    /// A scene in which the address of the keys is known.
    async fn without_discovery(minter: &Minter) -> Self {
        let at_hand = |builder: JwksBuilder, issuer: &Issuer| {
            builder.address(issuer.endpoints().unwrap().jwks)
        };
        Self::configured(minter, at_hand).await
    }

    async fn configured(
        minter: &Minter,
        configure: impl FnOnce(JwksBuilder, &Issuer) -> JwksBuilder,
    ) -> Self {
        let server = KeyServer::start(minter.document()).await;
        let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
        let issuer = Issuer::parse(&server.issuer()).unwrap();
        let builder =
            Jwks::builder(issuer.clone()).clock(clock.clone()).random(SeededRandom::new(1));
        let keys = configure(builder, &issuer).build().unwrap();
        let verifier = Verifier::access_token(issuer, AUDIENCE)
            .algorithms([Algorithm::Es256])
            .keys(keys)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { server, clock, verifier }
    }

    /// A token of the server that lives for a week.
    fn token(&self, minter: &Minter) -> String {
        minter.token(&self.claims())
    }

    fn claims(&self) -> Value {
        let changes = json!({"iss": self.server.issuer(), "exp": NOW + 7 * 86_400});
        with(access_claims(), changes)
    }

    /// A token that nobody signed, with a key id that nobody has.
    fn made_up(&self, number: usize) -> String {
        let stranger = minter("stranger");
        let header = json!({"alg": "ES256", "kid": format!("random-{number}")});
        stranger.sign(&header.to_string(), self.claims().to_string())
    }

    fn rotate(&self, minter: &Minter) {
        self.server.change(|says| says.keys = minter.document());
    }

    async fn verify(&self, token: &str) -> Result<Verification<AccessTokenClaims>, Error> {
        self.verifier.verify(token).await
    }

    async fn accepts(&self, token: &str) -> bool {
        self.verify(token).await.unwrap().is_verified()
    }

    async fn rejection(&self, token: &str) -> Rejection {
        self.verify(token).await.unwrap().into_result().unwrap_err()
    }

    fn key_fetches(&self) -> usize {
        self.server.fetches().keys
    }

    fn is_stale(&self) -> bool {
        self.verifier.keys().status().is_stale
    }
}

fn minter(key_id: &str) -> Minter {
    Minter::generate(Algorithm::Es256, key_id)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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
#[tokio::test]
async fn rotations_refuse_no_valid_token_and_cost_one_fetch_each() {
    const ROTATIONS: usize = 3;
    const VERIFICATIONS: usize = 10_000;
    for pause in [secs(0), secs(600)] {
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

#[tokio::test]
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

#[tokio::test]
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
#[tokio::test]
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
            assert!(matches!(rejection, Rejection::UnknownKey { .. }), "{rejection}");
            assert!(rejection.may_change_later());
        }
    };
    flood(3000).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.rotate(&new);
    // The one moment in which the new key cannot be looked for: it says for how long.
    let token = scene.token(&new);
    scene.clock.advance(secs(10));
    let rejection = scene.rejection(&token).await;
    let retry_after = Some(cool_down - secs(10));
    assert_eq!(rejection, Rejection::UnknownKey { kid: Some("new".to_owned()), retry_after });
    flood(3000).await;
    assert_eq!(scene.key_fetches(), 2);
    scene.clock.advance(cool_down - secs(10));
    flood(1).await;
    assert!(scene.accepts(&token).await);
    flood(3999).await;
    // The first, and one for each of the two cool-downs that were begun.
    assert_eq!(scene.key_fetches(), 3);
    assert!(scene.accepts(&token).await);
}

#[tokio::test]
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

#[tokio::test]
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
#[tokio::test]
async fn in_an_outage_known_keys_keep_working_and_unknown_ones_cannot_be_told() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let (known, unknown) = (scene.token(&old), scene.token(&new));
    assert!(scene.accepts(&known).await);
    scene.server.change(|says| says.breaks = true);
    scene.rotate(&new);
    for _ in 0..12 * 60 {
        scene.clock.advance(secs(5));
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

#[tokio::test]
async fn stale_keys_are_used_up_to_their_bound_and_not_beyond() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let token = scene.token(&key);
    assert!(scene.accepts(&token).await);
    scene.server.change(|says| says.status = 503);
    scene.clock.advance(JwksConfig::DEFAULT_GREATEST_STALE_AGE - Duration::from_millis(1));
    assert!(scene.accepts(&token).await);
    scene.clock.advance(Duration::from_millis(1));
    let error = scene.verify(&token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert!(error.retry_after().unwrap() <= JwksConfig::DEFAULT_PAUSE_AFTER_FAILURE);
}

#[tokio::test]
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

#[tokio::test]
async fn a_server_that_says_how_long_to_wait_is_listened_to() {
    let key = minter("k1");
    let scene = Scene::without_discovery(&key).await;
    scene.server.change(|says| {
        says.status = 429;
        says.headers = vec![("retry-after", "60".to_owned())];
    });
    let token = scene.token(&key);
    let error = scene.verify(&token).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(secs(60))));
    scene.clock.advance(secs(59));
    assert_eq!(scene.verify(&token).await.unwrap_err().retry_after(), Some(secs(1)));
    assert_eq!(scene.key_fetches(), 1);
    scene.server.change(|says| says.status = 200);
    scene.clock.advance(secs(1));
    assert!(scene.accepts(&token).await);
}

#[tokio::test]
async fn keys_are_refreshed_in_the_background_before_they_expire() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let token = scene.token(&old);
    assert!(scene.accepts(&token).await);
    scene.clock.advance(secs(47 * 60));
    assert!(scene.accepts(&token).await);
    assert_eq!(scene.key_fetches(), 1);
    // From four fifths of the hour on, less some jitter, whoever comes starts a fetch and does
    // not wait for it.
    scene.server.change(|says| says.holds = true);
    scene.rotate(&new);
    scene.clock.advance(secs(5 * 60));
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

#[tokio::test]
async fn keys_that_have_expired_unused_are_fetched_before_they_are_used() {
    let (old, new) = (minter("old"), minter("new"));
    let scene = Scene::new(&old).await;
    let token = scene.token(&old);
    assert!(scene.accepts(&token).await);
    scene.rotate(&new);
    scene.clock.advance(secs(3600));
    // The old key was withdrawn meanwhile: nobody may slip through on the way.
    let rejection = scene.rejection(&token).await;
    assert!(matches!(rejection, Rejection::UnknownKey { .. }));
    assert_eq!(scene.key_fetches(), 2);
}

#[tokio::test]
async fn the_servers_word_counts_within_bounds() {
    for (name, header, fresh_secs) in [
        ("as said", Some(("cache-control", "max-age=600")), 600),
        ("no less than the floor", Some(("cache-control", "max-age=0")), 60),
        ("not to be kept, so the floor", Some(("cache-control", "no-store")), 60),
        ("no more than the ceiling", Some(("cache-control", "max-age=3832304")), 3600),
        ("nothing said", None, 300),
    ] {
        let key = minter("k1");
        let scene = Scene::new(&key).await;
        let headers = header.map(|(name, value)| (name, value.to_owned()));
        scene.server.change(|says| says.headers = headers.into_iter().collect());
        assert!(scene.accepts(&scene.token(&key)).await);
        scene.clock.advance(secs(fresh_secs) - Duration::from_millis(1));
        assert!(!scene.is_stale(), "{name}");
        scene.clock.advance(Duration::from_millis(1));
        assert!(scene.is_stale(), "{name}");
    }
}

#[tokio::test]
async fn time_that_an_answer_spent_in_caches_counts() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let headers = vec![("cache-control", "max-age=600".to_owned()), ("age", "400".to_owned())];
    scene.server.change(|says| says.headers = headers);
    assert!(scene.accepts(&scene.token(&key)).await);
    scene.clock.advance(secs(200));
    assert!(scene.is_stale());
}

#[tokio::test]
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
        scene.server.change(|says| says.keys = document);
        assert_eq!(scene.verifier.keys().refresh().await.unwrap_err().kind(), ErrorKind::Malformed);
        assert!(scene.accepts(&scene.token(&key)).await, "{name}");
        assert!(scene.verifier.keys().status().failure.is_some(), "{name}");
    }
}

#[tokio::test]
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

#[tokio::test]
async fn an_address_for_keys_may_have_a_query() {
    let key = minter("k1");
    let scene = Scene::new(&key).await;
    let address = format!("{}/v1/keys?client_id=0oa1", scene.server.issuer());
    scene.server.change(|says| says.jwks_uri = Some(address));
    assert!(scene.accepts(&scene.token(&key)).await);
}

#[tokio::test]
async fn a_given_address_needs_no_discovery() {
    let key = minter("k1");
    let server = KeyServer::start(key.document()).await;
    let issuer = Issuer::parse(&server.issuer()).unwrap();
    let address = issuer.endpoints().unwrap().jwks;
    let jwks = Jwks::builder(issuer).address(address).build().unwrap();
    jwks.refresh().await.unwrap();
    assert_eq!(server.fetches(), Fetches { metadata: 0, keys: 1 });
}

#[tokio::test]
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

#[tokio::test]
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
    assert_eq!(build(|config| config.least_age = secs(0)), wrong);
    assert_eq!(build(|config| config.cool_down = secs(0)), wrong);
    assert_eq!(build(|config| config.least_age = config.greatest_age + secs(1)), wrong);
    assert_eq!(build(|config| config.greatest_stale_age = secs(60)), wrong);
}
