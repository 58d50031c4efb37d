//! The servers' signing keys, by their numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::jose::SigningKey;

/// The key with this number, made when it is first asked for.
///
/// Making an RSA key takes long (a tenth of a second and more), so a sandbox that signs nothing
/// makes none, and all sandboxes of a process share theirs. That is harmless: the keys protect
/// nothing, and the issuers still differ.
pub(crate) fn key(number: usize) -> SigningKey {
    static KEYS: Mutex<BTreeMap<usize, SigningKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.entry(number).or_insert_with(SigningKey::generate).clone()
}
