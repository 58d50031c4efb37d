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
