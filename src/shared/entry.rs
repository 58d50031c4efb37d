//! An answer as it is sealed: when it was asked for, by which clock, and what it is.
//!
//! `scale (16) ‖ asked at, microseconds by the store's clock (8) ‖ the same by the writer's wall
//! clock, milliseconds (8) ‖ JSON of the answer`, numbers with their highest byte first.

use super::store::TimeScale;
use crate::oauth::introspect::Introspection;
use crate::support::json;

/// Without `Debug`: answers are about people.
pub(super) struct Entry {
    pub(super) scale: TimeScale,
    /// The earliest that the store's clock may have shown when the question was sent.
    pub(super) asked_at: u64,
    /// What the writer's wall clock showed then.
    pub(super) wall_millis: i64,
    pub(super) introspection: Introspection,
}

/// `None` if the answer cannot be written.
pub(super) fn encode(
    scale: TimeScale,
    asked_at: u64,
    wall_millis: i64,
    introspection: &Introspection,
) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(512);
    plain.extend(scale.0);
    plain.extend(asked_at.to_be_bytes());
    plain.extend(wall_millis.to_be_bytes());
    serde_json::to_writer(&mut plain, introspection).ok()?;
    Some(plain)
}

pub(super) fn decode(plain: &[u8]) -> Option<Entry> {
    let (scale, rest) = plain.split_first_chunk::<16>()?;
    let (asked_at, rest) = rest.split_first_chunk::<8>()?;
    let (wall, json) = rest.split_first_chunk::<8>()?;
    Some(Entry {
        scale: TimeScale(*scale),
        asked_at: u64::from_be_bytes(*asked_at),
        wall_millis: i64::from_be_bytes(*wall),
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
        let plain = encode(TimeScale([7; 16]), u64::MAX - 1, -5, &introspection).unwrap();
        let entry = decode(&plain).unwrap();
        assert_eq!((entry.scale, entry.asked_at), (TimeScale([7; 16]), u64::MAX - 1));
        assert_eq!((entry.wall_millis, entry.introspection), (-5, introspection));
        assert!((0..plain.len()).all(|len| decode(&plain[..len]).is_none()));
        assert!(decode(&[&plain[..], b"x"].concat()).is_none());
    }
}
