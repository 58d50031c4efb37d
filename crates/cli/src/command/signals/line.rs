//! A signal as a line.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use okta_introspect::signals::Signal;
use serde::Serialize;

use crate::text::one_line;

use super::names::Named;

/// A signal, and when it was seen. The names are stable.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// When it happened, as the source says.
    time: Option<String>,
    /// When it came here, by this computer's clock.
    seen: String,
    source: &'static str,
    id: &'a str,
    event: &'a str,
    names: Vec<Named>,
    /// From when it happened until it came here; null for what happened before the start, and where
    /// that is not known.
    lag_ms: Option<u64>,
}

/// The clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) now: DateTime<Utc>,
    /// What the server's clock has more than this computer's.
    pub(super) offset: TimeDelta,
    /// When this began.
    pub(super) start: DateTime<Utc>,
}

impl<'a> Line<'a> {
    pub(super) fn new(signal: &'a Signal, seen: Seen) -> Self {
        let by_server = |time: DateTime<Utc>| time.checked_add_signed(seen.offset).unwrap_or(time);
        let began = by_server(seen.start);
        let at = signal.at.filter(|at| *at >= began);
        let lag = at.map(|at| (by_server(seen.now) - at).num_milliseconds());
        Self {
            time: signal.at.map(written),
            seen: written(seen.now),
            source: signal.source.as_str(),
            id: &signal.id,
            event: &signal.kind,
            names: signal.subjects.iter().map(Named::from).collect(),
            // What comes from the future was not late.
            lag_ms: lag.map(|millis| u64::try_from(millis).unwrap_or_default()),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let names: Vec<String> = self.names.iter().map(Named::text).collect();
        let time = self.time.as_deref().unwrap_or(&self.seen);
        let lag = self.lag_ms.map(|lag| format!("  lag {}.{} s", lag / 1000, lag % 1000 / 100));
        let Self { source, event, .. } = self;
        let names = names.join(", ");
        let lag = lag.unwrap_or_default();
        // Names come from the server: no line breaks or terminal controls.
        let (event, names) = (one_line(event), one_line(&names));
        format!("{time}  {source}  {event}  {names}{lag}")
    }
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::signals::{SourceKind, Subject};

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_796_032_800_000 + millis).unwrap()
    }

    fn line(happened: Option<i64>, seen: i64, offset: i64) -> (Option<u64>, String) {
        let subjects = [Subject::Client("0oa1".to_owned()), Subject::Everything];
        let signal = Signal::new(SourceKind::SystemLog, "a\nb", subjects).at(happened.map(at));
        let offset = TimeDelta::milliseconds(offset);
        let line = Line::new(&signal, Seen { now: at(seen), offset, start: at(0) });
        (line.lag_ms, line.text())
    }

    #[test]
    fn the_lag_is_told_by_the_servers_clock_and_not_of_what_happened_before_the_start() {
        for (happened, seen, offset, lag) in [
            (Some(0), 1234, 0, Some(1234)),
            (Some(-1), 1234, 0, None),
            (Some(5000), 1234, 5000, Some(1234)),
            (Some(4999), 1234, 5000, None),
            (Some(2000), 1234, 0, Some(0)),
            (None, 1234, 0, None),
        ] {
            assert_eq!(line(happened, seen, offset).0, lag, "{happened:?} {offset}");
        }
    }

    #[test]
    fn a_line_for_people_is_one_line_whatever_the_server_says() {
        let (_, text) = line(Some(0), 2345, 0);
        let expected =
            "2026-11-30T10:00:00.000Z  system_log  a b  client 0oa1, everything  lag 2.3 s";
        assert_eq!(text, expected);
        let (_, text) = line(None, 2345, 0);
        assert_eq!(text, "2026-11-30T10:00:02.345Z  system_log  a b  client 0oa1, everything");
    }
}
