//! Form bodies.

use crate::model::recorded::{Pairs, find, pairs};

/// The members of a form, each of which occurs once
/// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
#[derive(Default)]
pub(crate) struct Form(Pairs);

impl Form {
    /// Reads a form, unless a member occurs twice.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let pairs = pairs(body);
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let has_duplicates = names.windows(2).any(|pair| pair[0] == pair[1]);
        (!has_duplicates).then_some(Self(pairs))
    }

    /// A member as it was sent, empty or not.
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        find(&self.0, name)
    }

    /// A member that is present and not empty; RFC 6749 §3.2 takes an empty one for absent.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.sent(name).filter(|value| !value.is_empty())
    }
}
