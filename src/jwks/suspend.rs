//! The keys of an issuer on a computer that was suspended: by its boot clock they are as old as they
//! are, although the clock of timers stood still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use test_support::{Act, Peer, reply_with};

use crate::clock::Laptop;
use crate::issuer::Issuer;
use crate::jwks::{Jwks, JwksConfig, Missing};
use crate::key::{Algorithm, SigningKey};

const SECOND: Duration = Duration::from_secs(1);
/// What the server says of its keys.
const FRESH: Duration = Duration::from_secs(3600);

struct World {
    laptop: Laptop,
    jwks: Jwks,
    fails: Arc<AtomicBool>,
    _server: Peer,
}

impl World {
    async fn new() -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = key.with_key_id(Some("k1".to_owned())).public_jwk().to_json();
        let keys = format!("{{\"keys\":[{key}]}}");
        let headers = [("content-type", "application/json"), ("cache-control", "max-age=3600")];
        let (good, fails) = (reply_with(200, &headers, &keys), Arc::new(AtomicBool::new(false)));
        let failing = Arc::clone(&fails);
        let server = Peer::by(move || match failing.load(Ordering::SeqCst) {
            true => Act::ResetAtOnce,
            false => Act::Write(good.clone()),
        });
        let (server, laptop) = (server.await, Laptop::new());
        let issuer = Issuer::parse(&server.issuer()).unwrap();
        let address = issuer.endpoints().unwrap().jwks;
        let jwks = Jwks::builder(issuer).address(address).clock(laptop.clone()).build().unwrap();
        jwks.refresh().await.unwrap();
        Self { laptop, jwks, fails, _server: server }
    }

    async fn has_the_key(&self) -> bool {
        match self.jwks.key(Some("k1"), Algorithm::Es256).await {
            Ok(_) => true,
            Err(Missing::CannotTell(_)) => false,
            Err(fault) => panic!("{fault:?}"),
        }
    }
}

#[test_support::test]
async fn after_a_suspend_keys_are_fetched_anew_when_they_are_no_longer_fresh() {
    let refresh = FRESH - FRESH / 5;
    for (asleep, fetches, is_stale) in
        [(refresh - SECOND, 1, false), (FRESH - SECOND, 2, false), (FRESH, 2, true)]
    {
        let world = World::new().await;
        let running = world.laptop.running();
        world.laptop.suspend(asleep);
        let status = world.jwks.status();
        assert_eq!((status.age, status.is_stale), (Some(asleep), is_stale), "{asleep:?} asleep");
        assert!(world.has_the_key().await);
        assert_eq!(world.jwks.status().fetches, fetches, "{asleep:?} asleep");
        assert_eq!(world.laptop.running(), running);
    }
}

#[test_support::test]
async fn a_suspend_uses_up_how_long_keys_are_good_in_an_outage() {
    let bound = JwksConfig::DEFAULT_MAX_STALE_AGE;
    for (asleep, counts) in [(bound - SECOND, true), (bound, false)] {
        let world = World::new().await;
        world.fails.store(true, Ordering::SeqCst);
        world.laptop.suspend(asleep);
        assert_eq!(world.has_the_key().await, counts, "{asleep:?} asleep");
    }
}
