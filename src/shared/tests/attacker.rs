//! Somebody reads and writes the store, and does not have the secret.

use super::*;
use crate::support::random::Random;

#[test_support::test]
async fn a_yes_cannot_be_forged() {
    let (_, store) = clock_and_store();
    let (one, foreign) = (Instance::new(&store, 1), Instance::with(&store, 2, &[OTHER]));
    let name = one.name("tok1").active;
    let plain = serde_json::to_vec(&active("forged")).unwrap();
    one.put("known", &active("a")).await;
    let known = stolen(&store, &one.name("known").active).await;
    let mut dressed = foreign.shared.seal(&name, &plain);
    dressed[..5].copy_from_slice(&known[..5]);
    let forged =
        [plain, foreign.shared.seal(&name, b"{}"), dressed, Vec::new(), vec![0; MAX_VALUE]];
    for (at, value) in forged.iter().enumerate() {
        planted(&store, &name, value).await;
        assert!(one.look("tok1").await.is_none(), "{at}");
    }
    assert_eq!(one.looks("unreadable"), 5);
}

#[test_support::test]
async fn an_entry_cannot_be_moved() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    let value = stolen(&store, &one.name("tok1").active).await;
    let org = "https://acme.okta.com";
    let elsewhere = [
        one.name("dead"),
        one.name_at(org, "client2", "tok1"),
        one.name_at("https://acme.okta.com/oauth2/default", "client", "tok1"),
        one.name_at("https://other.okta.com", "client", "tok1"),
    ];
    for name in elsewhere {
        for place in [&name.active, &name.inactive] {
            planted(&store, place, &value).await;
            let found = one.shared.look(&one.clock, &name, LONG, |_| true).await;
            assert!(found.is_none(), "{place}");
        }
    }
    // Nor can a yes be put in place of the no about the same token.
    planted(&store, &one.name("tok1").inactive, &value).await;
    assert_eq!(one.looks("unreadable"), 8);
}

#[test_support::test]
async fn a_yes_that_was_sealed_where_a_no_belongs_does_not_count() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    let name = one.name("tok1");
    one.put("tok1", &active("a")).await;
    let plain = one.shared.open(&name.active, &stolen(&store, &name.active).await).unwrap();
    store.inner.flush();
    planted(&store, &name.inactive, &one.shared.seal(&name.inactive, &plain)).await;
    assert!(one.look("tok1").await.is_none());
    assert_eq!(one.looks("unreadable"), 1);
}

#[test_support::test]
async fn an_age_cannot_be_changed_and_is_told_however_long_an_entry_is_kept() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    let name = one.name("tok1").active;
    let value = stolen(&store, &name).await;
    clock.advance(HOUR);
    planted(&store, &name, &value).await;
    assert!(one.age("tok1").await.unwrap() >= HOUR);
    for bit in 0..value.len() * 8 {
        let mut other = value.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        planted(&store, &name, &other).await;
        assert!(one.look("tok1").await.is_none(), "{bit}");
    }
}

#[test_support::test]
async fn an_old_entry_that_is_brought_back_is_as_old_as_it_is() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    one.put("tok1", &active("a")).await;
    let name = one.name("tok1").active;
    let value = stolen(&store, &name).await;
    clock.advance(20 * SECOND);
    // It was revoked, and everybody has forgotten it.
    one.put("tok1", &inactive()).await;
    store.inner.flush();
    planted(&store, &name, &value).await;
    // The flush made a new scale; those that are on the old one still tell the age.
    assert!(one.age("tok1").await.unwrap() >= 20 * SECOND);
    assert!(other.look("tok1").await.is_none());
}

#[test_support::test]
async fn a_scale_that_was_left_cannot_be_brought_back() {
    let (clock, store) = clock_and_store();
    let (one, new) = (Instance::new(&store, 1), Instance::new(&store, 2));
    one.put("tok1", &active("a")).await;
    let name = one.name("tok1").active;
    let (value, old) = (
        stolen(&store, &name).await,
        one.shared.scale(&one.clock, &one.name("tok1").org, LONG).await,
    );
    let old = old.unwrap().id();
    // The clock was an hour ahead then.
    store.rig.off.fetch_sub(3_600_000_000, SeqCst);
    clock.advance(31 * SECOND);
    assert!(one.look("tok1").await.is_some());
    tokio::task::yield_now().await;
    assert_eq!(one.shared.metrics().scale_changes, 1);
    clock.advance(HOUR);
    planted(&store, &name, &value).await;
    *store.rig.scale.lock().unwrap() = Some(old);
    // One that knows it goes without the store.
    assert!(one.look("tok1").await.is_none());
    assert_eq!(one.looks("failed"), 1);
    // For one that does not the entry is as old as the time since then, but not by the wall.
    assert!(new.look("tok1").await.is_none());
    assert_eq!(new.looks("other_scale"), 1);
}

#[test_support::test]
async fn an_entry_from_the_future_is_none() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    assert!(other.look("tok1").await.is_none());
    let (name, ahead) = (one.name("tok1"), clock.monotonic() + SECOND);
    one.shared.put(&one.clock, &name, &active("a"), ahead, HOUR);
    tokio::task::yield_now().await;
    assert!(other.look("tok1").await.is_none());
    assert_eq!(other.looks("other_scale"), 1);
    clock.advance(SECOND);
    assert!(other.look("tok1").await.is_some());
}

/// What was put, so that what is found can be held against it.
struct Told {
    token: usize,
    answer: Introspection,
    asked_at: Instant,
}

/// One history: instances put and look, the clock is set, and an attacker keeps everything that was
/// ever there and puts it, or parts of it, wherever it likes.
async fn history(seed: u64) -> usize {
    let random = SeededRandom::new(seed);
    let below = |end: usize| (random.fraction() * end as f64) as usize;
    let (clock, store) = clock_and_store();
    let mut instances: Vec<_> = (1..4).map(|at| Instance::new(&store, seed * 100 + at)).collect();
    let tokens = ["token0", "token1", "token2"];
    let places: Vec<String> = tokens
        .iter()
        .map(|token| instances[0].name(token))
        .flat_map(|name| [name.active, name.inactive])
        .collect();
    let (mut told, mut kept, mut found): (Vec<Told>, Vec<Vec<u8>>, _) = (Vec::new(), Vec::new(), 0);
    for step in 0..80 {
        // Now and then one is restarted.
        let at = below(3);
        if below(12) == 0 {
            instances[at] = Instance::new(&store, seed * 100 + 10 + step);
        }
        let (instance, token) = (&instances[at], below(tokens.len()));
        match below(8) {
            0 | 1 => {
                let answer = if below(3) == 0 { inactive() } else { active(&format!("{step}")) };
                let asked_at = clock.monotonic();
                clock.advance(Duration::from_millis(below(300) as u64));
                let name = instance.name(tokens[token]);
                instance.shared.put(&instance.clock, &name, &answer, asked_at, HOUR);
                tokio::task::yield_now().await;
                told.push(Told { token, answer, asked_at });
            }
            2 => clock.advance(Duration::from_millis(below(40_000) as u64)),
            3 if below(4) == 0 => {
                let most = [7_200, 60][below(2)];
                let seconds = below(most) as i64 - most as i64 / 2;
                store.rig.off.fetch_add(seconds * 1_000_000, SeqCst);
            }
            4 | 5 => {
                for place in &places {
                    kept.extend(store.inner.get(&[place]).await.unwrap().into_iter().flatten());
                }
                for _ in 0..3 {
                    let Some(value) = kept.get(below(kept.len().max(1))) else { break };
                    let cut = if below(4) == 0 { below(value.len()) } else { value.len() };
                    planted(&store, &places[below(places.len())], &value[..cut]).await;
                }
            }
            _ => {
                store.rig.takes.store(below(10_000) as u64, SeqCst);
                let answer = instance.look(tokens[token]).await;
                store.rig.takes.store(0, SeqCst);
                let Some(answer) = answer else { continue };
                found += 1;
                // Put under this name, and asked for no earlier than is told.
                let is_true = |told: &Told| {
                    told.token == token
                        && told.answer == answer.introspection
                        && answer.asked_at <= told.asked_at
                };
                assert!(told.iter().any(is_true), "seed {seed}, step {step}: {answer:?}");
            }
        }
    }
    found
}

#[test_support::test]
async fn whatever_is_moved_replayed_or_cut_no_answer_is_found_that_was_not_put_there_or_seems_younger()
 {
    let mut found = 0;
    for seed in 0..300 {
        found += history(seed).await;
    }
    assert!(found > 300, "{found}");
}
