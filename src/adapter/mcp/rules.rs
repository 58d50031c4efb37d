//! Which requirement each message has to meet.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::required::Required;
use super::fault::BodyFault;
use super::message::{Message, folded};
use crate::checker::Requirement;

/// The requirement of each tool of an MCP server.
///
/// The requirement of a tool takes the place of the default one for calls of it (`tools/call`, by
/// `params.name`); that of a method does so for its messages. All the rest has to meet the default:
/// other methods, notifications, tools that are not named here, the client's own answers, and
/// requests without a body, such as the `GET` that opens a stream of events.
///
/// Of a list of messages each has to meet its own requirement, by one and the same answer of the
/// authorization server, so the youngest [`max_age`](Requirement::max_age) counts for all. A body
/// that does not say what it asks for is [refused](BodyFault), and so is the name of a tool or method
/// that is like one given here but for the case of its letters, blanks or characters that are not
/// seen. Names are not brought to a normal form of Unicode: a server that does so should have tools
/// with names in ASCII alone, as the protocol advises. Headers that repeat the method or the
/// tool (`Mcp-Method`, `Mcp-Name`) are not looked at; the body alone decides.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::Requirement;
/// use okta_introspect::adapter::McpRules;
///
/// let read = Requirement::new().scope("orders.read");
/// let delete = Requirement::new().scope("orders.delete").user().max_age(Duration::ZERO);
/// let rules = McpRules::new(read).tool("delete_order", delete);
/// ```
///
/// # Example: from a configuration
///
/// Names that occur twice are refused, and so are unknown members. `default` must be there.
///
/// ```
/// use okta_introspect::adapter::McpRules;
///
/// let rules: McpRules = serde_json::from_str(
///     r#"{
///         "default": {"scopes": ["orders.read"]},
///         "tools": {"delete_order": {"scopes": ["orders.delete"], "user": true, "max_age": 0}},
///         "methods": {"resources/read": {"scopes": ["files.read"]}}
///     }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct McpRules {
    default: Requirement,
    tools: Names,
    methods: Names,
    pub(super) max_body: usize,
    pub(super) read_timeout: Duration,
}

impl McpRules {
    /// What [`max_body`](Self::max_body) is at first: 4 MiB, as in MCP's SDK for TypeScript.
    pub const DEFAULT_MAX_BODY: usize = 4 * 1024 * 1024;

    /// The most that [`max_body`](Self::max_body) can be: 64 MiB.
    pub const MAX_BODY: usize = 64 * 1024 * 1024;

    /// What [`read_timeout`](Self::read_timeout) is at first: 30 s.
    pub const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);

    /// The most that [`read_timeout`](Self::read_timeout) can be: an hour.
    pub const MAX_READ_TIMEOUT: Duration = Duration::from_secs(3600);

    /// Everything has to meet this.
    pub fn new(default: Requirement) -> Self {
        Self {
            default,
            tools: Names::default(),
            methods: Names::default(),
            max_body: Self::DEFAULT_MAX_BODY,
            read_timeout: Self::DEFAULT_READ_TIMEOUT,
        }
    }

    /// What calls of this tool have to meet instead. For a requirement that comes on top of the
    /// default one, see [`Requirement::and`]. Said twice, the later one counts.
    pub fn tool(mut self, name: impl Into<String>, requirement: Requirement) -> Self {
        self.tools.insert(name.into(), requirement);
        self
    }

    /// What messages of this method have to meet instead, such as `resources/read`. One for
    /// `tools/call` is for the tools that have none of their own. Said twice, the later one counts.
    pub fn method(mut self, name: impl Into<String>, requirement: Requirement) -> Self {
        self.methods.insert(name.into(), requirement);
        self
    }

    /// The most bytes that the body of a request may have; larger ones are refused with 413. It is in
    /// memory until the service has taken it, and it is read before its token is checked, for it says
    /// what to check: strangers can make the service hold so much for each request, for
    /// the time of [`read_timeout`](Self::read_timeout). Default: [`DEFAULT_MAX_BODY`](Self::DEFAULT_MAX_BODY).
    /// Bounds: more than [`MAX_BODY`](Self::MAX_BODY) counts as that.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes.min(Self::MAX_BODY);
        self
    }

    /// How long the body of a request may take to arrive; a slower one is refused with 408. Default:
    /// [`DEFAULT_READ_TIMEOUT`](Self::DEFAULT_READ_TIMEOUT). Bounds: more than
    /// [`MAX_READ_TIMEOUT`](Self::MAX_READ_TIMEOUT) counts as that.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout.min(Self::MAX_READ_TIMEOUT);
        self
    }

    /// What a request has to meet of which nothing else is known.
    pub(super) fn default(&self) -> &Requirement {
        &self.default
    }

    /// What these messages have to meet together.
    pub(super) fn required(&self, messages: &[Message<'_>]) -> Result<Required<'_>, BodyFault> {
        let mut all: Vec<&Requirement> = Vec::new();
        for message in messages {
            let one = self.find(message)?;
            if !all.iter().any(|other| std::ptr::eq(*other, one)) {
                all.push(one);
            }
        }
        match all[..] {
            [] => Ok((&self.default).into()),
            [one] => Ok(one.into()),
            [first, ref others @ ..] => {
                let one = others.iter().fold(first.clone(), |one, other| one.and((*other).clone()));
                Ok(Arc::new(one).into())
            }
        }
    }

    fn find(&self, message: &Message<'_>) -> Result<&Requirement, BodyFault> {
        if let Some(tool) = &message.tool
            && let Some(own) = self.tools.find(tool)?
        {
            return Ok(own);
        }
        let method = message.method.as_deref().map(|method| self.methods.find(method));
        Ok(method.transpose()?.flatten().unwrap_or(&self.default))
    }
}

/// The requirement of each name, and how the names look to careless readers.
#[derive(Clone, Debug, Default)]
struct Names {
    exact: HashMap<String, Requirement>,
    folded: HashSet<String>,
}

impl Names {
    /// Puts a requirement in; gives the one that the name had.
    fn insert(&mut self, name: String, requirement: Requirement) -> Option<Requirement> {
        self.folded.insert(folded(&name));
        self.exact.insert(name, requirement)
    }

    fn find(&self, name: &str) -> Result<Option<&Requirement>, BodyFault> {
        match self.exact.get(name) {
            None if self.folded.contains(&folded(name)) => Err(BodyFault::Ambiguous),
            found => Ok(found),
        }
    }
}

/// The members, each named as the method that it stands for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    default: Requirement,
    #[serde(default)]
    tools: Names,
    #[serde(default)]
    methods: Names,
    max_body: Option<usize>,
}

impl<'de> Deserialize<'de> for McpRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { default, tools, methods, max_body } = Written::deserialize(deserializer)?;
        if max_body.is_some_and(|bytes| !(1..=Self::MAX_BODY).contains(&bytes)) {
            return Err(D::Error::custom("max_body cannot be 0 or more than 64 MiB"));
        }
        let max_body = max_body.unwrap_or(Self::DEFAULT_MAX_BODY);
        Ok(Self { tools, methods, max_body, ..Self::new(default) })
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a requirement for each name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut names = Names::default();
        while let Some((name, requirement)) = map.next_entry()? {
            if names.insert(name, requirement).is_some() {
                return Err(A::Error::custom("a name has two requirements"));
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn message<'a>(method: &'a str, tool: Option<&'a str>) -> Message<'a> {
        Message { method: Some(Cow::Borrowed(method)), tool: tool.map(Cow::Borrowed) }
    }

    fn scope(name: &str) -> Requirement {
        Requirement::new().scope(name)
    }

    fn rules() -> McpRules {
        McpRules::new(scope("rest"))
            .tool("drop", scope("drop").max_age(Duration::ZERO))
            .tool("Größe", scope("size"))
            .method("resources/read", scope("files"))
    }

    /// The scopes of all that has to be met.
    fn scopes(rules: &McpRules, messages: &[Message<'_>]) -> Result<String, BodyFault> {
        rules.required(messages).map(|required| required.scopes().join(" "))
    }

    #[test]
    fn the_requirement_is_that_of_the_tool_then_of_the_method_then_the_default() {
        let calls = rules().method("tools/call", scope("call"));
        for (method, tool, own, with_calls) in [
            ("tools/call", Some("drop"), Ok("drop"), Ok("drop")),
            ("tools/call", Some("Größe"), Ok("size"), Ok("size")),
            ("tools/call", Some("unknown"), Ok("rest"), Ok("call")),
            ("tools/call", Some(""), Ok("rest"), Ok("call")),
            ("tools/list", None, Ok("rest"), Ok("rest")),
            ("resources/read", None, Ok("files"), Ok("files")),
            ("notifications/cancelled", None, Ok("rest"), Ok("rest")),
            ("tools/call", Some("Drop"), Err(BodyFault::Ambiguous), Err(BodyFault::Ambiguous)),
            ("tools/call", Some("drop\n"), Err(BodyFault::Ambiguous), Err(BodyFault::Ambiguous)),
            ("tools/call", Some("GRÖSSE"), Err(BodyFault::Ambiguous), Err(BodyFault::Ambiguous)),
            ("tools/call", Some("Große"), Ok("rest"), Ok("call")),
            ("tools/call", Some("GRÖßE"), Err(BodyFault::Ambiguous), Err(BodyFault::Ambiguous)),
            ("Resources/read", None, Err(BodyFault::Ambiguous), Err(BodyFault::Ambiguous)),
        ] {
            for (rules, expected) in [(rules(), own), (calls.clone(), with_calls)] {
                let found = scopes(&rules, &[message(method, tool)]);
                assert_eq!(found, expected.map(str::to_owned), "{method} {tool:?}");
            }
        }
    }

    #[test]
    fn of_a_list_each_message_has_to_meet_its_own() {
        let (rules, drop) = (rules(), message("tools/call", Some("drop")));
        let list = [message("ping", None), drop, message("tools/list", None)];
        assert_eq!(scopes(&rules, &list).unwrap(), "rest drop");
        let required = rules.required(&list).unwrap();
        assert_eq!(required.least(&|one| one.max_age.unwrap_or(Duration::MAX)), Duration::ZERO);
        assert_eq!(scopes(&rules, &[message("ping", None), message("x", None)]).unwrap(), "rest");
    }

    #[test]
    fn what_would_guard_nothing_is_refused_in_a_configuration() {
        for (name, written) in [
            ("no default", r#"{"tools": {}}"#),
            ("unknown member", r#"{"default": {}, "tool": {}}"#),
            ("a tool twice", r#"{"default": {}, "tools": {"a": {}, "a": {"user": true}}}"#),
            ("a method twice", r#"{"default": {}, "methods": {"a": {}, "a": {}}}"#),
            ("misspelt requirement", r#"{"default": {}, "tools": {"a": {"scope": "x"}}}"#),
            ("no body", r#"{"default": {}, "max_body": 0}"#),
            ("a huge body", r#"{"default": {}, "max_body": 67108865}"#),
        ] {
            assert!(serde_json::from_str::<McpRules>(written).is_err(), "{name}");
        }
        let written = r#"{"default": {}, "tools": {"a": {}}, "max_body": 67108864}"#;
        assert_eq!(serde_json::from_str::<McpRules>(written).unwrap().max_body, McpRules::MAX_BODY);
    }
}
