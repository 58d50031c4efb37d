//! Strict JSON objects, read once and borrowed where possible.
//!
//! Two readers of one text must not see two different things, so a member that occurs twice is
//! refused at any depth ([RFC 8725 §2.4](https://www.rfc-editor.org/rfc/rfc8725#section-2.4)
//! describes the attacks). So is nesting deeper than any answer needs.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// Why a text is not the JSON that is wanted.
///
/// # Example
///
/// ```
/// use okta_introspect::verify::JsonFault;
///
/// assert_eq!(JsonFault::DuplicateMember.to_string(), "has a member twice");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JsonFault {
    /// It is not JSON at all, or something stands behind it.
    #[error("is not JSON")]
    Syntax,
    /// It is JSON, but not an object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A member occurs twice, at the top or in an object inside.
    #[error("has a member twice")]
    DuplicateMember,
    /// Arrays and objects are nested deeper than 32 levels.
    #[error("is nested too deep")]
    TooDeep,
}

/// How many arrays and objects may lie in one another, the outermost one counted.
const MAX_DEPTH: usize = 32;

/// Reads a document into a `T`, and refuses what [`Object::parse`] refuses.
///
/// # Errors
///
/// Those of serde_json; a duplicate member, too deep nesting and what is no object are among its
/// data errors.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    match Object::parse(json) {
        // serde_json knows the line and the column of an error in the syntax.
        Ok(_) | Err(JsonFault::Syntax) => serde_json::from_slice(json),
        // A list is not read as the members in their order, as serde would.
        Err(fault) => Err(serde_json::Error::custom(fault)),
    }
}

/// A JSON value whose texts are borrowed unless they contain escapes.
#[derive(Debug, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Object<'a>),
}

impl<'a> Node<'a> {
    /// The value, if it is a text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value, if it is an object.
    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// A JSON object without duplicate members, in the order of its text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Object<'a> {
    /// Reads exactly one object.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, JsonFault> {
        let fault = Cell::new(None);
        // Once for the whole is quicker than once for each text in it.
        let json = std::str::from_utf8(json).map_err(|_| JsonFault::Syntax)?;
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let seed = Strict { depth: 0, fault: &fault };
        let node = seed.deserialize(&mut deserializer).and_then(|node| {
            deserializer.end()?;
            Ok(node)
        });
        match node {
            Ok(Node::Object(object)) => Ok(object),
            Ok(_) => Err(JsonFault::NotAnObject),
            Err(_) => Err(fault.get().unwrap_or(JsonFault::Syntax)),
        }
    }

    /// A member's value.
    pub(crate) fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.0.iter().find_map(|(own, node)| (own == name).then_some(node))
    }

    /// The members as an ordinary JSON object.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.into_iter().map(|(name, node)| (name.into_owned(), node.into())).collect()
    }

    /// Whether a name occurs twice. Comparing each with each is quickest for the few members that
    /// tokens have; sorting keeps an object of thousands from taking quadratic time.
    fn has_duplicates(&self) -> bool {
        const FEW: usize = 24;
        let names = || self.0.iter().map(|(name, _)| &**name);
        if self.0.len() <= FEW {
            return names().enumerate().any(|(at, name)| names().take(at).any(|n| n == name));
        }
        let mut sorted: Vec<&str> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl<'a> IntoIterator for Object<'a> {
    type Item = (Cow<'a, str>, Node<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Node<'_>> for Value {
    fn from(node: Node<'_>) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(truth) => Self::Bool(truth),
            Node::Number(number) => Self::Number(number),
            Node::Text(text) => Self::String(text.into_owned()),
            Node::List(list) => Self::Array(list.into_iter().map(Self::from).collect()),
            Node::Object(object) => Self::Object(object.into_map()),
        }
    }
}

/// Reads one value at some depth. The errors of serde_json cannot carry a [`JsonFault`], so it is
/// left in the cell.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    fault: &'f Cell<Option<JsonFault>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonFault::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn refuse<E: serde::de::Error>(self, fault: JsonFault) -> E {
        self.fault.set(Some(fault));
        E::custom(fault)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Node<'de>, E> {
        Number::from_f64(number).map(Node::Number).ok_or_else(|| E::custom("a number"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut object = Object(Vec::with_capacity(16));
        while let Some(name) = members.next_key_seed(inner)? {
            let Node::Text(name) = name else {
                return Err(A::Error::custom("a member's name is text"));
            };
            object.0.push((name, members.next_value_seed(inner)?));
        }
        if object.has_duplicates() {
            return Err(self.refuse(JsonFault::DuplicateMember));
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Map<String, Value>, JsonFault> {
        Object::parse(json.as_bytes()).map(Object::into_map)
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        let json = r#" {"a":[1,-2,3.5,true,null,"x\n\u00e9"],"b":{"c":{}},"é":"\\","":18446744073709551615} "#;
        assert_eq!(
            Value::Object(parse(json).unwrap()),
            serde_json::from_str::<Value>(json).unwrap()
        );
    }

    #[test]
    fn faults_are_told_apart() {
        let many = (0..40).map(|n| format!(r#""m{n}":0"#)).collect::<Vec<_>>().join(",");
        let cases = [
            ("empty", String::new(), JsonFault::Syntax),
            ("cut off", r#"{"a":"#.to_owned(), JsonFault::Syntax),
            ("something behind", "{} x".to_owned(), JsonFault::Syntax),
            ("two objects", "{}{}".to_owned(), JsonFault::Syntax),
            ("byte order mark", "\u{feff}{}".to_owned(), JsonFault::Syntax),
            ("comment", "{/**/}".to_owned(), JsonFault::Syntax),
            ("trailing comma", r#"{"a":1,}"#.to_owned(), JsonFault::Syntax),
            ("half a surrogate pair", r#"{"a":"\ud800"}"#.to_owned(), JsonFault::Syntax),
            ("huge number", r#"{"a":1e999}"#.to_owned(), JsonFault::Syntax),
            ("list", "[{}]".to_owned(), JsonFault::NotAnObject),
            ("text", r#""{}""#.to_owned(), JsonFault::NotAnObject),
            ("duplicate", r#"{"a":1,"a":1}"#.to_owned(), JsonFault::DuplicateMember),
            ("escaped duplicate", r#"{"a":1,"\u0061":2}"#.to_owned(), JsonFault::DuplicateMember),
            ("duplicate inside", r#"{"a":[{"b":1,"b":2}]}"#.to_owned(), JsonFault::DuplicateMember),
            ("duplicate of many", format!(r#"{{{many},"m7":1}}"#), JsonFault::DuplicateMember),
        ];
        for (name, json, fault) in cases {
            assert_eq!(parse(&json), Err(fault), "{name}");
        }
        assert!(parse(&format!("{{{many}}}")).is_ok());
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}"), Err(JsonFault::Syntax));
    }

    #[test]
    fn a_document_with_a_member_twice_is_not_read() {
        #[derive(Debug, serde::Deserialize)]
        struct Answer {
            active: bool,
            #[serde(flatten)]
            extra: Map<String, Value>,
        }
        let answer: Answer = read(br#"{"active":true,"sub":"a"}"#).unwrap();
        assert!(answer.active && answer.extra.len() == 1);
        for twice in [
            r#"{"active":true,"sub":"a","sub":"b"}"#,
            r#"{"active":true,"active":false}"#,
            r#"{"active":true,"cnf":{"jkt":"a","jkt":"b"}}"#,
        ] {
            let error = read::<Answer>(twice.as_bytes()).unwrap_err();
            assert!(error.is_data() && error.to_string().contains("twice"), "{twice}: {error}");
        }
        assert!(read::<Answer>(b"[]").unwrap_err().is_data());
        assert!(read::<Answer>(b"{").unwrap_err().is_eof());
    }

    #[test]
    fn a_list_is_no_document_even_where_its_values_fit() {
        #[derive(Debug, serde::Deserialize)]
        struct Answer {
            access_token: String,
        }
        let answer: Answer = read(br#"{"access_token":"a"}"#).unwrap();
        assert_eq!(answer.access_token, "a");
        let error = read::<Answer>(br#"["a"]"#).unwrap_err();
        assert!(error.is_data() && error.to_string().contains("not a JSON object"), "{error}");
    }

    #[test]
    fn the_deepest_nesting_allowed_is_32() {
        let nested =
            |lists: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(lists), "]".repeat(lists));
        assert!(parse(&nested(31)).is_ok());
        assert_eq!(parse(&nested(32)), Err(JsonFault::TooDeep));
        assert_eq!(parse(&nested(10_000)), Err(JsonFault::TooDeep));
    }
}
