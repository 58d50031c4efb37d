//! JSON of which single members may be anything: what does not fit is absent, and only what is no
//! JSON at all fails. So one odd event among a thousand does not hide the others.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text of bounded length; `None` for whatever else stands there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    /// The longest text that is kept, in bytes. Ids, logins and hashes of Okta's are shorter.
    pub(super) const MAX_LEN: usize = 512;

    fn of(text: &str) -> Self {
        Self((!text.is_empty() && text.len() <= Self::MAX_LEN).then(|| text.to_owned()))
    }
}

/// The known members of an object.
pub(super) trait Members: Default {
    /// Takes the value of a member from `values`, be it known or not.
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
    ) -> Result<(), A::Error>;
}

/// An object; `None` for whatever else stands there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Object<T>(pub(super) Option<T>);

/// A list of which the first `MAX` items are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct List<T, const MAX: usize> {
    pub(super) items: Vec<T>,
    /// There were more, or it was no list.
    pub(super) is_short: bool,
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), is_short: false }
    }
}

/// Takes a value that has no place, and keeps nothing of it.
pub(super) fn skip<'de, A: MapAccess<'de>>(values: &mut A) -> Result<(), A::Error> {
    values.next_value::<IgnoredAny>().map(|_| ())
}

/// Reads what stands there as what it is.
struct Anything<T>(PhantomData<T>);

/// What can be made of some kinds of values.
trait Kind<'de>: Default {
    fn text(_: &str) -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn other() -> Self {
        Self::default()
    }
}

impl Kind<'_> for Text {
    fn text(text: &str) -> Self {
        Self::of(text)
    }
}

impl<'de, T: Members> Kind<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut object = T::default();
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            object.member(&name, &mut members)?;
        }
        Ok(Self(Some(object)))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Kind<'de> for List<T, MAX> {
    fn text(_: &str) -> Self {
        Self::other()
    }

    fn list<A: SeqAccess<'de>>(mut source: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while items.len() < MAX {
            match source.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Self { items, is_short: false }),
            }
        }
        let mut is_short = false;
        while source.next_element::<IgnoredAny>()?.is_some() {
            is_short = true;
        }
        Ok(Self { items, is_short })
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other())
    }

    fn other() -> Self {
        Self { items: Vec::new(), is_short: true }
    }
}

impl<'de, T: Kind<'de>> Visitor<'de> for Anything<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    /// Nothing at all, as if it were absent.
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::object(members)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Anything(PhantomData))
    }
}

impl<'de, T: Members> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Anything(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Anything(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Named {
        id: Text,
    }

    impl Members for Named {
        fn member<'de, A: MapAccess<'de>>(
            &mut self,
            name: &str,
            values: &mut A,
        ) -> Result<(), A::Error> {
            match name {
                "id" => self.id = values.next_value()?,
                _ => skip(values)?,
            }
            Ok(())
        }
    }

    fn id(json: &str) -> Option<Option<String>> {
        serde_json::from_str::<Object<Named>>(json).unwrap().0.map(|named| named.id.0)
    }

    #[test]
    fn what_does_not_fit_is_absent_and_hides_nothing_else() {
        let deep = format!(r#"{{"x":{}{},"id":"a"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for json in [r#"{"id":"a"}"#, r#"{"x":{"id":[1]},"id":"a"}"#, &deep] {
            assert_eq!(id(json), Some(Some("a".to_owned())));
        }
        for json in ["{}", r#"{"id":1}"#, r#"{"id":null}"#, r#"{"id":{"id":"a"}}"#, r#"{"id":""}"#]
        {
            assert_eq!(id(json), Some(None), "{json}");
        }
        for json in ["null", "true", "-1", "1.5", "\"a\"", "[{\"id\":\"a\"}]"] {
            assert_eq!(id(json), None, "{json}");
        }
    }

    #[test]
    fn texts_are_kept_up_to_their_bound() {
        for (len, is_kept) in [(511, true), (512, true), (513, false)] {
            let json = format!(r#"{{"id":"{}"}}"#, "a".repeat(len));
            assert_eq!(id(&json).unwrap().is_some(), is_kept, "{len}");
        }
    }

    #[test]
    fn lists_are_kept_up_to_their_bound_and_say_so() {
        for (json, items, is_short) in [
            ("[]", 0, false),
            ("null", 0, false),
            (r#"["a"]"#, 1, false),
            (r#"["a","b"]"#, 2, false),
            (r#"["a","b","c"]"#, 2, true),
            ("7", 0, true),
            (r#"{"a":"b"}"#, 0, true),
        ] {
            let list: List<Text, 2> = serde_json::from_str(json).unwrap();
            assert_eq!((list.items.len(), list.is_short), (items, is_short), "{json}");
        }
    }
}
