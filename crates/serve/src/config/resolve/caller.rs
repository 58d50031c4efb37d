//! Who may call.

use std::collections::BTreeSet;

use super::entries;
use crate::caller::{Caller, Limits, SecretHash};
use crate::config::document::CallerDocument;
use crate::config::faults::Faults;
use crate::config::resolved::CallerConfig;
use crate::config::tree::Node;
use crate::error::Fault;

pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> Vec<CallerConfig> {
    let (mut names, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    let mut callers = Vec::new();
    for (place, caller) in entries::<CallerDocument>(root, "callers", faults) {
        let limits = Limits {
            requests_per_second: caller.requests_per_second,
            misses_per_second: caller.misses_per_second,
        };
        if let Err(fault) = Caller::new(&caller.name, limits) {
            faults.error_within(&place, fault);
        }
        if !names.insert(caller.name.clone()) {
            faults.error(&format!("{place}.name"), Fault::new("another caller has the same name"));
        }
        let at = format!("{place}.secret_sha256");
        if !hashes.insert(caller.secret_sha256.to_ascii_lowercase()) {
            faults.error(&at, Fault::new("another caller has the same secret"));
        }
        match SecretHash::parse(&caller.secret_sha256) {
            Ok(secret) => callers.push(CallerConfig { name: caller.name, secret, limits }),
            Err(fault) => faults.error(&at, fault),
        }
    }
    callers
}
