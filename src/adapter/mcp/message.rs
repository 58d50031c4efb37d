//! Reads of JSON-RPC messages what decides which requirement they have to meet: the method, and the
//! tool of a call.
//!
//! The service behind reads the same bytes with a reader of its own. So whatever another reader might
//! take for something else is refused: a member twice, or in other letters (Go's reader of JSON, for
//! one, takes `Method` for `method`). Nothing is kept but the two names, whatever the body is like.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fault::BodyFault;

/// What one message asks for.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Message<'a> {
    /// `None` in a response of the client's.
    pub(super) method: Option<Cow<'a, str>>,
    /// The tool, where the method is `tools/call`.
    pub(super) tool: Option<Cow<'a, str>>,
}

/// The method that calls a tool.
pub(super) const CALL: &str = "tools/call";

/// How many messages a list may have.
const MAX_MESSAGES: usize = 256;

/// How many arrays and objects may lie in one another, the outermost one counted.
const MAX_DEPTH: usize = 64;

/// Reads a body: one message, or a list of them.
pub(super) fn read(body: &[u8]) -> Result<Vec<Message<'_>>, BodyFault> {
    let fault = Cell::new(None);
    let text = std::str::from_utf8(body).map_err(|_| BodyFault::NoMessage)?;
    let mut from = serde_json::Deserializer::from_str(text);
    let messages = Body(&fault).deserialize(&mut from);
    let messages = messages.and_then(|messages| from.end().map(|()| messages));
    messages.map_err(|_| fault.get().unwrap_or(BodyFault::NoMessage))
}

/// A text as it looks to a reader that does not care about letters, blanks, and characters that are
/// not seen.
pub(super) fn folded(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !is_format(*c));
    // To capitals first: `ſ` is a small letter whose capital is `S`.
    let small = visible.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    // What `İ` leaves beside an `i`; some readers, such as Java's, leave nothing.
    small.filter(|c| *c != '\u{307}').collect()
}

/// Marks, joiners and directions. JavaScript's `trim` takes the first of them for a blank.
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{feff}'
            | '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
    )
}

/// Whether a text ends early for a reader in C.
fn has_zero(text: &str) -> bool {
    text.contains('\0')
}

/// Errors of serde_json cannot carry a fault, so it is left in the cell.
type Fault<'f> = &'f Cell<Option<BodyFault>>;

fn refuse<E: Error>(cell: Fault<'_>, fault: BodyFault) -> E {
    cell.set(Some(fault));
    E::custom(fault)
}

#[derive(Clone, Copy)]
struct Body<'f>(Fault<'f>);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = Vec<Message<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Vec<Message<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of JSON-RPC, or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        One { fault: self.0, depth: 1 }.visit_map(members).map(|message| vec![message])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = items.next_element_seed(One { fault: self.0, depth: 2 })? {
            if messages.len() == MAX_MESSAGES {
                return Err(refuse(self.0, BodyFault::TooMany));
            }
            messages.push(message);
        }
        // JSON-RPC 2.0 §6: an empty list is no request.
        if messages.is_empty() { Err(refuse(self.0, BodyFault::NoMessage)) } else { Ok(messages) }
    }
}

/// One message.
#[derive(Clone, Copy)]
struct One<'f> {
    fault: Fault<'f>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Message<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Message<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of JSON-RPC")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Message<'de>, A::Error> {
        let Self { fault, depth } = self;
        let (mut method, mut tool) = (Node::Absent, Node::Absent);
        let value = |name| Value { fault, depth, tool_of: name == "params" };
        each_member(members, &MEMBERS, fault, value, |name, node| match name {
            "method" => method = node,
            "params" => tool = node,
            _ => {}
        })?;
        let method = match method {
            Node::Text(method)
                if has_zero(&method) || method != CALL && folded(&method) == CALL =>
            {
                return Err(refuse(fault, BodyFault::Ambiguous));
            }
            Node::Text(method) => Some(method),
            Node::Absent => None,
            Node::Other => return Err(refuse(fault, BodyFault::NoMessage)),
        };
        let tool = match (method.as_deref(), tool) {
            (Some(CALL), Node::Text(tool)) if has_zero(&tool) => {
                return Err(refuse(fault, BodyFault::Ambiguous));
            }
            (Some(CALL), Node::Text(tool)) => Some(tool),
            (Some(CALL), _) => return Err(refuse(fault, BodyFault::NoTool)),
            _ => None,
        };
        Ok(Message { method, tool })
    }
}

/// The members of a message, and those of its `params`, that the service may look at; they are as
/// [`folded`] leaves them.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: [&str; 2] = ["name", "arguments"];

/// In JavaScript a copy of an object may take from this member what it has not itself.
const PROTOTYPE: &str = "__proto__";

/// Reads an object whose members of these names must be there once at most, in these letters.
fn each_member<'de, 'f, A: MapAccess<'de>>(
    mut members: A,
    names: &[&'static str],
    fault: Fault<'f>,
    value: impl Fn(&'static str) -> Value<'f>,
    mut found: impl FnMut(&'static str, Node<'de>),
) -> Result<(), A::Error> {
    let mut seen = 0_u32;
    while let Some(name) = members.next_key_seed(value(""))? {
        let Node::Text(name) = name else { return Err(refuse(fault, BodyFault::NoMessage)) };
        let Some(at) = names.iter().position(|known| *known == name) else {
            if name == PROTOTYPE || has_zero(&name) || names.contains(&&*folded(&name)) {
                return Err(refuse(fault, BodyFault::Ambiguous));
            }
            members.next_value_seed(value(""))?;
            continue;
        };
        if seen & (1 << at) != 0 {
            return Err(refuse(fault, BodyFault::Ambiguous));
        }
        seen |= 1 << at;
        found(names[at], members.next_value_seed(value(names[at]))?);
    }
    Ok(())
}

/// What is kept of a value.
enum Node<'a> {
    Absent,
    Text(Cow<'a, str>),
    Other,
}

/// A value, of which only a text is kept; or the `params` of a message, of which only the text in
/// `name` is kept.
#[derive(Clone, Copy)]
struct Value<'f> {
    fault: Fault<'f>,
    depth: usize,
    tool_of: bool,
}

impl<'f> Value<'f> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(refuse(self.fault, BodyFault::TooDeep));
        }
        Ok(Value { depth: self.depth + 1, tool_of: false, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        // A text is no `params`.
        Ok(if self.tool_of { Node::Other } else { Node::Text(Cow::Borrowed(text)) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(if self.tool_of { Node::Other } else { Node::Text(Cow::Owned(text.to_owned())) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Node::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        if !self.tool_of {
            while members.next_key_seed(inner)?.is_some() {
                members.next_value_seed(inner)?;
            }
            return Ok(Node::Other);
        }
        let mut tool = Node::Other;
        each_member(
            members,
            &PARAMS,
            self.fault,
            |_| inner,
            |name, node| {
                if name == "name" {
                    tool = node;
                }
            },
        )?;
        Ok(tool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<'a>(method: Option<&'a str>, tool: Option<&'a str>) -> Message<'a> {
        Message { method: method.map(Cow::Borrowed), tool: tool.map(Cow::Borrowed) }
    }

    #[test]
    fn method_and_tool_are_read_wherever_they_stand() {
        let call = || vec![message(Some("tools/call"), Some("drop"))];
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop"}}"#, call()),
            (
                r#"{"params":{"arguments":{"name":"x"},"name":"drop"},"method":"tools/call"}"#,
                call(),
            ),
            (
                r#" { "method" : "tools\/call" , "params" : { "n\u0061me" : "dr\u006fp" } } "#,
                call(),
            ),
            (r#"{"method":"tools/list"}"#, vec![message(Some("tools/list"), None)]),
            (
                r#"{"method":"prompts/get","params":{"name":"drop"}}"#,
                vec![message(Some("prompts/get"), None)],
            ),
            (r#"{"method":"ping","params":[1]}"#, vec![message(Some("ping"), None)]),
            (r#"{"id":1,"result":{"name":"drop","method":"x"}}"#, vec![message(None, None)]),
            (
                r#"[{"method":"ping"},{"method":"tools/call","params":{"name":"drop"}}]"#,
                vec![message(Some("ping"), None), message(Some("tools/call"), Some("drop"))],
            ),
            ("{}", vec![message(None, None)]),
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn letters_that_another_reader_takes_for_the_same_are_the_same() {
        for other in
            ["LIST", "L\u{130}ST", "l\u{131}st", "li\u{17f}t", "li\u{200d}st", " li\u{a0}st\t"]
        {
            assert_eq!(folded(other), "list", "{other:?}");
        }
    }

    #[test]
    fn whatever_another_reader_may_read_differently_is_refused() {
        use BodyFault::{Ambiguous, NoMessage, NoTool, TooDeep, TooMany};
        let nested = |levels| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let list = |count| format!("[{}]", vec!["{}"; count].join(","));
        for (body, fault) in [
            ("", NoMessage),
            (" ", NoMessage),
            ("null", NoMessage),
            ("\"tools/call\"", NoMessage),
            ("[]", NoMessage),
            ("[1]", NoMessage),
            ("[[{}]]", NoMessage),
            ("{", NoMessage),
            ("{}{}", NoMessage),
            ("{},", NoMessage),
            ("\u{feff}{}", NoMessage),
            ("{/**/}", NoMessage),
            (r#"{"method":"ping",}"#, NoMessage),
            (r#"{'method':'ping'}"#, NoMessage),
            (r#"{"method":1}"#, NoMessage),
            (r#"{"method":null}"#, NoMessage),
            (r#"{"method":["tools/call"]}"#, NoMessage),
            (r#"{"method":"\ud800"}"#, NoMessage),
            (r#"{"x":1e999}"#, NoMessage),
            (r#"{"method":"tools/call"}"#, NoTool),
            (r#"{"method":"tools/call","params":null}"#, NoTool),
            (r#"{"method":"tools/call","params":"drop"}"#, NoTool),
            (r#"{"method":"tools/call","params":["drop"]}"#, NoTool),
            (r#"{"method":"tools/call","params":{}}"#, NoTool),
            (r#"{"method":"tools/call","params":{"name":1}}"#, NoTool),
            (r#"{"method":"tools/call","params":{"name":null}}"#, NoTool),
            (r#"{"method":"tools/call","params":{"name":["drop"]}}"#, NoTool),
            (r#"{"method":"ping","method":"tools/call"}"#, Ambiguous),
            (r#"{"method":"ping","m\u0065thod":"ping"}"#, Ambiguous),
            (r#"{"params":{"name":"a"},"params":{"name":"b"}}"#, Ambiguous),
            (r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#, Ambiguous),
            (r#"{"method":"ping","Method":"tools/call"}"#, Ambiguous),
            (r#"{"method":"ping","param\u017f":{"name":"drop"}}"#, Ambiguous),
            (r#"{"method":"ping","method ":"tools/call"}"#, Ambiguous),
            (r#"{"method":"ping","method\u0000":"tools/call"}"#, Ambiguous),
            (r#"{"method":"tools/call","params":{"name":"a","Name":"b"}}"#, Ambiguous),
            (r#"{"method":"Tools/Call","params":{"name":"a"}}"#, Ambiguous),
            (r#"{"method":"tools/call ","params":{"name":"a"}}"#, Ambiguous),
            (r#"{"method":"tool\u017f/call","params":{"name":"a"}}"#, Ambiguous),
            (&nested(64), TooDeep),
            (&nested(100_000), TooDeep),
            (&list(257), TooMany),
        ] {
            assert_eq!(read(body.as_bytes()), Err(fault), "{body:.80}");
        }
        assert_eq!(read(b"{\"method\":\"\xff\"}"), Err(NoMessage));
        assert!(read(nested(63).as_bytes()).is_ok());
        assert!(read(list(256).as_bytes()).is_ok());
    }

    /// A reader as services have it: the last of several members counts.
    fn service_reads(value: &serde_json::Value) -> (Option<&str>, Option<&str>) {
        let method = value["method"].as_str();
        (method, value["params"]["name"].as_str().filter(|_| method == Some(CALL)))
    }

    #[test]
    fn what_is_read_is_what_the_service_reads_whatever_is_changed() {
        let texts = [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop","a":[{}]}}"#,
            r#"[{"params":{"name":"a","nome":1},"method":"ping"},{"method":"tools/call","params":{"name":"b"}}]"#,
        ];
        let pieces = [
            "",
            "\"",
            "\\",
            ",",
            ":",
            "{",
            "}",
            "[",
            "]",
            " ",
            "\u{0}",
            "n",
            "M",
            "0",
            "\\u0061",
            "\"method\":\"tools/call\",",
            "\"name\":\"other\",",
            "\"params\":{\"name\":\"other\"},",
        ];
        let (mut read_ok, mut refused) = (0, 0);
        for text in texts {
            for (at, piece) in (0..text.len()).flat_map(|at| pieces.map(|piece| (at, piece))) {
                for end in [at, at + 1] {
                    let changed = format!("{}{piece}{}", &text[..at], &text[end..]);
                    let Ok(messages) = read(changed.as_bytes()) else {
                        refused += 1;
                        continue;
                    };
                    read_ok += 1;
                    let value: serde_json::Value = serde_json::from_str(&changed).unwrap();
                    let items = value
                        .as_array()
                        .map_or_else(|| std::slice::from_ref(&value), Vec::as_slice);
                    let ours =
                        messages.iter().map(|one| (one.method.as_deref(), one.tool.as_deref()));
                    assert!(ours.eq(items.iter().map(service_reads)), "{changed}");
                }
            }
        }
        assert!(read_ok > 1000 && refused > 1000, "{read_ok} {refused}");
    }
}
