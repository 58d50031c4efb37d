//! Filter expressions of the System Log
//! ([RFC 7644 §3.4.2.2](https://www.rfc-editor.org/rfc/rfc7644#section-3.4.2.2)): all operators but
//! `[ ]`, as Okta has them.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

/// A filter expression.
#[derive(Debug)]
pub(crate) enum Filter {
    Compare(Path, Operator, Value),
    Present(Path),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// The names on the way to an attribute.
type Path = Vec<String>;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// Reads an expression; `None` for what is none, and for attributes that no event has.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
        let filter = parser.alternatives()?;
        (parser.at == parser.tokens.len()).then_some(filter)
    }

    /// Whether it holds for an event. Of an attribute in a list, any value will do.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Compare(path, operator, value) => {
                any(event, path, &|found| operator.holds(found, value))
            }
            Self::Present(path) => any(event, path, &is_present),
            Self::Not(inner) => !inner.matches(event),
            Self::And(parts) => parts.iter().all(|part| part.matches(event)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(event)),
        }
    }
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "co" => Self::Contains,
            "sw" => Self::StartsWith,
            "ew" => Self::EndsWith,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }

    fn holds(self, found: &Value, value: &Value) -> bool {
        let texts = || Some((found.as_str()?, value.as_str()?));
        let order = || order(found, value);
        match self {
            Self::Equal => found == value,
            Self::NotEqual => found != value,
            Self::Contains => texts().is_some_and(|(found, value)| found.contains(value)),
            Self::StartsWith => texts().is_some_and(|(found, value)| found.starts_with(value)),
            Self::EndsWith => texts().is_some_and(|(found, value)| found.ends_with(value)),
            Self::Greater => order().is_some_and(|order| order.is_gt()),
            Self::GreaterOrEqual => order().is_some_and(|order| order.is_ge()),
            Self::Less => order().is_some_and(|order| order.is_lt()),
            Self::LessOrEqual => order().is_some_and(|order| order.is_le()),
        }
    }
}

/// Times by the clock, and other texts by their letters.
fn order(found: &Value, value: &Value) -> Option<std::cmp::Ordering> {
    let time =
        |text: &str| -> Option<DateTime<FixedOffset>> { DateTime::parse_from_rfc3339(text).ok() };
    match (found, value) {
        (Value::String(found), Value::String(value)) => match (time(found), time(value)) {
            (Some(found), Some(value)) => Some(found.cmp(&value)),
            _ => Some(found.cmp(value)),
        },
        (Value::Number(found), Value::Number(value)) => {
            found.as_f64()?.partial_cmp(&value.as_f64()?)
        }
        _ => None,
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// Whether `test` holds for any value at the end of the path.
fn any(value: &Value, path: &[String], test: &dyn Fn(&Value) -> bool) -> bool {
    match (value, path) {
        (Value::Array(list), _) => list.iter().any(|item| any(item, path, test)),
        (value, []) => test(value),
        (Value::Object(members), [name, rest @ ..]) => {
            members.get(name).is_some_and(|value| any(value, rest, test))
        }
        _ => false,
    }
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Value(Value),
}

fn tokens(mut text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    loop {
        text = text.trim_start_matches(' ');
        let Some(first) = text.chars().next() else { return Some(tokens) };
        let (token, len) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => {
                let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
                (Token::Value(values.next()?.ok()?.into()), values.byte_offset())
            }
            _ => {
                let len = text.find([' ', '(', ')', '"']).unwrap_or(text.len());
                (Token::Word(text[..len].to_owned()), len)
            }
        };
        tokens.push(token);
        text = &text[len..];
    }
}

/// Reads from loose to tight: `or`, `and`, `not` and parentheses, comparisons.
struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// How deep parentheses may be nested.
    const MAX_DEPTH: usize = 32;

    fn alternatives(&mut self) -> Option<Filter> {
        let mut parts = vec![self.conjunction()?];
        while self.keyword("or") {
            parts.push(self.conjunction()?);
        }
        Some(Filter::Or(parts))
    }

    fn conjunction(&mut self) -> Option<Filter> {
        let mut parts = vec![self.single()?];
        while self.keyword("and") {
            parts.push(self.single()?);
        }
        Some(Filter::And(parts))
    }

    fn single(&mut self) -> Option<Filter> {
        if self.keyword("not") {
            let is_group = self.tokens.get(self.at) == Some(&Token::Open);
            let inner = is_group.then(|| self.single())??;
            return Some(Filter::Not(Box::new(inner)));
        }
        match self.next()? {
            Token::Open => {
                self.depth += 1;
                let inner = (self.depth <= Self::MAX_DEPTH).then(|| self.alternatives())??;
                self.depth -= 1;
                (self.next()? == Token::Close).then_some(inner)
            }
            Token::Word(path) => self.comparison(path_of(&path)?),
            _ => None,
        }
    }

    fn comparison(&mut self, path: Path) -> Option<Filter> {
        let Token::Word(operator) = self.next()? else { return None };
        let operator = operator.to_ascii_lowercase();
        if operator == "pr" {
            return Some(Filter::Present(path));
        }
        let operator = Operator::named(&operator)?;
        let value = match self.next()? {
            Token::Value(value) => value,
            // A number, `true`, `false` or `null`.
            Token::Word(word) => serde_json::from_str(&word).ok()?,
            _ => return None,
        };
        Some(Filter::Compare(path, operator, value))
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    /// Whether this keyword comes next; then it has been read.
    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }
}

/// The path of an attribute that events have.
fn path_of(text: &str) -> Option<Path> {
    let known = ATTRIBUTES.contains(&text) || OPEN.iter().any(|open| text.starts_with(open));
    let path: Path = text.split('.').map(str::to_owned).collect();
    (known && path.iter().all(|name| !name.is_empty())).then_some(path)
}

/// The attributes that every event has.
const ATTRIBUTES: [&str; 36] = [
    "actor",
    "actor.alternateId",
    "actor.displayName",
    "actor.id",
    "actor.type",
    "authenticationContext.authenticationProvider",
    "authenticationContext.authenticationStep",
    "authenticationContext.credentialType",
    "authenticationContext.externalSessionId",
    "client.device",
    "client.id",
    "client.ipAddress",
    "client.userAgent.browser",
    "client.userAgent.os",
    "client.userAgent.rawUserAgent",
    "client.zone",
    "displayMessage",
    "eventType",
    "legacyEventType",
    "outcome.reason",
    "outcome.result",
    "published",
    "request.ipChain.ip",
    "request.ipChain.version",
    "securityContext.asNumber",
    "securityContext.isProxy",
    "severity",
    "target",
    "target.alternateId",
    "target.displayName",
    "target.id",
    "target.type",
    "transaction.id",
    "transaction.type",
    "uuid",
    "version",
];

/// What stands below these differs from event to event.
const OPEN: [&str; 4] =
    ["actor.detailEntry.", "debugContext.debugData.", "target.detailEntry.", "transaction.detail."];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "eventType": "app.oauth2.token.revoke",
            "published": "2027-01-15T08:00:00.000Z",
            "actor": {"id": "0oa1", "type": "PublicClientApp"},
            "outcome": {"result": "SUCCESS", "reason": null},
            "target": [
                {"id": "00u1", "type": "User"},
                {"id": "AT.1", "type": "access_token", "detailEntry": {"hash": "aGFzaA=="}},
            ],
            "debugContext": {"debugData": {"grantType": "client_credentials"}},
            "authenticationContext": {"authenticationStep": 0},
        })
    }

    #[test]
    fn an_expression_is_judged_as_scim_has_it() {
        for (text, expected) in [
            (r#"eventType eq "app.oauth2.token.revoke""#, true),
            (r#"eventType eq "app.oauth2.token""#, false),
            (r#"eventType EQ "app.oauth2.token.revoke""#, true),
            (r#"eventType sw "app.oauth2.""#, true),
            (r#"eventType co "token" and eventType ew "revoke""#, true),
            (r#"eventType ne "user.session.start""#, true),
            (r#"outcome.result eq "SUCCESS""#, true),
            (r#"outcome.reason pr"#, false),
            (r#"outcome.reason eq null"#, true),
            (r#"target pr"#, true),
            (r#"target.id eq "00u1""#, true),
            (r#"target.id eq "AT.1""#, true),
            (r#"target.id eq "AT.2""#, false),
            (r#"target.detailEntry.hash eq "aGFzaA==""#, true),
            (r#"debugContext.debugData.grantType eq "client_credentials""#, true),
            (r#"published gt "2027-01-15T07:59:59Z""#, true),
            (r#"published lt "2027-01-15T09:00:00+01:00""#, false),
            (r#"published le "2027-01-15T09:00:00+01:00""#, true),
            (r#"authenticationContext.authenticationStep ge 0"#, true),
            (r#"actor.id eq "x" or actor.id eq "0oa1" and outcome.result eq "FAILURE""#, false),
            (r#"actor.id eq "0oa1" or actor.id eq "x" and outcome.result eq "FAILURE""#, true),
            (r#"(actor.id eq "0oa1" or actor.id eq "x") and outcome.result eq "FAILURE""#, false),
            (r#"not (actor.id eq "x") and not(outcome.result eq "FAILURE")"#, true),
            (r#"( ( actor.id eq "0oa1" ) )"#, true),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|| panic!("unreadable: {text}"));
            assert_eq!(filter.matches(&event()), expected, "{text}");
        }
    }

    #[test]
    fn a_long_expression_is_no_deep_one() {
        let long = format!("{}uuid pr", "uuid pr or ".repeat(100_000));
        assert!(!Filter::parse(&long).unwrap().matches(&event()));
        let long = format!("{}eventType pr", "eventType pr and ".repeat(100_000));
        assert!(Filter::parse(&long).unwrap().matches(&event()));
    }

    #[test]
    fn what_is_no_expression_about_events_is_refused() {
        let deep = format!("{}eventType pr{}", "(".repeat(33), ")".repeat(33));
        for text in [
            "",
            "eventType",
            "eventType eq",
            "eventType eq app",
            "eventType eq 'app'",
            r#"eventType is "app""#,
            r#"eventType eq "app"#,
            r#"eventType eq "app" and"#,
            r#"eventType eq "app" actor.id eq "x""#,
            r#"(eventType eq "app""#,
            r#"eventType eq "app")"#,
            r#"not eventType eq "app""#,
            r#"eventtype eq "app""#,
            r#"event.type eq "app""#,
            r#"target[type eq "User"]"#,
            r#"target..id eq "x""#,
            r#"target.detailEntry. eq "x""#,
            &deep,
        ] {
            assert!(Filter::parse(text).is_none(), "{text}");
        }
    }
}
