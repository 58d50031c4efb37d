//! Service tokens that are kept beyond the process: what is kept, found, used and replaced.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use okta_introspect::{
    BoxFuture, Client, Clock, DpopConfig, DpopMode, ManualClock, ResourceCall, Scopes, StoredToken,
    TokenSource, TokenStore,
};
use test_support::{Act, Peer, reply};

use crate::support::clock;

/// A store in memory for any number of clients.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<(Scopes, StoredToken)>>>);

impl Memory {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, it)| it.token.expose().to_owned()).collect()
    }
}

impl TokenStore for Memory {
    fn load<'a>(&'a self, scopes: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>> {
        let kept = self.0.lock().unwrap();
        let found = kept.iter().find(|(own, _)| own == scopes).map(|(_, token)| token.clone());
        Box::pin(async { found })
    }

    fn save<'a>(&'a self, scopes: &'a Scopes, token: StoredToken) -> BoxFuture<'a, ()> {
        let mut kept = self.0.lock().unwrap();
        kept.retain(|(own, _)| own != scopes);
        kept.push((scopes.clone(), token));
        Box::pin(async {})
    }
}

fn token(name: &str, more: &str) -> Act {
    let body = format!(r#"{{"access_token":"{name}","token_type":"Bearer"{more}}}"#);
    Act::Write(reply(200, "application/json", &body))
}

fn hour(name: &str) -> Act {
    token(name, r#","expires_in":3600,"scope":"a""#)
}

/// What another process would make: a client of its own with the same store.
fn process(peer: &Peer, clock: &ManualClock, store: &Memory) -> Client {
    crate::support::builder(&peer.issuer(), clock).token_store(store.clone()).build().unwrap()
}

async fn name(client: &Client, scopes: &str) -> String {
    let source = client.token_source(Scopes::parse(scopes).unwrap());
    source.token().await.unwrap().token().expose().to_owned()
}

#[test_support::test]
async fn another_process_uses_the_token_and_requests_none() {
    let peer = Peer::start([hour("t1"), hour("t2")]).await;
    let (clock, store) = (clock(), Memory::default());
    assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t1");
    clock.advance(Duration::from_secs(1_800));
    let later = process(&peer, &clock, &store);
    assert_eq!(name(&later, "a").await, "t1");
    let token = later.token_source(Scopes::parse("a").unwrap()).token().await.unwrap();
    assert_eq!(token.lifetime(), Some(Duration::from_secs(1_800)));
    assert!(token.scopes().unwrap().contains("a"));
    assert_eq!(peer.requests().len(), 1);
    // Other scopes, another token.
    assert_eq!(name(&later, "a b").await, "t2");
    assert_eq!(peer.requests().len(), 2);
}

#[test_support::test]
async fn a_stored_token_is_used_up_to_a_minute_before_its_end() {
    for (age, expected, requests) in
        [(3_539, "t1", 1), (3_540, "t1", 1), (3_541, "t2", 2), (3_700, "t2", 2)]
    {
        let peer = Peer::start(["t1", expected].into_iter().take(requests).map(hour)).await;
        let (clock, store) = (clock(), Memory::default());
        assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t1");
        clock.advance(Duration::from_secs(age));
        assert_eq!(name(&process(&peer, &clock, &store), "a").await, expected, "{age}");
        assert_eq!(store.names(), [expected], "{age}");
    }
}

#[test_support::test]
async fn the_end_of_a_stored_token_counts_from_its_request() {
    let peer = Peer::start([hour("t1")]).await;
    let (clock, store) = (clock(), Memory::default());
    name(&process(&peer, &clock, &store), "a").await;
    let (_, stored) = store.0.lock().unwrap()[0].clone();
    assert_eq!((stored.expires_at - clock.now()).num_seconds(), 3_600);
}

#[test_support::test]
async fn a_renewed_token_replaces_the_stored_one() {
    let peer = Peer::start([hour("t1"), hour("t2")]).await;
    let (clock, store) = (clock(), Memory::default());
    let client = process(&peer, &clock, &store);
    name(&client, "a").await;
    // Renewed in the background, while the old one is still good: the store has nothing better.
    clock.advance(Duration::from_secs(3_400));
    name(&client, "a").await;
    peer.received(2).await;
    while store.names() != ["t2"] {
        tokio::task::yield_now().await;
    }
}

#[test_support::test]
async fn a_stored_token_that_is_refused_is_replaced_once() {
    let refusal = Act::Write(reply(401, "application/json", r#"{"errorCode":"E0000011"}"#));
    let fine = Act::Write(reply(200, "application/json", "[]"));
    let peer = Peer::start([hour("t1"), refusal.clone(), hour("t2"), fine]).await;
    let (clock, store) = (clock(), Memory::default());
    name(&process(&peer, &clock, &store), "a").await;
    let resource = process(&peer, &clock, &store).resource(Scopes::parse("a").unwrap());
    resource.call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    let shown: Vec<_> = peer
        .requests()
        .iter()
        .filter_map(|it| it.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(shown, ["Bearer t1", "Bearer t2"]);
    assert_eq!(store.names(), ["t2"]);
}

#[test_support::test]
async fn what_does_not_say_how_long_it_lives_is_not_kept() {
    let peer = Peer::start([token("t1", ""), token("t2", "")]).await;
    let (clock, store) = (clock(), Memory::default());
    assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t1");
    assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t2");
    assert_eq!(store.names(), Vec::<String>::new());
}

#[test_support::test]
async fn a_bound_token_is_not_kept_and_a_plain_one_is_no_use_where_tokens_must_be_bound() {
    let bound = r#"{"access_token":"t2","token_type":"DPoP","expires_in":3600}"#;
    let bound = Act::Write(reply(200, "application/json", bound));
    let peer = Peer::start([hour("t1"), bound]).await;
    let (clock, store) = (clock(), Memory::default());
    assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t1");
    let client = crate::support::builder(&peer.issuer(), &clock)
        .dpop(DpopConfig::new(DpopMode::Always))
        .token_store(store.clone());
    assert_eq!(name(&client.build().unwrap(), "a").await, "t2");
    assert_eq!(store.names(), ["t1"]);
}

#[test_support::test]
async fn a_token_that_is_bound_because_the_server_demands_it_is_not_kept() {
    let demand = r#"{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}"#;
    let bound = r#"{"access_token":"t1","token_type":"DPoP","expires_in":3600}"#;
    let act = |status, body| Act::Write(reply(status, "application/json", body));
    let peer = Peer::start([act(400, demand), act(200, bound)]).await;
    let (clock, store) = (clock(), Memory::default());
    assert_eq!(name(&process(&peer, &clock, &store), "a").await, "t1");
    assert_eq!(store.names(), Vec::<String>::new());
}
