//! Service tokens on a computer that was suspended: by its boot clock they have ended when they have,
//! although the clock of timers stood still.

use std::sync::Arc;
use std::time::Duration;

use super::source::{Fetch, TokenCache};
use super::{AccessToken, CachedTokenSource, TokenCacheConfig, TokenSource};
use crate::clock::{Clock, Laptop};
use crate::scope::Scopes;
use crate::secret::Token;
use crate::support::random::SeededRandom;

const SECOND: Duration = Duration::from_secs(1);
const LIFETIME: Duration = Duration::from_secs(3600);

/// A source of tokens that are numbered.
fn source(laptop: &Laptop) -> CachedTokenSource {
    let (clock, number) = (laptop.clone(), Arc::new(std::sync::atomic::AtomicU32::new(1)));
    let fetch: Fetch = Arc::new(move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let token = Token::parse(&format!("t{number}")).unwrap();
        let requested_at = clock.monotonic();
        Box::pin(async move { Ok(AccessToken::bearer(token, None, LIFETIME, requested_at)) })
    });
    let (config, random) = (TokenCacheConfig::default(), Arc::new(SeededRandom::new(1)));
    let cache = TokenCache::new(config, Arc::new(laptop.clone()), random, None, fetch).unwrap();
    cache.source(Scopes::parse("okta.users.read").unwrap())
}

#[test_support::test]
async fn after_a_suspend_no_token_is_given_out_that_ended_meanwhile() {
    let last = LIFETIME - TokenCacheConfig::default().min_remaining;
    for (asleep, token) in [(last - SECOND, "t1"), (last, "t2"), (24 * LIFETIME, "t2")] {
        let laptop = Laptop::new();
        let source = source(&laptop);
        assert_eq!(source.token().await.unwrap().token().expose(), "t1");
        let running = laptop.running();
        laptop.suspend(asleep);
        let given = source.token().await.unwrap();
        assert_eq!(given.token().expose(), token, "{asleep:?} asleep");
        assert_eq!(laptop.running(), running);
    }
}
