//! An answer as it is sealed: when it was asked for, by which clock, and what it is.
//!
//! `scale (16) ‖ asked at, by the store's clock (8) ‖ the span in which the writer has watched that
//! clock (8 + 8) ‖ asked at, by the writer's wall clock (8) ‖ JSON of the answer`, times in microseconds
//! since 1970 with their highest byte first.

use super::scale::Watched;
use super::store::TimeScale;
use crate::oauth::introspect::Introspection;
use crate::support::json;

/// Without `Debug`: answers are about people.
pub(super) struct Entry {
    pub(super) scale: TimeScale,
    /// The earliest that the store's clock may have shown when the question was sent.
    pub(super) asked_at: u64,
    pub(super) watched: Watched,
    /// What the writer's wall clock showed then.
    pub(super) wall_micros: i64,
    pub(super) introspection: Introspection,
}

/// `None` if the answer cannot be written.
pub(super) fn encode(entry: &Entry) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(512);
    plain.extend(entry.scale.0);
    for micros in [entry.asked_at, entry.watched.since, entry.watched.until] {
        plain.extend(micros.to_be_bytes());
    }
    plain.extend(entry.wall_micros.to_be_bytes());
    serde_json::to_writer(&mut plain, &entry.introspection).ok()?;
    Some(plain)
}

pub(super) fn decode(plain: &[u8]) -> Option<Entry> {
    let (scale, rest) = plain.split_first_chunk::<16>()?;
    let (asked_at, rest) = rest.split_first_chunk::<8>()?;
    let (since, rest) = rest.split_first_chunk::<8>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let (wall, json) = rest.split_first_chunk::<8>()?;
    let watched = Watched { since: u64::from_be_bytes(*since), until: u64::from_be_bytes(*until) };
    Some(Entry {
        scale: TimeScale(*scale),
        asked_at: u64::from_be_bytes(*asked_at),
        watched,
        wall_micros: i64::from_be_bytes(*wall),
        introspection: json::read(json).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_that_is_shorter_or_longer() {
        let json = r#"{"active":true,"sub":"ada","exp":1796000000,"groups":["Everyone"]}"#;
        let introspection: Introspection = serde_json::from_str(json).unwrap();
        let watched = Watched { since: 3, until: 4 };
        let (scale, asked_at) = (TimeScale([7; 16]), u64::MAX - 1);
        let entry = Entry { scale, asked_at, watched, wall_micros: -5, introspection };
        let plain = encode(&entry).unwrap();
        let read = decode(&plain).unwrap();
        assert_eq!((read.scale, read.asked_at, read.watched), (scale, asked_at, watched));
        assert_eq!((read.wall_micros, read.introspection), (-5, entry.introspection));
        assert!((0..plain.len()).all(|len| decode(&plain[..len]).is_none()));
        assert!(decode(&[&plain[..], b"x"].concat()).is_none());
    }
}
