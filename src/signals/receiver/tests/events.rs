//! Security event tokens.

use http::Request;
use serde_json::{Value, json};

use super::world::{
    AUDIENCE, ENDPOINT, HOOK_SECRET, KEYS, NOW, ORG, Sent, World, encode, fixed_keys, jwt, login,
    request, signed, user, with,
};
use crate::issuer::Issuer;
use crate::secret::Secret;
use crate::signals::{Applied, SecurityEvents};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1", "typ": "secevent+jwt"})
}

fn revoked() -> Value {
    let user = json!({"format": "iss_sub", "iss": ORG, "sub": "00u1"});
    json!({"subject": {"user": user}, "event_timestamp": NOW * 1000})
}

/// As Okta sends it.
fn claims(jti: &str) -> Value {
    json!({
        "jti": jti, "iss": ORG, "aud": AUDIENCE, "iat": NOW,
        "events": {SESSION_REVOKED: revoked()},
    })
}

fn post(headers: &[(&'static str, &str)], body: impl Into<String>) -> Request<Sent> {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/secevent+jwt"));
    request("POST", "/signals", &headers, Sent::text(body))
}

fn event(claims: &Value) -> Request<Sent> {
    post(&[], jwt(&header(), claims))
}

/// The code of the answer, after what `refuses` looks at.
async fn refused(world: &World, name: &str, sent: Request<Sent>, reason: &'static str, code: &str) {
    let (parts, body) = sent.into_parts();
    let counter = body.counter();
    let response = world.send(Request::from_parts(parts, body)).await;
    assert_eq!(response.status().as_u16(), 400, "{name}");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["content-language"], "en");
    let said: Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(said["err"], code, "{name}: {said}");
    assert!(said["description"].as_str().is_some_and(|text| !text.contains("evil")), "{said}");
    assert_eq!(world.refused("security_event", reason), 1, "{name}");
    assert_eq!(world.applied(), [], "{name}");
    assert!(counter.load(std::sync::atomic::Ordering::SeqCst) <= 64 * 1024);
}

#[test_support::test]
async fn a_user_is_named_in_the_event_or_in_the_token_and_applied_once() {
    let iss_sub = json!({"format": "iss_sub", "iss": ORG, "sub": "00u1"});
    let email = json!({"format": "email", "email": "ada@acme.example"});
    let complex =
        json!({"format": "complex", "user": email, "tenant": {"format": "opaque", "id": "t"}});
    let credential = SESSION_REVOKED.replace("session-revoked", "credential-change");
    let of =
        |events: Value, whole: Value| with(claims("1"), json!({"events": events, "sub_id": whole}));
    for (name, claims, named) in [
        ("as Okta", claims("1"), vec![user("00u1")]),
        ("simple", of(json!({credential: {"subject": iss_sub}}), Value::Null), vec![user("00u1")]),
        (
            "standard",
            of(json!({SESSION_REVOKED: {}}), email.clone()),
            vec![login("ada@acme.example")],
        ),
        ("complex", of(json!({SESSION_REVOKED: {}}), complex), vec![login("ada@acme.example")]),
        (
            "both",
            of(json!({SESSION_REVOKED: {"subject": email}}), iss_sub.clone()),
            vec![login("ada@acme.example"), user("00u1")],
        ),
        (
            "seconds, and others",
            with(
                claims("1"),
                json!({"aud": ["https://other", AUDIENCE],
                "events": {SESSION_REVOKED: with(revoked(), json!({"event_timestamp": NOW}))}}),
            ),
            vec![user("00u1")],
        ),
    ] {
        let world = World::new();
        let token = jwt(&header(), &claims);
        for what in [Applied::New, Applied::Repeated] {
            let response = world.send(post(&[], &*token)).await;
            assert_eq!((response.status().as_u16(), response.body().as_str()), (202, ""), "{name}");
            assert_eq!(world.applied(), [(named.clone(), what)], "{name}");
        }
        let lag = world.feed.status()[0].lag;
        assert_eq!(lag, Some(std::time::Duration::ZERO), "{name}");
    }
}

#[test_support::test]
async fn what_means_nothing_here_is_acknowledged() {
    let world = World::new();
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let stream = json!({"format": "opaque", "id": "esc1"});
    for events in [
        json!({verification: {"state": "evil"}}),
        json!({verification: {}}),
        json!({"https://evil.example/event": {"subject": 1}}),
    ] {
        let claims = with(
            claims(&events.to_string().len().to_string()),
            json!({"events": events, "sub_id": stream}),
        );
        let response = world.send(event(&claims)).await;
        assert_eq!((response.status().as_u16(), response.body().as_str()), (202, ""));
        assert_eq!(world.applied(), [(vec![], Applied::New)]);
    }
    let counted = &world.feed.status()[0].events;
    assert_eq!((counted["verification"], counted["unknown"]), (2, 1));
}

#[test_support::test]
async fn a_token_that_is_not_an_event_of_ours_is_refused_with_its_code() {
    let of = |change: Value| jwt(&header(), &with(claims("1"), change));
    let headed = |change: Value| jwt(&with(header(), change), &claims("1"));
    let events = |events: Value| of(json!({ "events": events }));
    let unsigned = format!(
        "{}.{}.",
        encode(with(header(), json!({"alg": "none"})).to_string()),
        encode(claims("1").to_string())
    );
    let right = jwt(&header(), &claims("1"));
    let many: serde_json::Map<_, _> =
        (0..17).map(|n| (format!("https://evil.example/{n}"), json!({}))).collect();
    let subject = |subject: Value| events(json!({SESSION_REVOKED: {"subject": subject}}));
    for (name, token, reason, code) in [
        ("none", unsigned, "signature", "invalid_key"),
        ("HS256", headed(json!({"alg": "HS256"})), "signature", "invalid_key"),
        ("other key", signed(&KEYS[1], &header(), &claims("1")), "signature", "invalid_key"),
        ("unknown key", headed(json!({"kid": "evil"})), "signature", "invalid_key"),
        ("own keys", headed(json!({"jku": "https://evil"})), "signature", "invalid_key"),
        ("no typ", headed(json!({"typ": null})), "jwt_type", "invalid_request"),
        ("access token", headed(json!({"typ": "at+jwt"})), "jwt_type", "invalid_request"),
        (
            "logout",
            headed(json!({"typ": "global-token-revocation+jwt"})),
            "jwt_type",
            "invalid_request",
        ),
        ("other issuer", of(json!({"iss": "https://evil.okta.com"})), "issuer", "invalid_issuer"),
        ("other audience", of(json!({"aud": "https://evil"})), "audience", "invalid_audience"),
        ("the endpoint", of(json!({"aud": ENDPOINT})), "audience", "invalid_audience"),
        ("with an end", of(json!({"exp": NOW + 300})), "malformed_jwt", "invalid_request"),
        ("no id", of(json!({"jti": null})), "malformed_jwt", "invalid_request"),
        ("empty id", of(json!({"jti": ""})), "malformed_jwt", "invalid_request"),
        ("long id", of(json!({"jti": "x".repeat(257)})), "malformed_jwt", "invalid_request"),
        ("no time", of(json!({"iat": null})), "malformed_jwt", "invalid_request"),
        ("future", of(json!({"iat": NOW + 61})), "time", "invalid_request"),
        ("old", of(json!({"iat": NOW - 24 * 3600 - 60})), "time", "invalid_request"),
        ("milliseconds", of(json!({"iat": NOW * 1000})), "time", "invalid_request"),
        ("no events", of(json!({"events": null})), "malformed", "invalid_request"),
        ("a list", events(json!([SESSION_REVOKED])), "malformed", "invalid_request"),
        ("none of them", events(json!({})), "malformed", "invalid_request"),
        ("many", events(Value::Object(many)), "malformed", "invalid_request"),
        ("text", events(json!({SESSION_REVOKED: "evil"})), "malformed", "invalid_request"),
        ("nobody", events(json!({SESSION_REVOKED: {}})), "malformed", "invalid_request"),
        ("no format", subject(json!({"sub": "00u1"})), "malformed", "invalid_request"),
        ("no name", subject(json!({"format": "email"})), "malformed", "invalid_request"),
        (
            "phone",
            subject(json!({"format": "phone_number", "phone_number": "1"})),
            "subject_format",
            "invalid_request",
        ),
        ("nothing", String::new(), "malformed_jwt", "invalid_request"),
        ("no JWT", "evil".to_owned(), "malformed_jwt", "invalid_request"),
        ("JSON", claims("1").to_string(), "malformed_jwt", "invalid_request"),
        ("cut off", right[..right.len() / 2].to_owned(), "malformed_jwt", "invalid_request"),
        ("huge", "x".repeat(16 * 1024), "malformed_jwt", "invalid_request"),
    ] {
        let world = World::new();
        refused(&world, name, post(&[], token), reason, code).await;
    }
}

#[test_support::test]
async fn a_day_is_the_most_that_an_event_may_be_late() {
    let world = World::new();
    let claims = with(claims("1"), json!({"iat": NOW - 24 * 3600 - 59}));
    assert_eq!(world.send(event(&claims)).await.status().as_u16(), 202);
    assert_eq!(world.applied().len(), 1);
}

#[test_support::test]
async fn the_longest_body_of_a_stranger_is_that_of_a_token() {
    let world = World::new();
    for body in [Sent::chunks(160), Sent::chunks(160).saying(10 * 1024 * 1024), Sent::chunks(1)] {
        let head = [("content-type", "application/secevent+jwt")];
        let sent = request("POST", "/signals", &head, body);
        world.refuses("10 MB", sent, ("security_event", "too_large", 413)).await;
    }
}

#[test_support::test]
async fn where_a_secret_was_agreed_nothing_is_read_without_it() {
    let org = Issuer::parse(ORG).unwrap();
    let events = SecurityEvents::new(org, AUDIENCE).unwrap().keys(fixed_keys());
    let events = events.authorization(&Secret::new(HOOK_SECRET)).unwrap();
    let token = jwt(&header(), &claims("1"));
    let right = ("authorization", HOOK_SECRET);
    for (name, headers, reason, code) in [
        ("none", vec![], "no_credentials", "authentication_failed"),
        ("wrong", vec![("authorization", "evil")], "wrong_credentials", "authentication_failed"),
        ("twice", vec![right, right], "several_credentials", "invalid_request"),
    ] {
        let world = World::of(|builder| builder.security_events(events.clone()), &fixed_keys());
        let sent = post(&headers, &*token);
        let read = sent.body().counter();
        refused(&world, name, sent, reason, code).await;
        assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0, "{name}");
    }
    let world = World::of(|builder| builder.security_events(events.clone()), &fixed_keys());
    assert_eq!(world.send(post(&[right], token)).await.status().as_u16(), 202);
    assert_eq!(world.applied().len(), 1);
}
