//! What the types of signals show.

use std::collections::BTreeMap;

use okta_introspect::signals::{Applied, Feed, LogEvent, Signal, SourceKind, Subject, SystemLog};
use okta_introspect::{Checker, Client};
use serde_json::json;

use crate::org::Org;
use crate::said::{CLIENT, scopes};

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
    let following = log.start();
    let table = BTreeMap::from([
        ("Applied", said!(Applied::New)),
        ("Feed", said!(feed)),
        ("FeedBuilder", said!(Feed::builder([checker]).on_signal(|_, _| {}))),
        ("Following", said!(following)),
        ("LogEvent", said!(event)),
        ("Signal", said!(signal)),
        ("SourceKind", said!(SourceKind::SystemLog)),
        ("SourceStatus", said!(feed.status())),
        ("Subject", said!(subject)),
        ("SystemLog", shown),
        ("SystemLogBuilder", said!(builder())),
    ]);
    following.stop().await;
    table
}
