//! Which assertions and proofs the server has seen: none of them works twice. Pure: time comes in
//! as an argument.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};

use super::tokens::{Digest, next_sweep};

/// The `jti` values of assertions that were accepted, each kept until its assertion has expired.
///
/// A `jti` is used up for its client at all servers of the org: Okta does not say how far its
/// memory reaches, and a client that is right everywhere makes a new one for every request.
#[derive(Default)]
pub(crate) struct UsedAssertions {
    expiry: HashMap<Digest, i64>,
    sweep_at: usize,
}

impl UsedAssertions {
    /// Records the use of a `jti`; `false` if it was used before.
    pub(crate) fn record_use(
        &mut self,
        client_id: &str,
        jti: &str,
        expires_at: i64,
        now: DateTime<Utc>,
    ) -> bool {
        if self.expiry.len() >= self.sweep_at {
            self.expiry.retain(|_, expires_at| *expires_at > now.timestamp());
            self.sweep_at = next_sweep(self.expiry.len());
        }
        // The length tells where the client id ends, so no two pairs give the same text.
        let digest = Digest::of(&format!("{} {client_id} {jti}", client_id.len()));
        self.expiry.insert(digest, expires_at).is_none()
    }
}

/// The DPoP proofs that were accepted, each kept for as long as it could be sent again.
///
/// A `jti` is used up for its key wherever the proof was sent.
#[derive(Default)]
pub(crate) struct UsedProofs {
    known: HashSet<Digest>,
    /// In the order in which they may be forgotten, each with its last second.
    order: VecDeque<(i64, Digest)>,
}

impl UsedProofs {
    /// How old a proof may be, by Okta's rule, and so how long it must be remembered.
    pub(crate) const MAX_AGE_SECS: i64 = 300;

    /// Beyond so many the oldest is forgotten early: more proofs than this in five minutes are
    /// not a test any more.
    const CAPACITY: usize = 100_000;

    /// Records the use of a proof's `jti`; `false` if it was used before.
    pub(crate) fn record_use(&mut self, jkt: &str, jti: &str, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        while let Some((last, digest)) = self.order.front().copied() {
            if last >= now && self.order.len() < Self::CAPACITY {
                break;
            }
            self.order.pop_front();
            self.known.remove(&digest);
        }
        // A thumbprint has no blank, so no two pairs give the same text.
        let digest = Digest::of(&format!("{jkt} {jti}"));
        let is_new = self.known.insert(digest);
        if is_new {
            self.order.push_back((now + Self::MAX_AGE_SECS, digest));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_jti_is_used_up_for_its_client_only_and_in_its_case_only() {
        let mut used = UsedAssertions::default();
        assert!(used.record_use("0oa1", "a", 300, at(0)));
        assert!(!used.record_use("0oa1", "a", 300, at(299)));
        assert!(used.record_use("0oa1", "A", 300, at(0)));
        assert!(used.record_use("0oa2", "a", 300, at(0)));
    }

    #[test]
    fn a_proof_is_used_up_for_its_key_for_as_long_as_it_could_come_again() {
        let mut used = UsedProofs::default();
        assert!(used.record_use("key", "a", at(0)));
        assert!(!used.record_use("key", "a", at(300)));
        assert!(used.record_use("other key", "a", at(300)));
        assert!(used.record_use("key", "a", at(301)));
    }

    #[test]
    fn the_memory_of_proofs_is_bounded() {
        let mut used = UsedProofs::default();
        for number in 0..=UsedProofs::CAPACITY {
            assert!(used.record_use("key", &number.to_string(), at(0)));
        }
        assert_eq!(used.known.len(), UsedProofs::CAPACITY);
        assert!(used.record_use("key", "0", at(0)), "the oldest is forgotten");
        assert!(!used.record_use("key", "500", at(0)));
    }
}
