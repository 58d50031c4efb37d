//! Form bodies.

use std::collections::HashSet;

use crate::model::recorded::{Pairs, find};

/// The members of a form, each of which occurs once
/// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
#[derive(Default)]
pub(crate) struct Form(Pairs);

impl Form {
    /// Reads a form, unless a member occurs twice; reading ends there.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut names = HashSet::new();
        let pairs = form_urlencoded::parse(body).map(|(name, value)| {
            let pair = (name.into_owned(), value.into_owned());
            names.insert(pair.0.clone()).then_some(pair)
        });
        pairs.collect::<Option<Pairs>>().map(Self)
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
