//! What many tokens have in common is kept once: a handful of clients, scope sets and audiences,
//! whatever the number of tokens. Saves memory, and on a hit the time to fetch what no other hit
//! has used.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::oauth::introspect::Introspection;
use crate::scope::Scopes;

/// What an answer says that is likely to be said of other tokens too.
#[derive(Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Common {
    pub(crate) scope: Option<Scopes>,
    pub(crate) aud: Arc<[String]>,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) iss: Option<Box<str>>,
    pub(crate) token_type: Option<Box<str>>,
    /// The names of the members without a field; the values are each token's own.
    pub(crate) names: Box<[Box<str>]>,
}

impl Common {
    /// Takes it out of an answer, all but the names: they stay with their values.
    fn take(answer: &mut Introspection) -> Self {
        Self {
            scope: answer.scope.take(),
            aud: std::mem::take(&mut answer.aud),
            client_id: answer.client_id.take().map(Into::into),
            iss: answer.iss.take().map(Into::into),
            token_type: answer.token_type.take().map(Into::into),
            names: answer.extra.keys().map(|name| name.as_str().into()).collect(),
        }
    }
}

/// What was seen in answers before.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    commons: HashSet<Arc<Common>>,
    scopes: HashSet<Scopes>,
    audiences: HashSet<Arc<[String]>>,
}

impl Interner {
    /// So many scope sets and so many audiences are remembered. With more of them there is nothing
    /// to share.
    const CAPACITY: usize = 1024;

    /// So many of what answers have in common: with each client there is another.
    const COMMONS: usize = 4 * Self::CAPACITY;

    /// Takes out of an answer what it has in common with others, and gives what they share.
    pub(crate) fn take(&self, answer: &mut Introspection) -> Arc<Common> {
        let common = Common::take(answer);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.commons.get(&common) {
            return Arc::clone(known);
        }
        let common = Common {
            scope: common.scope.map(|scope| shared(&mut seen.scopes, scope, Self::CAPACITY)),
            aud: shared(&mut seen.audiences, common.aud, Self::CAPACITY),
            ..common
        };
        shared(&mut seen.commons, Arc::new(common), Self::COMMONS)
    }
}

fn shared<T: Clone + Eq + Hash>(seen: &mut HashSet<T>, value: T, capacity: usize) -> T {
    if let Some(known) = seen.get(&value) {
        return known.clone();
    }
    if seen.len() >= capacity {
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
    use serde_json::{Value, json};

    fn common(interner: &Interner, members: Value) -> Arc<Common> {
        interner.take(&mut introspection(members))
    }

    #[test]
    fn what_two_tokens_have_in_common_is_one() {
        let interner = Interner::default();
        let members = |jti| json!({"scope": "a b", "aud": "x", "client_id": "c", "jti": jti});
        let (one, other) = (common(&interner, members("1")), common(&interner, members("2")));
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn two_clients_have_their_audiences_in_common() {
        let interner = Interner::default();
        let of = |client| common(&interner, json!({"aud": "x", "client_id": client}));
        let (one, other) = (of("a"), of("b"));
        assert!(Arc::ptr_eq(&one.aud, &other.aud));
        assert_ne!(one, other);
    }

    #[test]
    fn whatever_differs_is_not_taken_for_the_same() {
        let interner = Interner::default();
        let members = ["scope", "aud", "client_id", "iss", "token_type", "groups"];
        let mut seen = vec![common(&interner, json!({}))];
        seen.extend(members.map(|name| common(&interner, json!({ name: "x" }))));
        seen.extend(members[..5].iter().map(|name| common(&interner, json!({ *name: "" }))));
        for (at, one) in seen.iter().enumerate() {
            let same = seen.iter().filter(|other| Arc::ptr_eq(one, other)).count();
            assert_eq!(same, 1, "{at}");
        }
    }

    #[test]
    fn they_are_bounded() {
        let interner = Interner::default();
        for number in 0..2 * Interner::COMMONS {
            common(&interner, json!({"aud": number.to_string(), "scope": number.to_string()}));
        }
        let seen = interner.seen.lock().unwrap();
        assert!(seen.audiences.len() <= Interner::CAPACITY);
        assert!(seen.scopes.len() <= Interner::CAPACITY);
        assert!(seen.commons.len() <= Interner::COMMONS);
    }
}
