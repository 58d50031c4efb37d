//! The nonces that token endpoints want in DPoP proofs
//! ([RFC 9449 §8](https://www.rfc-editor.org/rfc/rfc9449#section-8)). Pure: time and randomness
//! come in as arguments.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::shifted;

/// The nonces of all authorization servers. Each server has its own, so that a client which mixes
/// them up is found out.
#[derive(Default)]
pub(crate) struct Nonces {
    /// Newest last. The key is a custom server's id; `None` is the org server.
    by_server: BTreeMap<Option<String>, Vec<Nonce>>,
    /// Whether every nonce is refused, and another one demanded.
    pub(crate) demands_forever: bool,
}

struct Nonce {
    text: String,
    made_at: DateTime<Utc>,
}

/// What a server says to the nonce of a proof.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The one in use.
    Current,
    /// Still good, but this one should be used from now on.
    Outdated(String),
    /// None, or none that is good: this one is demanded.
    Demand(String),
}

impl Nonces {
    /// Okta: a new nonce every 24 hours.
    const RENEWED_AFTER: TimeDelta = TimeDelta::hours(24);

    /// Okta: three days from when it was made.
    const VALID_FOR: TimeDelta = TimeDelta::days(3);

    /// Checks the nonce that a client sent to `server`. `fresh` becomes a nonce if a new one is
    /// due.
    pub(crate) fn check(
        &mut self,
        server: Option<&str>,
        sent: Option<&str>,
        now: DateTime<Utc>,
        fresh: String,
    ) -> Verdict {
        if self.demands_forever {
            return Verdict::Demand(fresh);
        }
        let nonces = self.by_server.entry(server.map(str::to_owned)).or_default();
        nonces.retain(|nonce| now < shifted(nonce.made_at, Self::VALID_FOR));
        let due =
            nonces.last().is_none_or(|newest| now >= shifted(newest.made_at, Self::RENEWED_AFTER));
        if due {
            nonces.push(Nonce { text: fresh.clone(), made_at: now });
        }
        let current = nonces.last().map_or(fresh, |newest| newest.text.clone());
        match sent {
            Some(sent) if sent == current => Verdict::Current,
            Some(sent) if nonces.iter().any(|nonce| nonce.text == sent) => {
                Verdict::Outdated(current)
            }
            _ => Verdict::Demand(current),
        }
    }

    /// Makes all nonces invalid; each server makes a new one when it is next asked.
    pub(crate) fn forget(&mut self) {
        self.by_server.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn check(nonces: &mut Nonces, sent: Option<&str>, hours: i64) -> Verdict {
        let now = DateTime::from_timestamp(hours * HOUR, 0).unwrap();
        nonces.check(None, sent, now, format!("n{hours}"))
    }

    fn demand(nonce: &str) -> Verdict {
        Verdict::Demand(nonce.to_owned())
    }

    #[test]
    fn a_nonce_is_renewed_after_a_day_and_good_for_three() {
        let mut nonces = Nonces::default();
        assert_eq!(check(&mut nonces, None, 0), demand("n0"));
        for (sent, hours, expected) in [
            ("n0", 0, Verdict::Current),
            ("n0", 23, Verdict::Current),
            ("n0", 24, Verdict::Outdated("n24".to_owned())),
            ("n24", 24, Verdict::Current),
            ("made up", 25, demand("n24")),
            ("n0", 71, Verdict::Outdated("n71".to_owned())),
            ("n0", 72, demand("n71")),
            ("n24", 95, Verdict::Outdated("n95".to_owned())),
            ("n24", 96, demand("n95")),
        ] {
            assert_eq!(check(&mut nonces, Some(sent), hours), expected, "{sent} at {hours} h");
        }
    }

    #[test]
    fn servers_do_not_share_nonces() {
        let mut nonces = Nonces::default();
        let now = DateTime::UNIX_EPOCH;
        let mut check = |server, sent, fresh: &str| nonces.check(server, sent, now, fresh.into());
        assert_eq!(check(None, None, "a"), demand("a"));
        assert_eq!(check(Some("default"), Some("a"), "b"), demand("b"));
        assert_eq!(check(None, Some("a"), "c"), Verdict::Current);
    }

    #[test]
    fn another_nonce_can_be_demanded_each_time() {
        let mut nonces = Nonces { demands_forever: true, ..Nonces::default() };
        assert_eq!(check(&mut nonces, None, 0), demand("n0"));
        assert_eq!(check(&mut nonces, Some("n0"), 1), demand("n1"));
    }

    #[test]
    fn what_is_forgotten_is_refused() {
        let mut nonces = Nonces::default();
        check(&mut nonces, None, 0);
        nonces.forget();
        assert_eq!(check(&mut nonces, Some("n0"), 1), demand("n1"));
    }
}
