//! What many tokens have in common is kept once: a handful of scope sets and audiences, whatever
//! the number of tokens. Saves memory, and on a hit the time to fetch what no other hit has used.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::oauth::introspect::Introspection;
use crate::scope::Scopes;

/// Scope sets and audiences that were seen.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    scopes: HashSet<Scopes>,
    audiences: HashSet<Arc<[String]>>,
}

impl Interner {
    /// So many are remembered of either. With more of them there is nothing to share.
    const CAPACITY: usize = 1024;

    /// Replaces what this answer has in common with others by what they share.
    pub(crate) fn share(&self, answer: &mut Introspection) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        answer.scope = answer.scope.take().map(|scope| shared(&mut seen.scopes, scope));
        answer.aud = shared(&mut seen.audiences, std::mem::take(&mut answer.aud));
    }
}

fn shared<T: Clone + Eq + std::hash::Hash>(seen: &mut HashSet<T>, value: T) -> T {
    if let Some(known) = seen.get(&value) {
        return known.clone();
    }
    if seen.len() >= Interner::CAPACITY {
        // Those in use stay where they are used.
        seen.clear();
    }
    seen.insert(value.clone());
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::introspection;
    use serde_json::json;

    #[test]
    fn equal_grants_are_one() {
        let interner = Interner::default();
        let shared = || {
            let mut answer = introspection(json!({"scope": "a b", "aud": "x"}));
            interner.share(&mut answer);
            answer
        };
        let (one, other) = (shared(), shared());
        assert!(Arc::ptr_eq(&one.aud, &other.aud));
        assert_eq!(one, other);
    }

    #[test]
    fn they_are_bounded() {
        let interner = Interner::default();
        for number in 0..3 * Interner::CAPACITY {
            interner.share(&mut introspection(json!({"aud": number.to_string()})));
        }
        assert!(interner.seen.lock().unwrap().audiences.len() <= Interner::CAPACITY);
    }
}
