//! The management endpoint that reads the System Log.

use chrono::{DateTime, TimeDelta, Utc};
use hyper::{StatusCode, header};
use serde_json::json;

use super::page;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::log::LogEvent;

/// The System Log. Without `until` it is a poll: oldest first, and every page has a next one.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    page::refuse_searches(call, &["q", "filter"])?;
    let limit = page::limit(call, 100, 1000)?;
    let since = time(call, "since")?.unwrap_or(call.now - TimeDelta::days(7));
    let until = time(call, "until")?;
    let after = cursor(call)?;
    let descending = call.request.query("sortOrder") == Some("DESCENDING");
    let state = call.world.state();
    let wanted = |(number, event): &(usize, &LogEvent)| {
        let follows = match after {
            Some(after) if descending => *number < after,
            Some(after) => *number > after,
            None => event.published >= since,
        };
        follows && until.is_none_or(|until| event.published < until)
    };
    let events = state.log.numbered();
    let page: Vec<(usize, &LogEvent)> = match descending {
        true => events.rev().filter(wanted).take(limit).collect(),
        false => events.filter(wanted).take(limit).collect(),
    };
    let body = json!(page.iter().map(|(_, event)| event).collect::<Vec<_>>());
    let answer = Answer::json(StatusCode::OK, &body).add(header::LINK, &page::link(call, None));
    let cursor = page.last().map(|(number, _)| *number).or(after);
    if page.len() < limit && until.is_some() {
        return Ok(answer);
    }
    let next = next_page(call, cursor, limit);
    Ok(answer.add(header::LINK, &page::link(call, Some(&next))))
}

/// The query of the next page: as this one's, from the cursor on. A poll that has seen nothing
/// yet begins again where it began.
fn next_page(call: &Call<'_>, cursor: Option<usize>, limit: usize) -> Vec<(&'static str, String)> {
    let mut next = vec![("limit", limit.to_string())];
    for name in ["until", "sortOrder"] {
        next.extend(call.request.query(name).map(|value| (name, value.to_owned())));
    }
    match cursor {
        Some(cursor) => next.push(("after", cursor.to_string())),
        None => next.extend(call.request.query("since").map(|since| ("since", since.to_owned()))),
    }
    next
}

/// The number of the event after which the page begins.
fn cursor(call: &Call<'_>) -> Result<Option<usize>, Refusal> {
    let cursor = call.request.query("after").map(str::parse).transpose();
    cursor.map_err(|_| Refusal::invalid("The value of after is not a cursor"))
}

fn time(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let parsed = call.request.query(name).map(DateTime::parse_from_rfc3339).transpose();
    match parsed {
        Ok(time) => Ok(time.map(Into::into)),
        Err(_) => Err(Refusal::invalid(&format!("The value of {name} is not a time"))),
    }
}
