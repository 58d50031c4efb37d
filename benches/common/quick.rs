//! What the checker's own pool is compared with: the same keys in `quick_cache`.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use aegis::aegis128x4::Aegis128X4Mac;
use chrono::{DateTime, Utc};
use okta_introspect::{Clock, Introspection, SystemClock};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

/// A token's end, and what was said about it.
pub(crate) type Facts = (DateTime<Utc>, Introspection);

type Store = Cache<Key, Arc<Facts>, UnitWeighter, BuildHasherDefault<HalfKey>>;

pub(crate) struct Quick {
    keyer: Aegis128X4Mac<16>,
    store: Store,
}

/// As the checker's: a `u128` would be aligned to 16 bytes, and make each entry larger.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Key([u64; 2]);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// Half of a key is its hash, for all bits of a MAC are random.
#[derive(Default)]
pub(crate) struct HalfKey(u64);

impl Hasher for HalfKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key writes one number");
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
}

impl Quick {
    pub(crate) fn new(capacity: usize) -> Self {
        let store = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            BuildHasherDefault::default(),
            DefaultLifecycle::default(),
        );
        Self { keyer: Aegis128X4Mac::new(&[7; 16]), store }
    }

    pub(crate) fn insert(&self, token: &str, facts: Arc<Facts>) {
        self.store.insert(self.key(token), facts);
    }

    pub(crate) fn look_up(&self, token: &str) -> Arc<Facts> {
        let facts = self.store.get(&self.key(token)).unwrap();
        assert!(facts.0 > SystemClock.now());
        facts
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    fn key(&self, token: &str) -> Key {
        let mut mac = self.keyer.clone();
        mac.update(token.as_bytes());
        let tag = u128::from_ne_bytes(mac.finalize());
        Key([tag as u64, (tag >> 64) as u64])
    }
}
