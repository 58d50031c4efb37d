//! Values for people: times, durations, aligned lists.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::text::one_line;

/// A time in RFC 3339 and seen from `now`: `2026-11-20T23:11:00Z (in 59 min)`.
pub(crate) fn time(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ({})", time.to_rfc3339_opts(SecondsFormat::Secs, true), distance(time - now))
}

/// A duration in its largest fitting unit, rounded down.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn distance(delta: TimeDelta) -> String {
    let span = duration(delta.num_seconds().unsigned_abs());
    match delta.num_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {span}"),
        _ => format!("{span} ago"),
    }
}

/// Lines of `  name  value`, the values below one another.
pub(crate) fn aligned<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members: Vec<_> =
        members.into_iter().map(|(name, value)| (one_line(name), one_line(&value))).collect();
    let width = members.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut lines = String::new();
    for (name, value) in members {
        // Writing to a String cannot fail.
        let _ = write!(lines, "\n  {name:width$}  {value}");
    }
    lines
}

/// A JSON object as [`aligned`] lines, members as by [`member`].
pub(crate) fn object(members: &Map<String, Value>, now: DateTime<Utc>) -> String {
    aligned(members.iter().map(|(name, value)| (name.as_str(), member(name, value, now))))
}

/// One JSON value: text without quotes, lists of words as their words, the times of JWTs as by
/// [`time`], the rest as JSON.
pub(crate) fn member(name: &str, value: &Value, now: DateTime<Utc>) -> String {
    const TIMES: [&str; 4] = ["exp", "iat", "nbf", "auth_time"];
    let time = value.as_f64().filter(|_| TIMES.contains(&name));
    match (time.and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0)), value) {
        (Some(time), _) => self::time(time, now),
        (None, Value::String(text)) => text.clone(),
        (None, other) => words(other).unwrap_or_else(|| other.to_string()),
    }
}

/// A list of texts that are words, such as scopes or audiences, separated by blanks.
fn words(value: &Value) -> Option<String> {
    let is_word = |text: &&str| !text.is_empty() && !text.contains(char::is_whitespace);
    let items = value.as_array().filter(|items| !items.is_empty())?;
    let words: Option<Vec<&str>> = items.iter().map(|item| item.as_str().filter(is_word)).collect();
    Some(words?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_shown_in_the_largest_fitting_unit() {
        let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
        for (seconds, words) in [
            (0, "now"),
            (1, "in 1 s"),
            (-119, "119 s ago"),
            (120, "in 2 min"),
            (3_599, "in 59 min"),
            (7_200, "in 2 h"),
            (-172_800, "2 days ago"),
        ] {
            assert_eq!(distance(TimeDelta::seconds(seconds)), words);
        }
        assert_eq!(time(now + TimeDelta::seconds(61), now), "2026-11-20T21:48:40Z (in 61 s)");
    }

    #[test]
    fn members_are_aligned_and_foreign_text_stays_on_its_line() {
        let now = DateTime::UNIX_EPOCH;
        let members = json!({"aud": ["a", "b"], "exp": 60.5, "groups": ["a b"], "long_name": 1, "sub": "x\n\u{1b}[2Jy"});
        assert_eq!(
            object(members.as_object().unwrap(), now),
            "\n  aud        a b\n  exp        1970-01-01T00:01:00Z (in 60 s)\n  groups     [\"a b\"]\n  long_name  1\n  sub        x [2Jy"
        );
    }
}
