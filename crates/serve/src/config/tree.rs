//! The parsed file: values and the lines that they stand in.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;
use zeroize::Zeroizing;

use super::faults::Faults;
use super::malformed;
use crate::error::Fault;

/// How deep values may be nested: the document itself has five levels.
const MAX_DEPTH: usize = 16;

/// How many values a file may have, in all, names among them: 10,000 rules have some 100,000.
const MAX_NODES: usize = 250_000;

/// A value, and the line that it stands in.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) kind: Kind,
    /// Whether a variable or a file gave the text, so that it may have to be read as a number.
    pub(super) is_expanded: bool,
}

/// What a value is.
#[derive(Default)]
pub(super) enum Kind {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of a map. Its line is that of its name.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) node: Node,
}

impl Node {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// What is wrong, without a word of the text.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        // Snippets would quote the file in the error, and with it a key.
        let options = serde_saphyr::options! {
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_depth: MAX_DEPTH,
                max_nodes: MAX_NODES,
                // They have no use here, and a few nested ones are a billion values.
                max_anchors: 0,
                max_aliases: 0,
            },
        };
        let node: Option<Self> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|cause| malformed::explain(text, &cause))?;
        let node = node.unwrap_or_default();
        Ok(match node.kind {
            // A file of comments alone says as much as `{}`.
            Kind::Null => Self { kind: Kind::Map(Vec::new()), ..node },
            _ => node,
        })
    }

    /// The member of a map.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        let Kind::Map(members) = &self.kind else { return None };
        members.iter().find(|member| member.name == name)
    }

    /// Takes the member of a map out, unless it says nothing.
    pub(super) fn take(&mut self, name: &str) -> Option<Self> {
        let Kind::Map(members) = &mut self.kind else { return None };
        let index = members.iter().position(|member| member.name == name)?;
        let node = members.swap_remove(index).node;
        (!matches!(node.kind, Kind::Null)).then_some(node)
    }

    /// Puts a map in place of the text of a member, with that text as what it has under `short`.
    pub(super) fn spell_out(&mut self, name: &str, short: &str) {
        let Kind::Map(members) = &mut self.kind else { return };
        let Some(member) = members.iter_mut().find(|member| member.name == name) else { return };
        if matches!(member.node.kind, Kind::Text(_)) {
            let (line, node) = (member.node.line, std::mem::take(&mut member.node));
            let inside = Member { name: short.to_owned(), line, node };
            member.node = Self { line, kind: Kind::Map(vec![inside]), is_expanded: false };
        }
    }

    /// Tells the line of everything.
    pub(super) fn tell_lines(&self, place: &str, faults: &mut Faults) {
        match &self.kind {
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let place = format!("{place}[{index}]");
                    faults.set_line(&place, item.line);
                    item.tell_lines(&place, faults);
                }
            }
            Kind::Map(members) => {
                for member in members {
                    let place = join(place, &member.name);
                    faults.set_line(&place, member.line);
                    member.node.tell_lines(&place, faults);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
        }
    }

    /// A copy of the value, for what is no secret.
    pub(super) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.to_string()),
            Kind::List(items) => items.iter().map(Self::to_value).collect(),
            Kind::Map(members) => {
                members.iter().map(|member| (member.name.clone(), member.node.to_value())).collect()
            }
        }
    }

    /// The value for serde. Texts are moved, so that no copy of a secret is left behind.
    pub(super) fn into_value(self) -> Value {
        match self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(flag),
            Kind::Number(number) => Value::Number(number),
            Kind::Text(mut text) => Value::String(std::mem::take(&mut *text)),
            Kind::List(items) => items.into_iter().map(Self::into_value).collect(),
            Kind::Map(members) => {
                let members = members.into_iter();
                members.map(|member| (member.name, member.node.into_value())).collect()
            }
        }
    }
}

impl Kind {
    /// What it is, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Names alone: values may be secrets.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => items.fmt(f),
            Self::Map(members) => members.fmt(f),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => {
                f.write_str(self.name())
            }
        }
    }
}

/// The place of a member. Names that nobody knows are shown only if they cannot be secrets.
pub(super) fn join(place: &str, name: &str) -> String {
    let is_name = name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let name = if is_name { name } else { "…" };
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned: Spanned<Kind> = Spanned::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), kind: spanned.value, is_expanded: false })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Kind, E> {
        Number::from_f64(number).map(Kind::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Kind, E> {
        Ok(Kind::Text(Zeroizing::new(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some((name, node)) = members.next_entry::<Spanned<String>, Node>()? {
            map.push(Member { line: name.referenced.line(), name: name.value, node });
        }
        Ok(Kind::Map(map))
    }
}
