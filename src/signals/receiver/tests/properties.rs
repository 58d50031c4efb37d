//! Whatever is sent: it is answered, nothing panics, and without credentials nothing happens.

use serde_json::json;

use super::world::{HOOK_SECRET, NOW, ORG, Sent, World, jwt, post, request, suspended};
use crate::signals::subject;
use crate::signals::{EventBridge, EventHook};
use crate::support::random::{Random, SeededRandom};

/// Texts that were right, with some of their bytes changed, doubled or taken away.
fn mutated(text: &str, random: &SeededRandom) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let pick = |bound: usize| (random.fraction() * bound as f64) as usize;
    for _ in 0..=pick(4) {
        if bytes.is_empty() {
            break;
        }
        let at = pick(bytes.len());
        match pick(4) {
            0 => bytes[at] = pick(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"{}[],:\"\\.0ne"[pick(12)]),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn no_body_makes_a_reader_panic() {
    let random = SeededRandom::new(7);
    let events = [suspended("e1", "00u1")];
    let hook = json!({"eventType": "com.okta.event_hook", "data": {"events": events}}).to_string();
    let bridge = json!({"source": "aws.partner/okta.com/a", "detail": events[0]}).to_string();
    let user = json!({"format": "iss_sub", "iss": ORG, "sub": "00u1"}).to_string();
    let (mut read, rounds) = (0, 20_000);
    for _ in 0..rounds {
        read += usize::from(EventHook::read(&mutated(&hook, &random)).is_ok());
        let _ = EventBridge::read(&mutated(&bridge, &random));
        let _ = EventHook::challenge(&mutated("challenge", &random));
        if let Ok(identifier) = serde_json::from_slice(&mutated(&user, &random)) {
            let _ = subject::user(&identifier);
        }
    }
    assert!((1..rounds).contains(&read), "{read} of {rounds}");
}

#[test_support::test]
async fn no_request_without_credentials_does_anything() {
    let (world, random) = (World::new(), SeededRandom::new(8));
    let header = json!({"alg": "RS256", "kid": "k1", "typ": "secevent+jwt"});
    let token = jwt(&header, &json!({"jti": "1", "iss": ORG, "iat": NOW}));
    let bearer = format!("Bearer {token}");
    for _ in 0..2_000 {
        let Ok(body) = String::from_utf8(mutated(&token, &random)) else { continue };
        let head = [("content-type", "application/secevent+jwt")];
        let event = world.send(request("POST", "/signals", &head, Sent::text(body))).await;
        assert_eq!(event.status().as_u16(), 400);
        let value = mutated(&bearer, &random);
        let Ok(value) = http::HeaderValue::from_bytes(&value) else { continue };
        let mut sent = post(&[], Sent::text("{}"));
        sent.headers_mut().insert("authorization", value);
        assert_eq!(world.send(sent).await.status().as_u16(), 401);
        let secret = mutated(HOOK_SECRET, &random);
        let Ok(value) = http::HeaderValue::from_bytes(&secret) else { continue };
        if value != HOOK_SECRET {
            let mut sent = post(&[], Sent::text("{}"));
            sent.headers_mut().insert("authorization", value);
            assert_eq!(world.send(sent).await.status().as_u16(), 401);
        }
    }
    assert_eq!(world.applied(), []);
}
