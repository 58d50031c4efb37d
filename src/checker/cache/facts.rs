//! What a server said about one token, and when it was asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::checker::cache::intern::Interner;
use crate::clock::send_time::Sent;
use crate::clock::ticks::{Age, Ticks};
use crate::oauth::introspect::Introspection;
use crate::support::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was learned about one token. A fact, not a verdict: whether it lets a request in is for
/// the [policy](crate::checker::policy) to say, each time anew.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Active(Arc<Facts>),
    Inactive(Refused),
}

/// What the server said about an active token.
///
/// Small, because there may be a million of them, and in this order: what every hit looks at stands
/// together at the front. With many tokens none of it is in the processor's cache, and each line
/// of memory that is fetched counts.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Facts {
    pub(crate) sent: Sent,
    /// The latest watermark that these facts have passed.
    passed: AtomicU64,
    expires_at: End,
    /// Where in the span of early refreshes this entry's is, 0 to 255: drawn once per answer.
    pub(crate) jitter: u8,
    refreshing: AtomicBool,
    /// Whether the token is worth nothing without a proof.
    pub(crate) is_bound: bool,
    /// Whether there is more to look at than its end: a proof, its beginning, that it is no access
    /// token, or that an upstream keeps what is not active.
    pub(crate) is_conditional: bool,
    pub(crate) introspection: Introspection,
}

/// When a token ends, in seconds since 1970. What is beyond the year 2106 does not end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct End(u32);

impl End {
    const NEVER: Self = Self(u32::MAX);

    fn at(time: DateTime<Utc>) -> Self {
        // What ended before 1970 has ended by now.
        Self(u32::try_from(time.timestamp().max(0)).unwrap_or(u32::MAX))
    }
}

/// The server said that the token is not active.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) sent: Sent,
}

impl Known {
    pub(crate) fn sent(&self) -> Sent {
        match self {
            Self::Active(facts) => facts.sent,
            Self::Inactive(refused) => refused.sent,
        }
    }

    /// How old it is at `now`.
    #[inline]
    pub(crate) fn age(&self, now: Ticks) -> Age {
        self.sent().at.age(now)
    }
}

impl Facts {
    pub(crate) fn new(
        mut introspection: Introspection,
        sent: Sent,
        own_end: Option<DateTime<Utc>>,
        jitter: u8,
        interner: &Interner,
    ) -> Self {
        interner.share(&mut introspection);
        let is_bound = is_bound(&introspection);
        Self {
            sent,
            // By the server's word or by the token's own, whichever comes first.
            expires_at: introspection
                .exp
                .into_iter()
                .chain(own_end)
                .map(End::at)
                .min()
                .unwrap_or(End::NEVER),
            passed: AtomicU64::new(sent.number),
            jitter,
            refreshing: AtomicBool::new(false),
            is_bound,
            is_conditional: is_bound
                || introspection.nbf.is_some()
                || !introspection.active
                || !introspection.is_access_token(),
            introspection,
        }
    }

    pub(crate) fn jti(&self) -> Option<&str> {
        self.introspection.jti.as_deref()
    }

    #[allow(dead_code)] // for what a signal may name
    pub(crate) fn sub(&self) -> Option<&str> {
        self.introspection.sub.as_deref()
    }

    pub(crate) fn uid(&self) -> Option<&str> {
        self.introspection.uid.as_deref()
    }

    pub(crate) fn username(&self) -> Option<&str> {
        self.introspection.username.as_deref()
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.introspection.client_id.as_deref()
    }

    pub(crate) fn iss(&self) -> Option<&str> {
        self.introspection.iss.as_deref()
    }

    /// A member that has no field of its own.
    #[allow(dead_code)] // for what a signal may name
    pub(crate) fn extra(&self, name: &str) -> Option<&Value> {
        self.introspection.extra.get(name)
    }

    /// Whether the token itself has ended when it is `now`, in seconds since 1970.
    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.expires_at != End::NEVER && now >= i64::from(self.expires_at.0)
    }

    /// When the token ends, if it does.
    pub(crate) fn expires_at(&self) -> Option<DateTime<Utc>> {
        let end = Some(self.expires_at).filter(|end| *end != End::NEVER)?;
        DateTime::from_timestamp(i64::from(end.0), 0)
    }

    /// Whether these facts are known to pass the watermark `number` and all before it.
    pub(crate) fn has_passed(&self, number: u64) -> bool {
        self.passed.load(Ordering::Relaxed) >= number
    }

    /// Remembers that they pass. Never takes it back: watermarks only get larger.
    pub(crate) fn note_passed(&self, number: u64) {
        self.passed.fetch_max(number, Ordering::Relaxed);
    }

    /// Whether this check may start the early refresh: the first that asks. Each answer is
    /// refreshed early once; should that fail, the next check that needs a younger answer asks.
    pub(crate) fn claim_refresh(&self) -> bool {
        !self.refreshing.load(Ordering::Relaxed) && !self.refreshing.swap(true, Ordering::Relaxed)
    }
}

/// Whether a token is worth nothing without a proof.
fn is_bound(answer: &Introspection) -> bool {
    // Okta leaves open which of the two it sends for bound tokens; either will do.
    let is_dpop = |token_type: &String| token_type.eq_ignore_ascii_case("DPoP");
    answer.is_bound() || answer.token_type.as_ref().is_some_and(is_dpop)
}

#[cfg(test)]
pub(crate) mod sample {
    //! Facts for the tests of the pure pieces.

    use super::*;
    use crate::clock::send_time::Timeline;
    use crate::clock::{Clock, SystemClock};
    use serde_json::json;

    pub(crate) fn introspection(members: Value) -> Introspection {
        let mut answer = json!({"active": true});
        for (name, value) in members.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        serde_json::from_value(answer).unwrap()
    }

    pub(crate) fn sent(number: u64) -> Sent {
        let now = SystemClock.monotonic();
        Sent { number, ..Timeline::new(now).sent(now) }
    }

    pub(crate) fn facts(answer: Introspection, sent: Sent, end: Option<DateTime<Utc>>) -> Facts {
        Facts::new(answer, sent, end, 0, &Interner::default())
    }

    pub(crate) fn active(number: u64) -> Known {
        Known::Active(Arc::new(facts(introspection(json!({})), sent(number), None)))
    }

    pub(crate) fn inactive(number: u64) -> Known {
        Known::Inactive(Refused { sent: sent(number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_two_ends_the_first_counts() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let facts = |exp: Value, own| {
            sample::facts(sample::introspection(json!({"exp": exp})), sample::sent(1), own)
        };
        for (exp, own) in
            [(json!(10), at(20)), (json!(20), at(10)), (json!(null), at(10)), (json!(10), None)]
        {
            let facts = facts(exp.clone(), own);
            for (now, expired) in [(9, false), (10, true), (11, true)] {
                assert_eq!(facts.has_expired(now), expired, "{exp} {own:?} {now}");
            }
            assert_eq!(facts.expires_at(), at(10), "{exp} {own:?}");
        }
        let (now, late) = (1_800_000_000, 99_999_999_999);
        assert!(facts(json!(-5), None).has_expired(now));
        assert!(!facts(json!(99_000_000_000_i64), None).has_expired(now));
        assert!(!facts(json!(null), None).has_expired(late));
        assert_eq!(facts(json!(null), None).expires_at(), None);
    }

    #[test]
    fn what_is_kept_beside_an_answer_is_little() {
        assert!(size_of::<Facts>() - size_of::<Introspection>() <= 40);
    }

    #[test]
    fn one_caller_refreshes() {
        let facts = sample::facts(sample::introspection(json!({})), sample::sent(1), None);
        assert!(facts.claim_refresh());
        assert!(!facts.claim_refresh());
    }
}
