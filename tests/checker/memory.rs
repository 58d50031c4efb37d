//! What is kept of each token, and what a yes from memory costs beside its time.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::hint::black_box;

use allocation_counter::measure;
use okta_introspect::checker::{Answered, Checker, CheckerConfig, SendTime, Upstream};
use okta_introspect::{BoxFuture, Clock, Error, Issuer, Requirement, SystemClock, Token};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::script::authorized;

const ISSUER: &str = "https://acme.okta.com/oauth2/default";

/// An authorization server with a user for each token, whose name it is.
#[derive(Debug)]
struct Users {
    issuer: Issuer,
    /// What it says beside what Okta always says.
    custom: Value,
}

impl Users {
    fn answer(&self, name: &str) -> Value {
        let mut answer = json!({
            "active": true, "scope": "openid orders.read orders.write", "iss": ISSUER,
            "aud": "api://default", "client_id": "0oa1b2c3d4e5f6g7h8i9", "token_type": "Bearer",
            "jti": format!("AT.{name:x>43}"), "uid": format!("00u{name:x>17}"),
            "sub": format!("{name}@acme.example"), "username": format!("{name}@acme.example"),
            "iat": 1_795_211_259, "nbf": 1_795_211_259, "exp": 4_000_000_000_i64,
        });
        for (name, value) in self.custom.as_object().unwrap() {
            answer[name] = value.clone();
        }
        answer
    }
}

impl Upstream for Users {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let introspection = serde_json::from_value(self.answer(token.expose())).unwrap();
            let sent = send_time.record(SystemClock.monotonic());
            Ok(Answered { introspection, sent })
        })
    }
}

fn checker(capacity: usize, custom: Value) -> Checker {
    let mut config = CheckerConfig::default();
    (config.capacity, config.inactive_capacity) = (capacity, 1);
    let users = Users { issuer: Issuer::parse(ISSUER).unwrap(), custom };
    Checker::builder(users).config(config).build().unwrap()
}

/// What is counted is this thread's.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// How many bytes of the heap an entry takes, its share of the pool included.
fn bytes_each(custom: &Value) -> f64 {
    const TOKENS: usize = 2000;
    let (runtime, requirement, mut kept) = (runtime(), Requirement::new(), None);
    let live = measure(|| {
        let checker = checker(TOKENS, custom.clone());
        runtime.block_on(async {
            for number in 0..TOKENS {
                // Bound tokens are denied without a proof, and kept all the same.
                assert!(checker.check(&*format!("user-{number:05}"), &requirement).await.is_ok());
            }
        });
        kept = Some(checker);
    });
    live.bytes_current as f64 / kept.unwrap().metrics().active_entries as f64
}

#[test]
fn an_entry_is_small_with_members_of_the_servers_own_and_without() {
    for (what, custom, most) in [
        ("what Okta always says", json!({}), 280.0),
        ("two texts more", json!({"email": "ada@acme.example", "tenant": "acme"}), 300.0),
        ("groups", json!({"groups": ["Everyone"]}), 440.0),
        ("a binding", json!({"cnf": {"jkt": "x".repeat(43)}, "token_type": "DPoP"}), 330.0),
    ] {
        let each = bytes_each(&custom);
        println!("an entry with {what}: {each:.0} bytes");
        assert!(each <= most, "{what}: {each}");
    }
}

#[test]
fn a_yes_from_memory_allocates_nothing_until_the_whole_answer_is_asked_for() {
    let (checker, runtime) = (checker(10, json!({"groups": ["Everyone"]})), runtime());
    let requirement = Requirement::new()
        .scope("orders.read")
        .any_scope(["orders.admin", "orders.write"])
        .audience("api://default")
        .client_id("0oa1b2c3d4e5f6g7h8i9")
        .issuer(Issuer::parse(ISSUER).unwrap())
        .user();
    runtime.block_on(async { authorized(checker.check("ada", &requirement).await) });
    let mut caller = None;
    let hit = measure(|| {
        let authorized = authorized(checker.try_check("ada", &requirement).unwrap());
        black_box((authorized.sub(), authorized.uid(), authorized.username(), authorized.scope()));
        black_box((authorized.client_id(), authorized.iss(), authorized.expires_at()));
        black_box(authorized.clone());
        caller = Some(authorized);
    });
    assert_eq!(hit.count_total, 0);
    let caller = caller.unwrap();
    assert_eq!(caller.username(), Some("ada@acme.example"));
    let first = measure(|| assert_eq!(caller.introspection().extra["groups"][0], "Everyone"));
    assert!(first.count_total > 0);
    let again = measure(|| assert!(black_box(&caller).introspection().active));
    assert_eq!(again.count_total, 0);
    let clone = caller.clone();
    let of_clone = measure(|| assert!(black_box(&clone).introspection().active));
    assert_eq!(of_clone.count_total, 0, "later clones share it");
}
