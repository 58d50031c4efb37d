//! The second level over a store in the process.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::issuer::Issuer;
use crate::oauth::introspect::Introspection;
use crate::secret::Token;
use crate::support::random::SeededRandom;

const SECRET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LONG: Duration = Duration::from_secs(5);

fn shared(store: &InProcessStore, seed: u64) -> Shared {
    let secret = SharedSecret::parse(SECRET).unwrap();
    Shared::builder(store.clone(), secret).random(SeededRandom::new(seed)).build().unwrap()
}

#[test_support::test]
async fn what_one_puts_the_other_finds_with_its_age() {
    let manual = ManualClock::new(DateTime::from_timestamp(1_796_000_000, 0).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let store = InProcessStore::new(manual.clone());
    let (one, other) = (shared(&store, 1), shared(&store, 2));
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let token = Token::parse("zDfsxCWXNo0QE4MtMZ2").unwrap();
    let name = |shared: &Shared| shared.name(&shared.asker(&issuer, "client"), &token).unwrap();
    let answer: Introspection = serde_json::from_str(r#"{"active":true,"sub":"ada"}"#).unwrap();
    let asked_at = clock.monotonic();
    one.put(&clock, &name(&one), &answer, asked_at, LONG);
    tokio::task::yield_now().await;
    manual.advance(Duration::from_secs(2));
    let found = other.look(&clock, &name(&other), LONG, |_| true).await.unwrap();
    assert_eq!(found.introspection, answer);
    let early = asked_at.saturating_duration_since(found.asked_at);
    assert!(found.asked_at <= asked_at && early < Duration::from_millis(3), "{early:?}");
    assert_eq!(one.claim(&clock, &name(&one), LONG).await, Claim::Granted);
    assert_eq!(other.claim(&clock, &name(&other), LONG).await, Claim::Taken);
}
