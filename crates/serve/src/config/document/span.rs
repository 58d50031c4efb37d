//! Spans of time as the file writes them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A span of time: a number of seconds, or a whole number and its unit, `ms`, `s`, `m` or `h`. The
/// notation is that of the library's requirements.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(pub Duration);

impl Span {
    /// The name of its schema.
    pub(crate) const NAME: &'static str = "Span";

    const PATTERN: &'static str = "^[0-9]+ *(ms|s|m|h)$";

    /// A whole number of milliseconds.
    pub(crate) const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A whole number of seconds.
    pub(crate) const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Reads a span; `None` if it is none.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => parse(text),
            Value::Number(number) => Duration::try_from_secs_f64(number.as_f64()?).ok().map(Self),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// A whole number and its unit.
fn parse(text: &str) -> Option<Span> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit.trim_start_matches(' ') {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Span::millis)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            _ if millis.is_multiple_of(3_600_000) => write!(f, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(f, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1000) => write!(f, "{}s", millis / 1000),
            _ => write!(f, "{millis}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds, or a text such as \"250ms\", \"30s\", \"5m\" or \"1h\"")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
        Ok(Span::secs(seconds))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
        Duration::try_from_secs_f64(seconds).map(Span).map_err(|_| E::custom("out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        parse(text).ok_or_else(|| E::custom("no span of time"))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        Self::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of seconds, or a whole number with ms, s, m or h.",
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": Self::PATTERN,
            "examples": [30, "250ms", "5m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_are_read_as_the_library_reads_them_and_shown_in_their_largest_unit() {
        for (written, shown) in [
            (json!(30), "30s"),
            (json!(0.25), "250ms"),
            (json!("250ms"), "250ms"),
            (json!("90s"), "90s"),
            (json!("5 m"), "5m"),
            (json!("24h"), "24h"),
            (json!("0s"), "0s"),
        ] {
            assert_eq!(Span::read(&written).unwrap().to_string(), shown);
            let read: Span = serde_json::from_value(written).unwrap();
            assert_eq!(read.to_string(), shown);
        }
        for wrong in [json!("30"), json!("s"), json!("-1s"), json!(-1), json!("1d"), json!(true)] {
            assert_eq!(Span::read(&wrong), None, "{wrong}");
        }
    }
}
