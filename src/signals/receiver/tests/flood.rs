//! Floods: what they cost, and that others are heard meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use test_support::{Act, Peer, reply_with};
use tower_service::Service as _;

use super::world::{
    CLIENT, ENDPOINT, HOOK_SECRET, KEYS, NOW, ORG, Sent, World, fixed_keys, jwt, post, published,
    request, signed, suspended, with,
};
use crate::issuer::{EndpointUrl, Issuer};
use crate::jwks::Jwks;
use crate::signals::{Applied, Feed, SignalReceiver};

const FLOOD: usize = 100_000;

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1", "typ": "global-token-revocation+jwt"})
}

fn claims(jti: &str) -> Value {
    json!({"jti": jti, "iss": ORG, "sub": CLIENT, "aud": ENDPOINT, "iat": NOW, "exp": NOW + 300})
}

const EMAIL: &str = r#"{"sub_id":{"format":"email","email":"ada@acme.example"}}"#;

fn logout(jwt: &str) -> Request<Sent> {
    post(&[("authorization", &format!("Bearer {jwt}"))], Sent::text(EMAIL))
}

fn hook(secret: &str, uuid: &str) -> Request<Sent> {
    let events = [suspended(uuid, uuid)];
    let body = json!({"eventType": "com.okta.event_hook", "data": {"events": events}});
    post(&[("authorization", secret)], Sent::text(body.to_string()))
}

#[test_support::test]
async fn a_hundred_thousand_hooks_by_others_are_not_even_read() {
    let world = World::new();
    let read = Arc::new(AtomicUsize::new(0));
    for number in 0..FLOOD {
        let sent = hook("hook secret 0123456788", &number.to_string());
        let counter = sent.body().counter();
        assert_eq!(world.send(sent).await.status().as_u16(), 401);
        read.fetch_add(counter.load(Ordering::SeqCst), Ordering::SeqCst);
    }
    assert_eq!((read.load(Ordering::SeqCst), world.applied().len()), (0, 0));
    assert_eq!(world.refused("unknown", "wrong_credentials"), FLOOD as u64);
    let good = world.send(hook(HOOK_SECRET, "e1")).await;
    assert_eq!((good.status().as_u16(), world.applied().len()), (204, 1));
}

#[test_support::test]
async fn more_events_than_are_remembered_are_all_applied_in_bounded_memory() {
    const EVENTS: usize = 2 * Feed::REMEMBERED + 1_000;
    let world = World::new();
    let event =
        |number: usize| json!({"uuid": number.to_string(), "eventType": "user.session.end"});
    let hook = |numbers: std::ops::Range<usize>| {
        let events: Vec<Value> = numbers.map(event).collect();
        let body = json!({"eventType": "com.okta.event_hook", "data": {"events": events}});
        post(&[("authorization", HOOK_SECRET)], Sent::text(body.to_string()))
    };
    for start in (0..EVENTS).step_by(1_000) {
        let end = (start + 1_000).min(EVENTS);
        assert_eq!(world.send(hook(start..end)).await.status().as_u16(), 204);
        let applied = world.applied();
        assert!(
            applied.len() == end - start && applied.iter().all(|(_, what)| *what == Applied::New)
        );
    }
    assert_eq!(world.feed.status()[0].events["user.session.end"], EVENTS as u64);
    // The latest are known, and the first are applied once more: to forget them is harmless.
    world.send(hook(EVENTS - 1..EVENTS)).await;
    world.send(hook(0..1)).await;
    let what: Vec<_> = world.applied().into_iter().map(|(_, what)| what).collect();
    assert_eq!(what, [Applied::Repeated, Applied::New]);
}

#[test_support::test]
async fn the_memory_of_used_requests_is_bounded_and_refuses_when_it_is_full() {
    let world = World::new();
    let used = &world.receiver.inner.used;
    for number in 0..crate::signals::used::Used::CAPACITY {
        let now = (world.now(), crate::clock::Clock::monotonic(&world.clock));
        let leeway = crate::signals::LEEWAY;
        let exp = world.now() + chrono::TimeDelta::seconds(300);
        used.record(&format!("filled {number}"), exp, leeway, now).unwrap();
    }
    let sent = logout(&jwt(&header(), &claims("1")));
    world.refuses("full", sent, ("universal_logout", "memory_full", 503)).await;
    let known = logout(&jwt(&header(), &claims("filled 0")));
    world.refuses("still known", known, ("universal_logout", "replayed", 401)).await;
    world.clock.advance(Duration::from_secs(361));
    let later = with(claims("1"), json!({"iat": NOW + 361, "exp": NOW + 661}));
    assert_eq!(world.send(logout(&jwt(&header(), &later))).await.status().as_u16(), 204);
    assert_eq!(used.len(), 1);
}

/// An org whose keys can be fetched, if it answers.
async fn server(answers: Arc<AtomicBool>) -> (Peer, Jwks, crate::clock::ManualClock) {
    let clock = crate::clock::ManualClock::new(World::new().now());
    let keys = published();
    let good = reply_with(200, &[("content-type", "application/json")], &keys);
    let peer = Peer::by(move || match answers.load(Ordering::SeqCst) {
        true => Act::Write(good.clone()),
        false => Act::ResetAtOnce,
    });
    let peer = peer.await;
    let issuer = Issuer::parse(&peer.issuer()).unwrap();
    let address = EndpointUrl::parse(&format!("{}/keys", peer.issuer())).unwrap();
    let jwks = Jwks::builder(issuer).address(address).clock(clock.clone()).build().unwrap();
    (peer, jwks, clock)
}

#[test_support::test]
async fn a_flood_of_unknown_keys_costs_one_fetch_and_of_other_issuers_none() {
    let (peer, jwks, _) = server(Arc::new(AtomicBool::new(true))).await;
    let world = World::of(|builder| builder, &jwks);
    for number in 0..1000 {
        // A signature of anything: there is no key to check it with.
        let other = with(claims("1"), json!({"iss": format!("https://evil{number}.okta.com")}));
        let forged = jwt(&header(), &other);
        assert_eq!(world.send(logout(&forged)).await.status().as_u16(), 401);
    }
    assert_eq!(jwks.status().fetches, 0);
    for number in 0..1000 {
        let kid = with(header(), json!({"kid": format!("evil{number}")}));
        assert_eq!(world.send(logout(&jwt(&kid, &claims("1")))).await.status().as_u16(), 401);
    }
    assert_eq!((jwks.status().fetches, peer.requests().len()), (1, 1));
    assert_eq!((world.refused("universal_logout", "signature"), world.applied()), (1000, vec![]));
    assert_eq!(world.send(logout(&jwt(&header(), &claims("1")))).await.status().as_u16(), 204);
    assert_eq!(jwks.status().fetches, 1);
}

#[test_support::test]
async fn while_the_keys_cannot_be_fetched_it_is_not_known_who_sends() {
    let answers = Arc::new(AtomicBool::new(false));
    let (_peer, jwks, clock) = server(Arc::clone(&answers)).await;
    let world = World::of(|builder| builder, &jwks);
    let sent = logout(&jwt(&header(), &claims("1")));
    world.refuses("no keys", sent, ("universal_logout", "keys_unknown", 503)).await;
    let again = world.send(logout(&jwt(&header(), &claims("1")))).await;
    assert_eq!(again.headers()["retry-after"], "5");
    answers.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(60));
    // It was not used up.
    assert_eq!(world.send(logout(&jwt(&header(), &claims("1")))).await.status().as_u16(), 204);
}

#[test_support::test]
async fn strangers_have_a_share_and_those_that_are_known_are_heard_beside_them() {
    let world = World::new();
    let head = [("content-type", "application/secevent+jwt")];
    let hanging = || request("POST", "/signals", &head, Sent::text("eyJ").saying(100).hanging());
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut receiver = world.receiver.clone();
        let mut future = receiver.call(hanging());
        assert!(futures_poll(&mut future).is_none());
        waiting.push(future);
    }
    let response = world.send(hanging()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    assert_eq!(world.refused("security_event", "busy"), 1);
    // The signature of a logout is a stranger's too; a hook is known by its head.
    let sent = logout(&signed(&KEYS[0], &header(), &claims("1")));
    world.refuses("busy", sent, ("universal_logout", "busy", 503)).await;
    assert_eq!(world.send(hook(HOOK_SECRET, "e1")).await.status().as_u16(), 204);
    drop(waiting);
    assert_eq!(world.send(logout(&jwt(&header(), &claims("1")))).await.status().as_u16(), 204);
}

/// Polls once.
fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

#[test_support::test]
async fn a_receiver_in_the_place_of_another_knows_what_that_one_knew() {
    let world = World::new();
    let sent = || logout(&jwt(&header(), &claims("1")));
    assert_eq!(world.send(sent()).await.status().as_u16(), 204);
    let later = World::of(|builder| builder.after(&world.receiver), &fixed_keys());
    later.refuses("used before", sent(), ("universal_logout", "replayed", 401)).await;
    assert_eq!(later.receiver.metrics().accepted["universal_logout"], 1);
    // Also by way of one that does not receive such requests.
    let hook = crate::signals::EventHook::new(&crate::secret::Secret::new(HOOK_SECRET)).unwrap();
    let between = SignalReceiver::builder(Feed::new([])).event_hook(hook).after(&world.receiver);
    let between = between.build().unwrap();
    let last = World::of(|builder| builder.after(&between), &fixed_keys());
    last.refuses("used long before", sent(), ("universal_logout", "replayed", 401)).await;
}

#[test_support::test]
async fn what_is_not_configured_is_not_received() {
    let hook = crate::signals::EventHook::new(&crate::secret::Secret::new(HOOK_SECRET)).unwrap();
    let receiver = SignalReceiver::builder(Feed::new([])).event_hook(hook).build().unwrap();
    let head = [("content-type", "application/secevent+jwt")];
    let event = request("POST", "/signals", &head, Sent::text("x"));
    assert_eq!(receiver.receive(event).await.status().as_u16(), 415);
    let sent = logout(&jwt(&header(), &claims("1")));
    assert_eq!(receiver.receive(sent).await.status().as_u16(), 401);
    let sources: Vec<_> = receiver.metrics().accepted.into_keys().collect();
    assert_eq!(sources, ["event_hook"]);
}
