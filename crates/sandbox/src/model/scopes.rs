//! Scopes: what a token permits.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

/// A set of scopes, written as words separated by blanks
/// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). Order and repetition
/// carry no meaning and are not kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Scopes(BTreeSet<String>);

impl Scopes {
    /// The scopes that a client asks for; `None` for what is no list of scopes, such as words with
    /// a tab or two blanks between them. Whether it may have them is decided elsewhere.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_scope = |word: &str| !word.is_empty() && word.bytes().all(is_scope_byte);
        let words = || text.split(' ');
        match text.is_empty() {
            true => Some(Self::default()),
            false => words().all(is_scope).then(|| words().collect()),
        }
    }

    pub(crate) fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In alphabetical order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// `NQCHAR` of RFC 6749 appendix A.
fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl<T: AsRef<str>> FromIterator<T> for Scopes {
    fn from_iter<I: IntoIterator<Item = T>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(|scope| scope.as_ref().to_owned()).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(" "))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn scopes_are_words_between_single_blanks() {
        for (text, expected) in
            [("", ""), ("a", "a"), ("b a", "a b"), ("a a", "a"), ("a:b/c", "a:b/c")]
        {
            assert_eq!(Scopes::parse(text).unwrap().to_string(), expected);
        }
        for text in [" ", "a ", " a", "a  b", "a\tb", "a\nb", "\"a\"", "a\\b", "é"] {
            assert_eq!(Scopes::parse(text), None, "{text:?}");
        }
    }
}
