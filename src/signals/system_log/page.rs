//! One page of the log, with what its answer says beside it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::DATE;
use url::Url;

use crate::clock::server_time::parse_date;
use crate::error::Error;
use crate::management::{ResourceAnswer, link};
use crate::signals::event::LogEvent;
use crate::signals::tolerant::List;
use crate::wire::rate_limit::RateLimit;
use crate::wire::server_numbers::rest_of_window;

/// Where the log is.
pub(super) const PATH: &str = "/api/v1/logs";

/// How many events a page may have, as it is asked for and as Okta allows.
pub(super) const MAX_EVENTS: usize = 1000;

/// The longest link that is followed.
const MAX_LINK: usize = 8 * 1024;

/// The time by the server's clock at which it answered.
pub(super) fn date(answer: &ResourceAnswer) -> Option<DateTime<Utc>> {
    parse_date(answer.headers.get(DATE)?.to_str().ok()?)
}

/// The rate limits that an answer states, and how long their windows last yet.
pub(super) fn limits(answer: &ResourceAnswer) -> Vec<(RateLimit, Duration)> {
    let Some(date) = date(answer) else { return Vec::new() };
    let all = RateLimit::all(&answer.headers).into_iter();
    all.filter_map(|stated| Some((stated, rest_of_window(stated.reset, date)?))).collect()
}

/// The events of a page.
pub(super) fn events(answer: &ResourceAnswer) -> Result<Vec<LogEvent>, Error> {
    // What is no list at all is not an empty one.
    let is_list = answer.body.trim_ascii_start().starts_with(b"[");
    // The cause is left out: its text may quote what stands in the body.
    let events = serde_json::from_slice::<List<LogEvent, MAX_EVENTS>>(&answer.body).ok();
    match events.filter(|_| is_list) {
        Some(List { is_short: true, .. }) => {
            Err(Error::malformed("the System Log's answer has more events than were asked for"))
        }
        Some(List { items, .. }) => Ok(items),
        None => Err(Error::malformed("the System Log's answer is no list of events")),
    }
}

/// The link to the next page, as the server gave it.
pub(super) fn next(answer: &ResourceAnswer, origin: &Url) -> Result<String, Error> {
    let lines = answer.headers.get_all("link").iter();
    let target = link::next(lines.filter_map(|value| value.to_str().ok()));
    let target = target.ok_or_else(|| {
        Error::malformed("the System Log's answer does not say where the log goes on")
            .advise("see whether a proxy takes the header Link away")
    })?;
    match is_local(target, origin) {
        true => Ok(target.to_owned()),
        false => Err(Error::malformed("the System Log's next page is said to be elsewhere")
            .advise("see whether a proxy changes the links in the answers")),
    }
}

/// Whether a link leads to the log of this org, and nowhere else.
pub(super) fn is_local(target: &str, origin: &Url) -> bool {
    let url = match target.starts_with('/') {
        true => origin.join(target),
        false => Url::parse(target),
    };
    let is_log = |url: &Url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        url.origin() == origin.origin()
            && url.path() == PATH
            && is_plain
            && url.fragment().is_none()
    };
    target.len() <= MAX_LINK && url.is_ok_and(|url| is_log(&url))
}

/// How many events the page behind a path has if there are more: servers may allow fewer than are
/// asked for, and say so in their links.
pub(super) fn size(path: &str) -> usize {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let limit = query.split('&').find_map(|pair| pair.strip_prefix("limit="));
    let limit = limit.and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
    limit.unwrap_or(MAX_EVENTS).min(MAX_EVENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_the_own_log_are_followed() {
        let origin = Url::parse("https://acme.okta.com").unwrap();
        for (target, expected) in [
            ("https://acme.okta.com/api/v1/logs?after=1", true),
            ("/api/v1/logs?after=1", true),
            ("https://acme.okta.com/api/v1/logs", true),
            ("https://acme.okta.com/api/v1/users?after=1", false),
            ("https://acme.okta.com/api/v1/logs/../users", false),
            ("https://acme.okta.com:444/api/v1/logs?after=1", false),
            ("http://acme.okta.com/api/v1/logs?after=1", false),
            ("https://evil.example/api/v1/logs?after=1", false),
            ("//evil.example/api/v1/logs?after=1", false),
            ("/\\evil.example/api/v1/logs?after=1", false),
            ("https://u:p@acme.okta.com/api/v1/logs", false),
            ("https://acme.okta.com/api/v1/logs#x", false),
            ("", false),
            ("api/v1/logs", false),
        ] {
            assert_eq!(is_local(target, &origin), expected, "{target}");
        }
        for (len, expected) in [(MAX_LINK, true), (MAX_LINK + 1, false)] {
            let target = format!("/api/v1/logs?{}", "a".repeat(len - 13));
            assert_eq!(is_local(&target, &origin), expected, "{len}");
        }
    }

    #[test]
    fn the_size_of_a_page_is_what_its_link_says() {
        for (path, expected) in [
            ("/api/v1/logs?after=1&limit=100", 100),
            ("/api/v1/logs?limit=1000&after=1", 1000),
            ("/api/v1/logs?after=1", 1000),
            ("/api/v1/logs", 1000),
            ("/api/v1/logs?limit=0", 1000),
            ("/api/v1/logs?limit=x", 1000),
            ("/api/v1/logs?limit=100000", 1000),
        ] {
            assert_eq!(size(path), expected, "{path}");
        }
    }
}
