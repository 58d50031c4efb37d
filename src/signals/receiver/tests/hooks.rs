//! Event hooks and EventBridge: senders that are known by a secret.

use http::Request;
use serde_json::{Value, json};

use super::world::{
    BRIDGE_HEADER, BRIDGE_SECRET, HOOK_SECRET, Sent, World, post, request, suspended, with,
};
use crate::error::ErrorKind;
use crate::secret::Secret;
use crate::signals::{Applied, EventBridge, EventHook, SignalReceiver, Subject};

const HOOK: (&str, &str) = ("authorization", HOOK_SECRET);
const BRIDGE: (&str, &str) = (BRIDGE_HEADER, BRIDGE_SECRET);

fn envelope(events: &[Value]) -> Value {
    json!({
        "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1", "contentType": "application/json",
        "source": "https://acme.okta.com/api/v1/eventHooks/who1",
        "eventId": "e0", "eventTime": "2023-11-14T22:13:20.000Z",
        "data": {"events": events},
    })
}

fn bridged(event: &Value) -> Value {
    json!({
        "version": "0", "id": "1", "account": "1234", "region": "eu-west-1", "resources": [],
        "time": "2023-11-14T22:13:20Z", "detail-type": "SystemLog",
        "source": "aws.partner/okta.com/acme/log", "detail": event,
    })
}

fn hook(body: &Value) -> Request<Sent> {
    post(&[HOOK], Sent::text(body.to_string()))
}

fn bridge(body: &Value) -> Request<Sent> {
    post(&[BRIDGE], Sent::text(body.to_string()))
}

fn user(id: &str) -> Vec<Subject> {
    vec![Subject::User { id: Some(id.to_owned()), logins: Vec::new() }]
}

#[test_support::test]
async fn all_events_of_a_hook_are_applied_once_however_often_they_come() {
    let world = World::new();
    let body = envelope(&[suspended("e1", "00u1"), suspended("e2", "00u2")]);
    for what in [Applied::New, Applied::Repeated] {
        let response = world.send(hook(&body)).await;
        assert_eq!((response.status().as_u16(), response.body().as_str()), (204, ""));
        assert_eq!(world.applied(), [(user("00u1"), what), (user("00u2"), what)]);
    }
    // Of these nothing follows.
    let failed = with(suspended("e3", "00u1"), json!({"outcome": {"result": "FAILURE"}}));
    let other = with(suspended("e4", "00u1"), json!({"eventType": "user.session.start"}));
    for body in [envelope(&[]), envelope(&[failed, other])] {
        assert_eq!(world.send(hook(&body)).await.status().as_u16(), 204);
    }
    assert_eq!(world.applied(), []);
    assert_eq!(world.receiver.metrics().accepted["event_hook"], 4);
}

#[test_support::test]
async fn an_event_in_the_envelope_of_eventbridge_is_applied() {
    let world = World::new();
    let body = bridged(&suspended("e1", "00u1"));
    assert_eq!(world.send(bridge(&body)).await.status().as_u16(), 204);
    assert_eq!(world.applied(), [(user("00u1"), Applied::New)]);
    assert_eq!(world.feed.status()[0].source.as_str(), "event_bridge");
}

#[test_support::test]
async fn an_event_that_cannot_be_read_may_be_about_any_token() {
    let world = World::new();
    let body = envelope(&[json!("what?"), suspended("e1", "00u1")]);
    assert_eq!(world.send(hook(&body)).await.status().as_u16(), 204);
    let applied = world.applied();
    assert_eq!(applied[0].0, [Subject::Everything]);
    assert_eq!(applied[1].0, user("00u1"));
}

#[test_support::test]
async fn without_the_secret_nothing_is_read() {
    let world = World::new();
    let good = envelope(&[suspended("e1", "00u1")]).to_string();
    let wrong = HOOK_SECRET.replace('h', "H");
    let longer = format!("{HOOK_SECRET}x");
    for (name, headers, reason, status) in [
        ("no secret", vec![], "no_credentials", 401),
        ("another one", vec![("authorization", &*wrong)], "wrong_credentials", 401),
        ("a longer one", vec![("authorization", &*longer)], "wrong_credentials", 401),
        ("a part", vec![("authorization", &HOOK_SECRET[..20])], "wrong_credentials", 401),
        ("in another header", vec![("x-authorization", HOOK_SECRET)], "no_credentials", 401),
        ("the other's", vec![("authorization", BRIDGE_SECRET)], "wrong_credentials", 401),
        ("the hook's in the other's", vec![(BRIDGE_HEADER, HOOK_SECRET)], "wrong_credentials", 401),
        ("twice", vec![HOOK, HOOK], "several_credentials", 400),
        ("right and wrong", vec![HOOK, ("authorization", "x")], "several_credentials", 400),
        ("EventBridge's twice", vec![BRIDGE, BRIDGE], "several_credentials", 400),
        ("both senders'", vec![HOOK, BRIDGE], "several_credentials", 400),
    ] {
        let sent = post(&headers, Sent::text(&*good));
        let read = sent.body().counter();
        world.refuses(name, sent, ("unknown", reason, status)).await;
        assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0, "{name}: the body is read");
    }
    // None of them hides the right one.
    assert_eq!(world.send(post(&[HOOK], Sent::text(good))).await.status().as_u16(), 204);
    assert_eq!(world.applied().len(), 1);
}

#[test_support::test]
async fn envelopes_are_read_strictly() {
    let world = World::new();
    let (hooked, bridged) = (envelope(&[suspended("e", "00u1")]), bridged(&suspended("e", "00u1")));
    let deep = format!(r#"{{"eventType":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let text = hooked.to_string();
    for (name, body) in [
        ("nothing", String::new()),
        ("cut off", text[..text.len() - 1].to_owned()),
        ("something behind", format!("{text}{text}")),
        ("a list", format!("[{text}]")),
        ("nested", deep),
        ("no UTF-8", "{\"eventType\":\"\u{fffd}".to_owned()),
        ("other type", with(hooked.clone(), json!({"eventType": "com.evil"})).to_string()),
        ("no type", with(hooked.clone(), json!({"eventType": null})).to_string()),
        ("no data", with(hooked.clone(), json!({"data": null})).to_string()),
        ("no events", with(hooked.clone(), json!({"data": {}})).to_string()),
        ("one event", with(hooked.clone(), json!({"data": {"events": {}}})).to_string()),
        ("twice", text.replacen("\"eventId\"", "\"eventType\":\"x\",\"eventId\"", 1)),
        ("the other's", bridged.to_string()),
    ] {
        let sent = post(&[HOOK], Sent::text(body));
        world.refuses(name, sent, ("event_hook", "malformed", 400)).await;
    }
    for (name, change) in [
        ("another partner", json!({"source": "aws.partner/auth0.com/acme"})),
        ("almost Okta", json!({"source": "aws.partner/okta.community/acme"})),
        ("another service", json!({"source": "aws.s3"})),
        ("no source", json!({"source": null})),
        ("no detail", json!({"detail": null})),
        ("a list", json!({"detail": [suspended("e", "00u1")]})),
    ] {
        let sent = bridge(&with(bridged.clone(), change));
        world.refuses(name, sent, ("event_bridge", "malformed", 400)).await;
    }
    world.refuses("the hook's", bridge(&hooked), ("event_bridge", "malformed", 400)).await;
}

#[test_support::test]
async fn bodies_are_bounded() {
    let world = World::new();
    for (headers, source) in [([HOOK], "event_hook"), ([BRIDGE], "event_bridge")] {
        for sent in [Sent::chunks(160), Sent::chunks(160).saying(10 * 1024 * 1024)] {
            world.refuses("10 MB", post(&headers, sent), (source, "too_large", 413)).await;
        }
    }
    let filled = |len: usize| {
        let empty = envelope(&[]).to_string();
        post(&[HOOK], Sent::text(format!("{empty}{}", " ".repeat(len - empty.len()))))
    };
    let most = world.send(filled(SignalReceiver::MAX_BODY)).await;
    assert_eq!(most.status().as_u16(), 204);
    let more = filled(SignalReceiver::MAX_BODY + 1);
    world.refuses("one byte more", more, ("event_hook", "too_large", 413)).await;
}

#[test_support::test]
async fn a_challenge_is_echoed_as_json_and_nothing_else_is() {
    let world = World::new();
    let name = "x-okta-verification-challenge";
    let get =
        |headers: &[(&'static str, &str)]| request("GET", "/signals", headers, Sent::text(""));
    for challenge in ["abc-123_~", r#"<script>"\"#, &"x".repeat(512)] {
        for headers in [vec![(name, challenge)], vec![(name, challenge), HOOK]] {
            let response = world.send(get(&headers)).await;
            assert_eq!(response.status().as_u16(), 200);
            assert_eq!(response.headers()["content-type"], "application/json");
            let said: Value = serde_json::from_str(response.body()).unwrap();
            assert_eq!(said, json!({"verification": challenge}));
        }
    }
    let long = "x".repeat(513);
    for (what, headers, reason, status) in [
        ("no challenge", vec![], "challenge", 400),
        ("empty", vec![(name, "")], "challenge", 400),
        ("a blank", vec![(name, "a b")], "challenge", 400),
        ("beyond ASCII", vec![(name, "é")], "challenge", 400),
        ("long", vec![(name, &*long)], "challenge", 400),
        ("twice", vec![(name, "a"), (name, "a")], "challenge", 400),
        ("wrong secret", vec![(name, "a"), ("authorization", "x")], "wrong_credentials", 401),
        ("two secrets", vec![(name, "a"), HOOK, HOOK], "several_credentials", 400),
    ] {
        world.refuses(what, get(&headers), ("event_hook", reason, status)).await;
    }
    let head = request("HEAD", "/signals", &[(name, "a")], Sent::text(""));
    world.refuses("HEAD", head, ("unknown", "method", 405)).await;
}

#[test]
fn senders_that_cannot_be_told_apart_are_not_configured() {
    let secret = Secret::new(HOOK_SECRET);
    let build = |header: &str, other: &str| {
        World::new();
        let feed = crate::signals::Feed::new([]);
        let builder = SignalReceiver::builder(feed).event_hook(EventHook::new(&secret).unwrap());
        builder.event_bridge(EventBridge::new(header, &Secret::new(other)).unwrap()).build()
    };
    let error = build("Authorization", HOOK_SECRET).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!format!("{error} {}", error.advice()).contains(HOOK_SECRET));
    assert!(build("authorization", BRIDGE_SECRET).is_ok());
    assert!(build(BRIDGE_HEADER, HOOK_SECRET).is_ok());
    let nothing = SignalReceiver::builder(crate::signals::Feed::new([])).build();
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::Configuration);
    for path in ["", "signals", "/a?b", "/a b"] {
        let builder = SignalReceiver::builder(crate::signals::Feed::new([]));
        let builder = builder.event_hook(EventHook::new(&secret).unwrap()).path(path);
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Configuration, "{path:?}");
    }
}
