//! What the types of signals show.

use std::collections::BTreeMap;

use okta_introspect::shared::{InProcessStore, Shared, SharedSecret};
use okta_introspect::signals::{
    Applied, EventBridge, EventHook, Feed, LogEvent, SecurityEvents, SharedSignals, Signal,
    SignalLog, SignalReceiver, SignalRefusal, SourceKind, Subject, SystemLog, UniversalLogout,
};
use okta_introspect::{Checker, Client, Secret};
use serde_json::json;

use crate::org::Org;
use crate::said::{CLIENT, PASSPHRASE, TOKEN, scopes};

/// The lines of the signals' types, once the System Log was followed with a token of its own.
pub(super) async fn followed(org: &Org, client: &Client) -> BTreeMap<&'static str, String> {
    let checker = Checker::builder(client.clone()).clock(org.clock.clone()).build().unwrap();
    let feed = Feed::new([checker.clone()]);
    let builder = || {
        let logs = client.resource(scopes("okta.users.read"));
        SystemLog::builder(logs, feed.clone()).cursor_file("cursor")
    };
    let without_file = SystemLog::builder(client.resource(scopes("okta.users.read")), feed.clone());
    let mut log = without_file.build().unwrap();
    log.poll().await;
    let subject = Subject::Client(CLIENT.to_owned());
    let signal = Signal::new(SourceKind::EventHook, "kind", [subject.clone()]).id("e1");
    feed.apply(&signal);
    let event = json!({"uuid": "e1", "eventType": "user.lifecycle.suspend"});
    let event: LogEvent = serde_json::from_value(event).unwrap();
    let shown = said!(log);
    let page = log.next_page().await;
    let read = said!(*(&log as &dyn SignalLog));
    let secret = SharedSecret::parse(b"kO3sJ0vXn1Qe8rT5yU2iPa7dF4gH6jL9").unwrap();
    let shared = Shared::builder(InProcessStore::new(org.clock.clone()), secret).build().unwrap();
    let sharing = || SharedSignals::builder(&shared, &feed, client.issuer());
    let logs = client.resource(scopes("okta.users.read"));
    let other = SystemLog::builder(logs, feed.clone()).build().unwrap();
    let sharing_builder = said!(sharing().log(other));
    let signals = sharing().start();
    let following = log.start();
    let table = BTreeMap::from([
        ("Applied", said!(Applied::New)),
        ("Feed", said!(feed)),
        ("FeedBuilder", said!(Feed::builder([checker]).on_signal(|_, _| {}))),
        ("Following", said!(following)),
        ("LogEvent", said!(event)),
        ("LogPage", said!(page)),
        ("SharedSignals", said!(signals)),
        ("SharedSignalsBuilder", sharing_builder),
        ("Signal", said!(signal)),
        ("SignalLog", read),
        ("SourceKind", said!(SourceKind::SystemLog)),
        ("SourceStatus", said!(feed.status())),
        ("StreamMetrics", said!(signals.metrics())),
        ("StreamStatus", said!(signals.status())),
        ("Subject", said!(subject)),
        ("SystemLog", shown),
        ("SystemLogBuilder", said!(builder())),
    ]);
    following.stop().await;
    table
}

/// The lines of the receivers' types, once somebody has sent a secret to the wrong one.
pub(super) async fn received(org: &Org) -> BTreeMap<&'static str, String> {
    let issuer = || org.sandbox.issuer().clone();
    let url = "https://api.acme.example/signals";
    let logout = UniversalLogout::new(issuer(), CLIENT, url).unwrap();
    let hook = EventHook::new(&Secret::new(TOKEN)).unwrap();
    let bridge = EventBridge::new("x-signals-key", &Secret::new(PASSPHRASE)).unwrap();
    let events = SecurityEvents::new(issuer(), "https://api.acme.example/caep").unwrap();
    let events = events.authorization(&Secret::new(TOKEN)).unwrap();
    let builder = SignalReceiver::builder(Feed::new([]))
        .universal_logout(logout.clone())
        .event_hook(hook.clone())
        .event_bridge(bridge.clone())
        .security_events(events.clone());
    let receiver = builder.clone().build().unwrap();
    let mut answers = String::new();
    for (secret, media_type) in [
        (TOKEN, "application/json"),
        (PASSPHRASE, "application/json"),
        (PASSPHRASE, "application/secevent+jwt"),
        (TOKEN, "application/secevent+jwt"),
    ] {
        let request = http::Request::post("/signals").header("authorization", secret);
        let request = request.header("content-type", media_type).body(TOKEN.to_owned());
        answers += &format!("{:?}\n", receiver.receive(request.unwrap()).await);
    }
    let errors = [
        EventHook::in_header(TOKEN, &Secret::new(PASSPHRASE)).map(|_| ()),
        EventBridge::new("a b", &Secret::new(TOKEN)).map(|_| ()),
        EventHook::new(&Secret::new(format!(" {PASSPHRASE}"))).map(|_| ()),
        UniversalLogout::new(issuer(), CLIENT, TOKEN).map(|_| ()),
    ];
    answers += &format!("{errors:?}");
    BTreeMap::from([
        ("EventBridge", said!(bridge)),
        ("EventHook", said!(hook)),
        ("ReceiverMetrics", said!(receiver.metrics())),
        ("SecurityEvents", said!(events)),
        ("SignalReceiver", said!(receiver)),
        ("SignalReceiverBuilder", said!(builder)),
        ("SignalRefusal", said!(SignalRefusal::Replayed) + &answers),
        ("UniversalLogout", said!(logout)),
    ])
}
