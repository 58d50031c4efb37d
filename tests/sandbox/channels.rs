//! What the org tells others by itself: Universal Logout, security event tokens, event hooks and
//! EventBridge, as receivers meet them.

use std::time::Duration;

use okta_introspect::sandbox::{
    AppStatus, Channel, ChannelFaults, DeliveryOutcome, EventDraft, Grant, LogoutSubject,
    Subscription, TokensOf, UserStatus,
};
use serde_json::{Value, json};
use test_support::{Act, Peer, Recorded, reply};

use crate::org::{CLIENT, NOW, Org, USER, decode};
use crate::tokens::verifies;

const SECRET: &str = "s3cret";

/// A receiver that answers so to everything.
async fn receiver(status: u16) -> Peer {
    Peer::answering(move |_| reply(status, "text/plain", "")).await
}

/// A receiver that passes verification and then answers with this status.
async fn hook_receiver(status: u16) -> Peer {
    Peer::answering(move |request| match request.header("x-okta-verification-challenge") {
        Some(challenge) => {
            reply(200, "application/json", &json!({"verification": challenge}).to_string())
        }
        None => reply(status, "text/plain", ""),
    })
    .await
}

fn url(peer: &Peer) -> String {
    format!("{}/signals?x=1", peer.issuer())
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).unwrap_or_else(|_| panic!("not JSON: {}", request.body))
}

/// Header and claims of a JWT that one of the published keys of the org signed.
async fn verified(org: &Org, token: &str) -> (Value, Value) {
    let keys = org.get("/oauth2/v1/keys").await.json();
    let (header, claims) = decode(token);
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    assert!(verifies(token, key.expect("it is published")));
    (header, claims)
}

fn outcomes(subscription: &Subscription) -> Vec<DeliveryOutcome> {
    subscription.deliveries().iter().map(|delivery| delivery.outcome()).collect()
}

#[test_support::test]
async fn universal_logout_names_the_user_and_is_signed_by_the_org() {
    let org = Org::start().await;
    let peer = receiver(204).await;
    let url = url(&peer);
    let channel = Channel::universal_logout(&url, CLIENT).header("authorization", SECRET);
    let by_id = org.sandbox.subscribe(channel.clone()).unwrap();
    let by_email = org.sandbox.subscribe(channel.naming(LogoutSubject::Email)).unwrap();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    assert_eq!(org.sandbox.universal_logout(USER).unwrap(), 1);
    assert_eq!(
        org.introspect("/oauth2/v1/introspect", token.expose()).await.text,
        r#"{"active":false}"#
    );
    by_id.settled().await;
    by_email.settled().await;
    let issuer = org.url("");
    let mut subjects = Vec::new();
    for request in peer.requests() {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/signals?x=1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
        let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        let (header, claims) = verified(&org, token).await;
        assert_eq!(
            (&header["typ"], &header["alg"]),
            (&json!("global-token-revocation+jwt"), &json!("RS256"))
        );
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(issuer), &json!(CLIENT)));
        assert_eq!((&claims["aud"], &claims["iat"]), (&json!(url), &json!(NOW)));
        assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(NOW - 300), &json!(NOW + 300)));
        subjects.push(body(&request)["sub_id"].clone());
    }
    subjects.sort_by_key(|subject| subject["format"].to_string());
    assert_eq!(
        subjects,
        [
            json!({"format": "email", "email": "ada@example.test"}),
            json!({"format": "iss_sub", "iss": issuer, "sub": USER}),
        ]
    );
    assert_eq!(outcomes(&by_id), [DeliveryOutcome::Answered(204)]);
    let [sent, _] = [by_id.deliveries().remove(0), by_email.deliveries().remove(0)];
    assert_eq!(sent.event_type(), "user.authentication.universal_logout");
    assert_eq!(sent.event_id(), org.sandbox.log()[0].uuid);
    assert!(
        sent.authorization().unwrap().starts_with("Bearer ey")
            && !format!("{sent:?}").contains("ey")
    );
    assert!(!format!("{by_id:?}").contains(SECRET));
}

#[test_support::test]
async fn security_event_tokens_tell_of_sessions_and_credentials() {
    let org = Org::start().await;
    let peer = receiver(202).await;
    let channel = Channel::security_events(url(&peer), "https://receiver.example");
    let stream = org.sandbox.subscribe(channel.header("authorization", SECRET)).unwrap();
    org.sandbox.end_session(USER).unwrap();
    org.sandbox.change_password(USER).unwrap();
    org.sandbox.reset_factors(USER).unwrap();
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap(); // Okta has no SET for it
    stream.settled().await;
    let kind = |name: &str| format!("https://schemas.openid.net/secevent/caep/event-type/{name}");
    let subject = json!({"format": "iss_sub", "iss": org.url(""), "sub": USER});
    let mut told = Vec::new();
    for request in peer.requests() {
        assert_eq!(request.header("content-type"), Some("application/secevent+jwt"));
        assert_eq!(request.header("authorization"), Some(SECRET));
        let (header, claims) = verified(&org, &request.body).await;
        assert_eq!(header["typ"], "secevent+jwt");
        assert_eq!((&claims["iss"], &claims["iat"]), (&json!(org.url("")), &json!(NOW)));
        assert_eq!(
            (&claims["aud"], &claims["exp"]),
            (&json!("https://receiver.example"), &Value::Null)
        );
        assert!(claims["jti"].as_str().unwrap().starts_with("set-"));
        let events = claims["events"].as_object().unwrap();
        let (kind, event) = events.iter().next().unwrap();
        assert_eq!((events.len(), &event["event_timestamp"]), (1, &json!(NOW * 1000)));
        told.push((kind.clone(), event["subject"].clone(), event["change_type"].clone()));
    }
    let revoke = json!("revoke");
    assert_eq!(
        told,
        [
            (kind("session-revoked"), json!({"user": subject.clone()}), Value::Null),
            (kind("credential-change"), subject.clone(), revoke.clone()),
            (kind("credential-change"), subject, revoke),
        ]
    );
}

#[test_support::test]
async fn a_stream_is_verified_by_an_event_that_is_accepted() {
    let org = Org::start().await;
    for (status, verified_by) in [(202, true), (200, false), (400, false)] {
        let peer = receiver(status).await;
        let stream = org.sandbox.subscribe(Channel::security_events(url(&peer), "aud")).unwrap();
        assert_eq!(stream.verify().await, verified_by, "{status}");
        let (_, claims) = verified(&org, &peer.requests()[0].body).await;
        let kind = "https://schemas.openid.net/secevent/ssf/event-type/verification";
        assert!(claims["events"][kind]["state"].is_string(), "{claims}");
        assert_eq!(claims["sub_id"]["format"], "opaque");
        assert!(stream.deliveries().is_empty(), "it tells of nothing that happened");
    }
    let document = org.get("/.well-known/ssf-configuration").await.json();
    assert_eq!(
        (&document["issuer"], &document["spec_version"]),
        (&json!(org.url("")), &json!("1_0-ID3"))
    );
    assert_eq!(document["jwks_uri"], org.url("/oauth2/v1/keys"));
    assert!(
        document["delivery_methods_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("urn:ietf:rfc:8935"))
    );
}

#[test_support::test]
async fn an_event_hook_is_verified_first_and_gets_only_eligible_events() {
    let org = Org::start().await;
    let peer = hook_receiver(204).await;
    let channel = Channel::event_hook(url(&peer)).header("authorization", SECRET);
    let hook = org.sandbox.subscribe(channel).unwrap();
    org.sandbox.end_session(USER).unwrap();
    assert!(hook.verify().await);
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    org.sandbox.revoke(&token);
    org.sandbox.revoke_all(TokensOf::User(USER)).unwrap();
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    hook.settled().await;
    let requests = peer.requests();
    assert_eq!((requests.len(), requests[0].method.as_str()), (2, "GET"));
    assert!(requests.iter().all(|request| request.header("authorization") == Some(SECRET)));
    let envelope = body(&requests[1]);
    for (path, expected) in [
        ("/eventType", json!("com.okta.event_hook")),
        ("/eventTypeVersion", json!("1.0")),
        ("/cloudEventsVersion", json!("0.1")),
        ("/contentType", json!("application/json")),
        ("/eventTime", json!("2027-01-15T08:00:00.000Z")),
        ("/eventId", json!(hook.deliveries()[0].id())),
        ("/data/events/0/eventType", json!("user.lifecycle.suspend")),
        ("/data/events/0/uuid", json!(org.sandbox.log().last().unwrap().uuid)),
        ("/data/events/0/target/0/id", json!(USER)),
    ] {
        assert_eq!(envelope.pointer(path), Some(&expected), "{path}: {envelope}");
    }
    assert!(envelope["source"].as_str().unwrap().starts_with(&org.url("/api/v1/eventHooks/")));
}

#[test_support::test]
async fn a_hook_that_does_not_repeat_the_challenge_gets_nothing() {
    let org = Org::start().await;
    for answer in [
        reply(200, "application/json", r#"{"verification":"x"}"#),
        reply(204, "text/plain", ""),
        reply(200, "text/plain", "x"),
    ] {
        let peer = Peer::always(Act::Write(answer)).await;
        let hook = org.sandbox.subscribe(Channel::event_hook(url(&peer))).unwrap();
        assert!(!hook.verify().await);
        org.sandbox.end_session(USER).unwrap();
        hook.settled().await;
        assert_eq!(peer.requests().len(), 1);
    }
}

#[test_support::test]
async fn a_hook_is_tried_once_more_after_5xx_and_silence_and_not_after_4xx() {
    let org = Org::start().await;
    for (status, attempts) in [(200, 1), (204, 1), (400, 1), (401, 1), (429, 1), (500, 2), (503, 2)]
    {
        let peer = hook_receiver(status).await;
        let hook = org.sandbox.subscribe(Channel::event_hook(url(&peer))).unwrap();
        assert!(hook.verify().await);
        org.sandbox.end_session(USER).unwrap();
        hook.settled().await;
        assert_eq!(outcomes(&hook), vec![DeliveryOutcome::Answered(status); attempts]);
        let deliveries = hook.deliveries();
        assert!(
            deliveries.iter().all(|one| one.body() == deliveries[0].body()),
            "the same each time"
        );
        assert_eq!(deliveries.last().unwrap().attempt() as usize, attempts);
        hook.end();
    }
    let silent = Peer::always(Act::Silence).await;
    let channel = Channel::event_hook(url(&silent)).timeout(Duration::from_millis(20));
    let hook = org.sandbox.subscribe(channel).unwrap();
    hook.set_enabled(true);
    org.sandbox.end_session(USER).unwrap();
    hook.settled().await;
    assert_eq!(outcomes(&hook), [DeliveryOutcome::TimedOut; 2]);
}

#[test_support::test]
async fn a_hook_for_some_types_gets_no_others() {
    let org = Org::start().await;
    let peer = hook_receiver(204).await;
    let channel = Channel::event_hook(url(&peer)).event_type("user.session.clear");
    let hook = org.sandbox.subscribe(channel).unwrap();
    assert!(hook.verify().await);
    org.sandbox.end_session(USER).unwrap();
    org.sandbox.clear_sessions(USER, false).unwrap();
    hook.settled().await;
    let types: Vec<_> = hook.deliveries().iter().map(|one| one.event_type().to_owned()).collect();
    assert_eq!(types, ["user.session.clear"]);
    let revocations = Channel::event_hook(url(&peer)).event_type("app.oauth2.token.revoke");
    assert!(org.sandbox.subscribe(revocations).is_err());
}

#[test_support::test]
async fn event_bridge_gets_every_event_in_its_envelope() {
    let org = Org::start().await;
    let peer = receiver(200).await;
    let channel = Channel::event_bridge(url(&peer)).header("x-api-key", SECRET);
    let bridge = org.sandbox.subscribe(channel).unwrap();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    org.post("/oauth2/v1/revoke", &[("token", token.expose())]).await;
    org.sandbox.write_event(EventDraft::new("oauth2.as.deactivated").server("default"));
    bridge.settled().await;
    let envelopes: Vec<Value> = peer.requests().iter().map(body).collect();
    let types: Vec<_> = envelopes.iter().map(|one| &one["detail"]["eventType"]).collect();
    assert_eq!(types, ["app.oauth2.token.revoke", "oauth2.as.deactivated"]);
    let envelope = &envelopes[0];
    for (path, expected) in [
        ("/version", json!("0")),
        ("/id", json!(bridge.deliveries()[0].id())),
        ("/detail-type", json!("SystemLog")),
        ("/time", json!("2027-01-15T08:00:00Z")),
        ("/resources", json!([])),
        ("/detail/uuid", json!(org.sandbox.log()[0].uuid)),
        ("/detail/target/1/type", json!("access_token")),
    ] {
        assert_eq!(envelope.pointer(path), Some(&expected), "{path}");
    }
    assert!(envelope["source"].as_str().unwrap().starts_with("aws.partner/okta.com/"));
    assert!(envelope["account"].is_string() && envelope["region"].is_string());
    assert_eq!(peer.requests()[0].header("x-api-key"), Some(SECRET));
}

/// A channel that tells of every event, with these faults.
async fn stream(org: &Org, peer: &Peer, faults: ChannelFaults) -> Subscription {
    org.sandbox.subscribe(Channel::event_bridge(url(peer)).faults(faults)).unwrap()
}

/// Makes so many events.
fn happen(org: &Org, count: usize) {
    for _ in 0..count {
        org.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
    }
}

/// Which of the log's events a receiver got, in its order.
fn received(org: &Org, peer: &Peer) -> Vec<usize> {
    let log = org.sandbox.log();
    let place = |envelope: Value| {
        log.iter().position(|event| envelope["detail"]["uuid"] == event.uuid.as_str()).unwrap()
    };
    peer.requests().iter().map(|request| place(body(request))).collect()
}

#[test_support::test]
async fn messages_are_lost_and_doubled() {
    let org = Org::start().await;
    let peer = receiver(200).await;
    let lossy = stream(&org, &peer, ChannelFaults::new().lose(100)).await;
    happen(&org, 2);
    lossy.settled().await;
    assert_eq!(outcomes(&lossy), [DeliveryOutcome::Lost; 2]);
    lossy.set_faults(ChannelFaults::new().double(100));
    happen(&org, 2);
    lossy.settled().await;
    assert_eq!(received(&org, &peer), [2, 2, 3, 3]);
    assert_eq!(lossy.taken(), 4);
    lossy.set_faults(ChannelFaults::new().lose(50));
    happen(&org, 40);
    lossy.settled().await;
    assert!((5..35).contains(&(lossy.taken() - 4)), "some of them: {}", lossy.taken());
}

#[test_support::test]
async fn messages_are_reordered_until_the_next_one_or_a_release() {
    let org = Org::start().await;
    let peer = receiver(200).await;
    let hold = ChannelFaults::new().reorder(100);
    let stream = stream(&org, &peer, hold).await;
    happen(&org, 2);
    stream.settled().await;
    assert!(peer.requests().is_empty());
    stream.set_faults(ChannelFaults::new());
    happen(&org, 1);
    stream.attempted(3).await;
    assert_eq!(received(&org, &peer), [2, 0, 1]);
    stream.set_faults(hold);
    happen(&org, 1);
    stream.settled().await;
    org.sandbox.faults().release();
    stream.attempted(4).await;
    assert_eq!(received(&org, &peer), [2, 0, 1, 3]);
}

#[test_support::test]
async fn messages_are_late_by_the_sandboxs_clock_and_overtaken() {
    let clock =
        okta_introspect::ManualClock::stepped(chrono::DateTime::from_timestamp(NOW, 0).unwrap());
    let org = Org::start_with(|builder, _| builder.clock(clock.clone())).await;
    let peer = receiver(200).await;
    let minute = Duration::from_secs(60);
    let stream = stream(&org, &peer, ChannelFaults::new().delay(100, minute..=minute)).await;
    happen(&org, 1);
    stream.set_faults(ChannelFaults::new());
    happen(&org, 1);
    stream.attempted(1).await;
    assert_eq!(received(&org, &peer), [1]);
    clock.step(1).await;
    stream.settled().await;
    assert_eq!(clock.elapsed(), minute);
    assert_eq!(received(&org, &peer), [1, 0]);
}

#[test_support::test]
async fn the_log_loses_doubles_delays_and_reorders_too() {
    let org = Org::start().await;
    let types = || -> Vec<_> { org.sandbox.log().iter().map(|event| event.event_type).collect() };
    let (end, clear) = ("user.session.end", "user.session.clear");
    org.sandbox.set_log_faults(ChannelFaults::new().lose(100));
    org.sandbox.end_session(USER).unwrap();
    org.sandbox.set_log_faults(ChannelFaults::new().double(100));
    org.sandbox.end_session(USER).unwrap();
    assert_eq!(types(), [end, end]);
    assert_eq!(org.sandbox.log()[0].uuid, org.sandbox.log()[1].uuid);
    let minute = Duration::from_secs(60);
    org.sandbox.set_log_faults(ChannelFaults::new().delay(100, minute..=minute));
    org.sandbox.end_session(USER).unwrap();
    org.sandbox.set_log_faults(ChannelFaults::new());
    org.sandbox.clear_sessions(USER, false).unwrap();
    assert_eq!(types(), [end, end, clear]);
    org.clock.advance(minute);
    assert_eq!(types(), [end, end, clear, end]);
    org.sandbox.set_log_faults(ChannelFaults::new().reorder(100));
    org.sandbox.end_session(USER).unwrap();
    assert_eq!(org.sandbox.log_pending(), 1);
    org.sandbox.set_log_faults(ChannelFaults::new());
    org.sandbox.clear_sessions(USER, false).unwrap();
    assert_eq!(types()[4..], [clear, end]);
    org.sandbox.set_log_faults(ChannelFaults::new().reorder(100));
    org.sandbox.end_session(USER).unwrap();
    org.sandbox.faults().release();
    assert_eq!((types().len(), org.sandbox.log_pending()), (7, 0));
}

#[test_support::test]
async fn a_channel_that_is_off_or_at_its_end_loses_what_happens() {
    let org = Org::start().await;
    let peer = receiver(200).await;
    let stream = stream(&org, &peer, ChannelFaults::new()).await;
    stream.set_enabled(false);
    happen(&org, 1);
    stream.set_enabled(true);
    happen(&org, 1);
    stream.settled().await;
    stream.end();
    happen(&org, 1);
    stream.settled().await;
    assert_eq!(received(&org, &peer), [1]);
}

#[test_support::test]
async fn a_receiver_that_is_not_there_fails_and_keeps_nobody() {
    let org = Org::start().await;
    let closed = Channel::event_bridge("http://127.0.0.1:9/");
    let stream = org.sandbox.subscribe(closed).unwrap();
    happen(&org, 1);
    stream.settled().await;
    assert_eq!(outcomes(&stream), [DeliveryOutcome::Failed]);
    for url in ["http://192.0.2.1/", "https://127.0.0.1:9/"] {
        assert!(org.sandbox.subscribe(Channel::event_bridge(url)).is_err(), "{url}");
    }
}

#[test_support::test]
async fn the_end_of_a_sandbox_keeps_no_test_waiting() {
    let org = Org::start().await;
    let silent = Peer::always(Act::Silence).await;
    let channel = Channel::event_bridge(url(&silent)).timeout(Duration::MAX);
    let stream = org.sandbox.subscribe(channel).unwrap();
    happen(&org, 1);
    silent.received(1).await;
    drop(org);
    stream.settled().await;
    stream.attempted(1).await;
    assert!(stream.deliveries().is_empty());
}

#[cfg(feature = "rustls")]
#[test_support::test]
async fn a_receiver_may_speak_tls_if_its_authority_is_trusted() {
    let org = Org::start().await;
    let receiver = Org::start_with(|builder, _| builder.tls_self_made()).await;
    let other = Org::start_with(|builder, _| builder.tls_self_made()).await;
    let url = receiver.url("/signals");
    let mut outcomes_of = Vec::new();
    for trusted in [&receiver, &other] {
        let channel = Channel::event_bridge(&url).trust(trusted.sandbox.ca_pem().unwrap());
        let stream = org.sandbox.subscribe(channel).unwrap();
        happen(&org, 1);
        stream.settled().await;
        outcomes_of.push(outcomes(&stream));
    }
    // Another sandbox has no such endpoint, and says so.
    assert_eq!(outcomes_of, [[DeliveryOutcome::Answered(404)], [DeliveryOutcome::Failed]]);
    assert!(org.sandbox.subscribe(Channel::event_bridge(&url).trust("x")).is_err());
}
