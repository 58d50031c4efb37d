//! The management endpoint that reads the System Log.

use chrono::{DateTime, TimeDelta, Utc};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::filter::Filter;
use super::keywords::Keywords;
use super::page;
use crate::clock::shifted;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::event::LogEvent;

/// How far back a search goes that does not say.
const DEFAULT_PAST: TimeDelta = TimeDelta::days(7);

/// How long Okta keeps events.
const RETENTION: TimeDelta = TimeDelta::days(90);

/// The System Log, in one of Okta's two modes.
///
/// Without `until` and in ascending order it is a poll: events come in the order in which they were
/// written, and every page has a next one. Otherwise they come by their times, and the last page
/// has no next one.
///
/// A cursor is good for as long as events are kept. How Okta refuses an older one is not known; here
/// it is a 400 as of a cursor that never was one, since a poll that went on would miss events.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::read(call)?;
    let (page, next) = query.page(call);
    let next = next.map(|cursor| next_page(call, cursor, query.limit));
    Ok(page::answer(call, &page.into(), next.as_deref()))
}

/// What is asked for.
struct Query {
    filter: Option<Filter>,
    keywords: Option<Keywords>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    after: Option<Cursor>,
    descending: bool,
    limit: usize,
}

/// Where a page begins, opaque to clients.
#[derive(Clone, Copy)]
struct Cursor {
    /// When it was given out, in milliseconds since the epoch.
    issued: i64,
    /// Milliseconds since the epoch: events before are left out, as `since` had it. A poll needs
    /// it only where it begins in the future.
    not_before: i64,
    /// The number of an event: of a poll the first that was not looked at, otherwise the last of
    /// the page before.
    event: usize,
}

impl Query {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let query = Self {
            filter: filter(call)?,
            keywords: call.request.query("q").map(Keywords::parse),
            since: time(call, "since")?,
            until: time(call, "until")?,
            after: cursor(call)?,
            descending: descends(call)?,
            limit: limit(call)?,
        };
        // Okta's own next links go on without it.
        if query.since.is_some() && query.after.is_some() {
            return Err(Refusal::invalid("since and after exclude each other"));
        }
        if query.since.zip(query.until).is_some_and(|(since, until)| since > until) {
            return Err(Refusal::invalid("until: must not be before since"));
        }
        Ok(query)
    }

    fn is_poll(&self) -> bool {
        self.until.is_none() && !self.descending
    }

    /// The events of the page, and where the next one begins.
    fn page(&self, call: &Call<'_>) -> (Vec<Value>, Option<Cursor>) {
        if self.is_poll() { self.poll(call) } else { self.bounded(call) }
    }

    fn poll(&self, call: &Call<'_>) -> (Vec<Value>, Option<Cursor>) {
        let state = call.world.state();
        let begin = self.after.unwrap_or_else(|| {
            let since = self.since.unwrap_or_else(|| shifted(call.now, -DEFAULT_PAST));
            let mut events = state.log.numbered();
            let first = events.find(|(_, event)| event.published >= since);
            let not_before = if since > call.now { since.timestamp_millis() } else { i64::MIN };
            let event = first.map_or_else(|| state.log.end(), |(number, _)| number);
            Cursor { issued: call.now.timestamp_millis(), not_before, event }
        });
        let kept_since = kept_since(call);
        let (mut page, mut next) = (Vec::new(), state.log.end().max(begin.event));
        for (number, event) in state.log.numbered().skip_while(|(number, _)| *number < begin.event)
        {
            if page.len() == self.limit {
                next = number;
                break;
            }
            if event.published.timestamp_millis() >= begin.not_before.max(kept_since) {
                page.extend(self.wanted(event));
            }
        }
        (page, Some(Cursor { issued: call.now.timestamp_millis(), event: next, ..begin }))
    }

    fn bounded(&self, call: &Call<'_>) -> (Vec<Value>, Option<Cursor>) {
        let until = self.until.unwrap_or(call.now);
        // Those of this moment belong to a search that goes up to now.
        let is_before_end = |event: &LogEvent| match self.until {
            Some(until) => event.published < until,
            None => event.published <= until,
        };
        let since = self.since.unwrap_or_else(|| shifted(until, -DEFAULT_PAST)).timestamp_millis();
        let since = self.after.map_or(since, |after| after.not_before).max(kept_since(call));
        let state = call.world.state();
        let mut events: Vec<(usize, &LogEvent)> = state
            .log
            .numbered()
            .filter(|(_, event)| {
                event.published.timestamp_millis() >= since && is_before_end(event)
            })
            .collect();
        events.sort_by_key(|(number, event)| (event.published, *number));
        if self.descending {
            events.reverse();
        }
        let seen = self
            .after
            .and_then(|after| events.iter().position(|(number, _)| *number == after.event));
        let rest = events.into_iter().skip(seen.map_or(0, |seen| seen + 1));
        let mut wanted = rest.filter_map(|(number, event)| Some((number, self.wanted(event)?)));
        let (numbers, page): (Vec<usize>, Vec<Value>) = wanted.by_ref().take(self.limit).unzip();
        let last = numbers.last().filter(|_| wanted.next().is_some());
        let issued = call.now.timestamp_millis();
        (page, last.map(|event| Cursor { issued, not_before: since, event: *event }))
    }

    /// The event as JSON, if filter and keywords let it through.
    fn wanted(&self, event: &LogEvent) -> Option<Value> {
        let event = json!(event);
        let is_wanted = self.filter.as_ref().is_none_or(|filter| filter.matches(&event))
            && self.keywords.as_ref().is_none_or(|keywords| keywords.are_in(&event));
        is_wanted.then_some(event)
    }
}

/// The query of the next page: as this one's, from the cursor on.
fn next_page(call: &Call<'_>, cursor: Cursor, limit: usize) -> Vec<(&'static str, String)> {
    let Cursor { issued, not_before, event } = cursor;
    let after = match not_before {
        i64::MIN => format!("{issued}_{event}"),
        not_before => format!("{issued}_{event}_{not_before}"),
    };
    let mut next = vec![("after", after), ("limit", limit.to_string())];
    for name in ["until", "sortOrder", "filter", "q"] {
        next.extend(call.request.query(name).map(|value| (name, value.to_owned())));
    }
    next
}

/// When the oldest event happened that is still kept, in milliseconds since the epoch.
fn kept_since(call: &Call<'_>) -> i64 {
    shifted(call.now, -RETENTION).timestamp_millis()
}

fn cursor(call: &Call<'_>) -> Result<Option<Cursor>, Refusal> {
    let Some(text) = call.request.query("after") else { return Ok(None) };
    let cursor = Cursor::parse(text)
        .ok_or_else(|| Refusal::invalid("The value of after is not a cursor"))?;
    let state = call.world.state();
    // One beyond the end is of another log, such as that of a sandbox that was started anew.
    let is_of_this_log = (state.log.begin()..=state.log.end()).contains(&cursor.event);
    if cursor.issued < kept_since(call) || !is_of_this_log {
        return Err(Refusal::invalid("The value of after is no longer a cursor of this log"));
    }
    Ok(Some(cursor))
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '_');
        let (issued, event) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let not_before = parts.next().map_or(Ok(i64::MIN), str::parse).ok()?;
        Some(Self { issued, not_before, event })
    }
}

/// 0 to 1000; 100 by default.
fn limit(call: &Call<'_>) -> Result<usize, Refusal> {
    let limit = call.request.query("limit").map_or(Ok(100), str::parse::<usize>);
    let invalid = || Refusal::invalid("limit: must be between 0 and 1000");
    limit.ok().filter(|limit| *limit <= 1000).ok_or_else(invalid)
}

fn filter(call: &Call<'_>) -> Result<Option<Filter>, Refusal> {
    let invalid = || Refusal::api(StatusCode::BAD_REQUEST, "E0000031", "Invalid search criteria.");
    let filter = call.request.query("filter");
    filter.map(|text| Filter::parse(text).ok_or_else(invalid)).transpose()
}

fn descends(call: &Call<'_>) -> Result<bool, Refusal> {
    match call.request.query("sortOrder") {
        None | Some("ASCENDING") => Ok(false),
        Some("DESCENDING") => Ok(true),
        Some(_) => Err(Refusal::invalid("sortOrder: must be ASCENDING or DESCENDING")),
    }
}

fn time(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let parsed = call.request.query(name).map(DateTime::parse_from_rfc3339).transpose();
    match parsed {
        Ok(time) => Ok(time.map(Into::into)),
        Err(_) => Err(Refusal::invalid(&format!("The value of {name} is not a time"))),
    }
}
