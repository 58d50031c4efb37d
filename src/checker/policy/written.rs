//! Requirements as a configuration writes them.

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::checker::config::CheckerConfig;
use crate::checker::policy::requirement::Requirement;
use crate::error::Error;
use crate::error::bounds::within;
use crate::issuer::Issuer;
use crate::scope::is_scope;

/// The members, each named as the method that it stands for.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    scopes: Vec<String>,
    any_scope: Vec<String>,
    audience: Option<String>,
    issuer: Option<String>,
    client_ids: Vec<String>,
    user: bool,
    bound: bool,
    max_age: Option<Span>,
    stale_if_error: Option<Span>,
    timeout: Option<Span>,
    signals: Signals,
}

/// What signals may do for a route.
#[derive(Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Signals {
    #[default]
    Purge,
    Extend,
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(WrittenVisitor)?
            .requirement()
            .map_err(|error| D::Error::custom(format!("{error}: {}", error.advice())))
    }
}

/// Takes members by their names alone: derived code would take a list too, and `[]` for a
/// requirement of nothing.
struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a requirement, such as {\"scopes\": [\"orders.read\"]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Written, A::Error> {
        Written::deserialize(MapAccessDeserializer::new(members))
    }
}

impl Written {
    /// The requirement, if everything is within its bounds.
    fn requirement(self) -> Result<Requirement, Error> {
        self.scopes.iter().chain(&self.any_scope).try_for_each(|scope| one_scope(scope))?;
        self.client_ids.iter().chain(&self.audience).try_for_each(|name| not_empty(name))?;
        let issuer = self.issuer.as_deref().map(any_issuer).transpose()?;
        let zero = Duration::ZERO;
        let span = |name, span: Option<Span>, least, most| match span {
            Some(Span(span)) => within(name, span, least..=most).map(|()| Some(span)),
            None => Ok(None),
        };
        Ok(Requirement {
            all: self.scopes,
            any: self.any_scope,
            audience: self.audience,
            issuer,
            clients: self.client_ids,
            user: self.user,
            bound: self.bound,
            predicate: None,
            max_age: span("max_age", self.max_age, zero, CheckerConfig::MAX_AGE)?,
            stale_if_error: span(
                "stale_if_error",
                self.stale_if_error,
                zero,
                CheckerConfig::MAX_STALE_IF_ERROR,
            )?,
            // Without any time no check that has to ask could ever succeed.
            timeout: span("timeout", self.timeout, MIN_TIMEOUT, CheckerConfig::MAX_TIMEOUT)?,
            extended: self.signals == Signals::Extend,
            also: Vec::new(),
        })
    }
}

const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Refuses what no scope can be, such as two of them in one text: no token would ever have it.
fn one_scope(scope: &str) -> Result<(), Error> {
    if is_scope(scope) {
        return Ok(());
    }
    Err(Error::configuration("a required scope is not one scope")
        .advise("give a list with one scope in each entry"))
}

fn not_empty(name: &str) -> Result<(), Error> {
    if !name.trim().is_empty() {
        return Ok(());
    }
    Err(Error::configuration("a required audience or client id is empty")
        .advise("leave it out, or give its value"))
}

fn any_issuer(text: &str) -> Result<Issuer, Error> {
    Issuer::parse(text).or_else(|_| Issuer::parse_other(text))
}

/// A span of time: a number of seconds, or a text with a unit.
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor).map(Self)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds, or a text such as \"250ms\", \"30s\", \"5m\" or \"1h\"")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Duration, E> {
        u64::try_from(seconds).map(Duration::from_secs).map_err(|_| E::custom("a span is negative"))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds).map_err(|_| E::custom("a span is out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        span(text).ok_or_else(|| E::custom("a span is neither a number nor one with ms, s, m or h"))
    }
}

/// A whole number and its unit.
fn span(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Requirement, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn every_member_stands_for_the_method_of_its_name() {
        let written = read(json!({
            "scopes": ["a", "b"], "any_scope": ["c"], "audience": "api://x",
            "issuer": "https://acme.okta.com", "client_ids": ["0oa1", "0oa2"], "user": true,
            "bound": true, "max_age": 0, "stale_if_error": "5m", "timeout": 0.25,
            "signals": "extend",
        }));
        let built = Requirement::new()
            .scope("a")
            .scope("b")
            .any_scope(["c"])
            .audience("api://x")
            .issuer(Issuer::parse("https://acme.okta.com").unwrap())
            .client_id("0oa1")
            .client_id("0oa2")
            .user()
            .bound()
            .max_age(Duration::ZERO)
            .stale_if_error(Duration::from_secs(300))
            .timeout(Duration::from_millis(250))
            .extended();
        assert_eq!(format!("{:?}", written.unwrap()), format!("{built:?}"));
        for written in [json!({}), json!({"signals": "purge"})] {
            assert_eq!(
                format!("{:?}", read(written).unwrap()),
                format!("{:?}", Requirement::new())
            );
        }
    }

    #[test]
    fn what_would_guard_nothing_or_let_nothing_in_is_refused() {
        for (name, value, says) in [
            ("a list", json!([]), "a requirement, such as"),
            ("a list of lists", json!([["a"]]), "a requirement, such as"),
            ("misspelt", json!({"scope": ["a"]}), "unknown field"),
            ("not a list", json!({"scopes": "a"}), "invalid type"),
            ("two in one", json!({"scopes": ["a b"]}), "not one scope"),
            ("empty scope", json!({"any_scope": [""]}), "not one scope"),
            ("empty audience", json!({"audience": ""}), "is empty"),
            ("empty client", json!({"client_ids": [" "]}), "is empty"),
            ("issuer", json!({"issuer": "acme"}), "issuer"),
            ("not a flag", json!({"user": "yes"}), "invalid type"),
            ("another mode", json!({"signals": "shadow"}), "unknown variant"),
            ("too old", json!({"max_age": "25h"}), "max_age cannot be"),
            ("too stale", json!({"stale_if_error": 3601}), "stale_if_error cannot be"),
            ("no time", json!({"timeout": 0}), "timeout cannot be"),
            ("too long", json!({"timeout": "2h"}), "timeout cannot be"),
            ("negative", json!({"max_age": -1}), "negative"),
            ("not finite", json!({"max_age": 1e300}), "out of range"),
            ("no unit", json!({"max_age": "30"}), "neither a number"),
            ("overflow", json!({"max_age": "18446744073709551615h"}), "neither a number"),
        ] {
            let error = read(value).expect_err(name);
            assert!(error.contains(says), "{name}: {error}");
        }
    }
}
