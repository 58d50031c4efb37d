//! Scopes: what a token permits.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

/// A set of scopes, written on the wire as words separated by single blanks
/// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
///
/// Order and repetition carry no meaning and are not kept. Cheap to clone.
///
/// # Example: what is missing
///
/// ```
/// use okta_introspect::Scopes;
///
/// let granted = Scopes::parse("okta.users.read okta.apps.read")?;
/// assert!(granted.contains("okta.apps.read"));
/// assert!(!granted.is_superset(&Scopes::parse("okta.logs.read")?));
/// assert_eq!(granted.to_string(), "okta.apps.read okta.users.read");
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scopes(Arc<[String]>);

impl Scopes {
    /// The longest scope text sent, in bytes: Okta's limit.
    pub const MAX_LEN: usize = 4096;

    /// Reads scopes that are to be requested: `"okta.users.read okta.apps.read"`.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is none, if one contains a comma (almost
    /// always a list in the wrong notation) or a character that scopes cannot have, or if
    /// together they are longer than [`MAX_LEN`](Self::MAX_LEN).
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > Self::MAX_LEN {
            let what = format!(
                "the scopes are {} bytes long; at most {} are taken",
                text.len(),
                Self::MAX_LEN
            );
            return Err(Error::input(what).advise("request fewer scopes"));
        }
        let scopes = Self::from_answer(text);
        if scopes.is_empty() {
            let advice = "name at least one, for instance okta.users.read";
            return Err(Error::input("no scope was given").advise(advice));
        }
        for scope in &scopes {
            // Not repeated: it may be a token that was given in the place of scopes.
            if scope.contains(',') {
                return Err(
                    Error::input("a scope contains a comma").advise("separate scopes with blanks")
                );
            }
            if !is_scope(scope) {
                return Err(Error::input("a scope contains a character that scopes cannot have")
                    .advise("use visible ASCII without quotes or backslashes"));
            }
        }
        Ok(scopes)
    }

    /// Reads the scopes of an answer. Any text of a server is taken.
    pub(crate) fn from_answer(text: &str) -> Self {
        let mut scopes: Vec<&str> = text.split_ascii_whitespace().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into_iter().map(str::to_owned).collect())
    }

    /// Whether `scope` is one of these.
    #[inline]
    pub fn contains(&self, scope: &str) -> bool {
        // They are few, and most differ in their length already: quicker than a search.
        self.iter().any(|own| own == scope)
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether every scope of `other` is one of these.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.into_iter()
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a str;
    type IntoIter = std::iter::Map<std::slice::Iter<'a, String>, fn(&'a String) -> &'a str>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for Scopes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_answer(&text))
    }
}

/// Whether a text is one scope ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
pub(crate) fn is_scope(text: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(may_stand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scopes = Scopes::parse("b a  b\ta").unwrap();
        assert_eq!(scopes.to_string(), "a b");
        assert_eq!(scopes, Scopes::parse("a b").unwrap());
    }

    #[test]
    fn unusable_scopes_are_refused() {
        let long = "x".repeat(Scopes::MAX_LEN + 1);
        for (name, text) in [
            ("empty", ""),
            ("blank", "  "),
            ("comma", "okta.users.read,okta.apps.read"),
            ("quote", "okta.\"users\""),
            ("control character", "okta.users\u{7}"),
            ("too long", &long),
        ] {
            assert_eq!(Scopes::parse(text).expect_err(name).kind(), ErrorKind::Input, "{name}");
        }
        assert!(Scopes::parse(&long[1..]).is_ok());
    }
}
