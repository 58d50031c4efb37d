//! Who may call.

use super::entries;
use crate::config::document::CallerDocument;
use crate::config::faults::Faults;
use crate::config::resolved::CallerConfig;
use crate::config::tree::Node;
use crate::error::Fault;

/// The SHA-256 of nothing: what a shell makes of a variable that is not set.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> Vec<CallerConfig> {
    let mut callers: Vec<CallerConfig> = Vec::new();
    for (place, caller) in entries::<CallerDocument>(root, "callers", faults) {
        if !is_name(&caller.name) {
            faults.error(&format!("{place}.name"), not_a_name());
        }
        if callers.iter().any(|other| other.name == caller.name) {
            faults.error(&format!("{place}.name"), Fault::new("another caller has the same name"));
        }
        let at = format!("{place}.secret_sha256");
        let Some(hash) = hash(&caller.secret_sha256) else {
            faults.error(
                &at,
                Fault::new("no SHA-256: 64 hexadecimal digits")
                    .advise("printf %s \"$SECRET\" | sha256sum"),
            );
            continue;
        };
        if caller.secret_sha256.eq_ignore_ascii_case(OF_NOTHING) {
            faults.error(&at, Fault::new("the SHA-256 of an empty secret"));
        }
        if callers.iter().any(|other| other.secret_sha256 == hash) {
            faults.error(&at, Fault::new("another caller has the same secret"));
        }
        callers.push(CallerConfig {
            name: caller.name,
            secret_sha256: hash,
            requests_per_second: caller.requests_per_second,
            misses_per_second: caller.misses_per_second,
        });
    }
    callers
}

/// Whether a name can stand in a log line and as a label of a metric.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn not_a_name() -> Fault {
    Fault::new("no name").advise("use 1 to 64 letters, digits, `-`, `_` and `.`")
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}
