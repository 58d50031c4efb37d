//! What a batch carries, and what is no batch.

use std::time::Duration;

use serde_json::{Value, json};

use crate::shared::{MAX_VALUE, StoreTime, TimeScale, Watched};
use crate::signals::signal::{Signal, SourceKind, Subject};
use crate::signals::stream::batch::{Batch, BatchId, CoveredUntil, Cursor, Place};

fn time(micros: u64) -> StoreTime {
    StoreTime { micros, scale: TimeScale([7; 16]) }
}

fn batch(signals: Vec<Signal>) -> Batch {
    let covered = CoveredUntil { until: time(1), within: Duration::from_millis(7001) };
    let place = Place {
        behind: Some(BatchId([2; 16])),
        gap: Some("cursor_refused".to_owned()),
        log: Some(b"\0cursor\xff".to_vec()),
        covered: Some(covered),
    };
    let watched = Some(Watched { since: 3, until: u64::MAX });
    Batch { id: BatchId([1; 16]), made: Some(time(2)), watched, place: Some(place), signals }
}

fn every_subject() -> Vec<Subject> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        Subject::Token { jti: text("AT.1"), hash: None },
        Subject::Token { jti: None, hash: text("h") },
        Subject::Token { jti: None, hash: None },
        Subject::User { id: text("00u1"), logins: vec!["ada@acme.example".to_owned()] },
        Subject::User { id: None, logins: Vec::new() },
        Subject::Client("0oa1".to_owned()),
        Subject::Server("default".to_owned()),
        Subject::Everything,
    ]
}

#[test]
fn what_is_written_is_read() {
    let signals: Vec<_> = SourceKind::ALL
        .into_iter()
        .map(|source| Signal::new(source, "kind", every_subject()).id("e1"))
        .chain([Signal::new(SourceKind::EventHook, "", []).at(Some(chrono::DateTime::UNIX_EPOCH))])
        .collect();
    let full = batch(signals);
    let places = [None, Some(Place::default()), full.place.clone()];
    for batch in places.map(|place| Batch { place, ..full.clone() }) {
        assert_eq!(Batch::decode(&batch.encode()), Some(batch));
    }
    let bare = Batch { made: None, watched: None, place: None, ..batch(Vec::new()) };
    assert_eq!(Batch::decode(&bare.encode()), Some(bare));
}

#[test]
fn what_a_later_version_adds_is_passed_over_and_what_it_names_is_everything() {
    let mut text: Value = serde_json::from_slice(&batch(Vec::new()).encode()).unwrap();
    text["more"] = json!({"a": 1});
    text["place"]["more"] = json!(1);
    let subjects = json!([{"device": "d1"}, {"client": "0oa1", "user": {"id": "00u1"}}, {}]);
    text["signals"] =
        json!([{"source": "event_hook", "kind": "k", "more": 1, "subjects": subjects}]);
    let read = Batch::decode(&serde_json::to_vec(&text).unwrap()).unwrap();
    assert_eq!(read.signals[0].subjects, [const { Subject::Everything }; 3]);
}

#[test]
fn what_is_no_batch_is_not_read() {
    let good: Value = serde_json::from_slice(&batch(Vec::new()).encode()).unwrap();
    let with = |path: &str, value: Value| {
        let mut text = good.clone();
        *text.pointer_mut(path).unwrap() = value;
        serde_json::to_vec(&text).unwrap()
    };
    let unknown = json!([{"source": "news", "kind": "k", "subjects": []}]);
    let no_kind = json!([{"source": "event_hook", "subjects": []}]);
    for (name, text) in [
        ("nothing", Vec::new()),
        ("no JSON", b"x".to_vec()),
        ("another version", with("/version", json!(2))),
        ("no id", with("/id", json!(""))),
        ("a long id", with("/id", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAA"))),
        ("no scale", with("/made/scale", json!("AA"))),
        ("another batch", with("/place/behind", json!("AA"))),
        ("a cursor", with("/place/log", json!("=="))),
        ("half of what is covered", with("/place/until", json!(null))),
        ("the other half", with("/place/within_millis", json!(null))),
        ("a source", with("/signals", unknown)),
        ("a kind", with("/signals", no_kind)),
    ] {
        assert_eq!(Batch::decode(&text), None, "{name}");
    }
    let mut text = good.clone();
    text["place"].as_object_mut().unwrap().remove("behind");
    let place = Batch::decode(&serde_json::to_vec(&text).unwrap()).unwrap().place.unwrap();
    assert_eq!(place.behind, None, "which is a gap wherever anything is known");
}

#[test]
fn every_part_has_room_in_an_entry_whatever_is_in_it() {
    let long = |len: usize| {
        let logins = vec!["\u{1}".repeat(len / 6)];
        let user = Subject::User { id: None, logins };
        Signal::new(SourceKind::UniversalLogout, "k", [user]).id("e1")
    };
    let signals: Vec<_> = (0..200).map(|number| long(number * 997)).collect();
    let parts = Batch::divide(signals.clone());
    let divided: Vec<_> = parts.iter().flatten().collect();
    assert_eq!(divided.len(), signals.len());
    for (before, after) in signals.iter().zip(divided) {
        let everything = after.subjects == [Subject::Everything] && after.id.is_empty();
        assert!(before == after || everything, "{after:?}");
    }
    for part in parts {
        assert!(!part.is_empty());
        let mut batch = batch(part);
        batch.place.as_mut().unwrap().log = Some(vec![255; Cursor::MAX_LOG]);
        batch.place.as_mut().unwrap().gap = Some("\u{1}".repeat(100_000));
        assert!(batch.encode().len() + 69 <= MAX_VALUE, "{}", batch.encode().len());
    }
    let (kind, id) = ("\u{1}".repeat(100_000), "\u{1}".repeat(100_000));
    let endless = Signal::new(SourceKind::EventHook, kind, []).id(id);
    let [part] = &Batch::divide(vec![endless])[..] else { panic!() };
    assert!(batch(part.clone()).encode().len() < MAX_VALUE);
    assert_eq!(Batch::divide(Vec::new()), [Vec::new()], "a batch of nothing is one, too");
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_no_other() {
    let cursor = Cursor { batch: BatchId([3; 16]), log: b"log".to_vec() };
    let text = cursor.encode();
    assert_eq!(Cursor::decode(&text), Some(cursor));
    let other = [&[2], &text[1..]].concat();
    for text in [&[][..], &text[..1], &text[..16], &other] {
        assert_eq!(Cursor::decode(text), None);
    }
    assert_eq!(Cursor::decode(&text[..17]).map(|cursor| cursor.log), Some(Vec::new()));
}
