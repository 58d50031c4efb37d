//! What a server said about one token, and when it was asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::intern::{Grant, Interner};
use crate::departure::Sent;
use crate::introspect::Introspection;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was learned about one token. A fact, not a verdict: whether it lets a request in is for
/// the [policy](super::policy) to say, each time anew.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Active(Arc<Facts>),
    Inactive(Refused),
}

/// What the server said about an active token.
///
/// In this order: what every hit looks at stands together at the front. With many tokens none of
/// it is in the processor's cache, and each line of memory that is fetched counts.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Facts {
    pub(crate) sent: Sent,
    /// The end by the server's word or by the token's own, whichever comes first.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Where in the span of early refreshes this entry's is, 0 to 255: drawn once per answer.
    pub(crate) jitter: u8,
    /// The latest watermark against which these facts were held and stood.
    stood: AtomicU64,
    /// What the token permits, as shared with others.
    pub(crate) grant: Grant,
    /// The beginning by the server's word.
    pub(crate) begins_at: Option<DateTime<Utc>>,
    refreshing: AtomicBool,
    pub(crate) active: bool,
    /// Whether the token is worth nothing without a proof.
    pub(crate) is_bound: bool,
    pub(crate) introspection: Introspection,
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
}

impl Facts {
    pub(crate) fn new(
        mut introspection: Introspection,
        sent: Sent,
        own_end: Option<DateTime<Utc>>,
        jitter: u8,
        interner: &Interner,
    ) -> Self {
        // `None` is less than every time: it must not win.
        let expires_at = introspection.exp.into_iter().chain(own_end).min();
        Self {
            sent,
            expires_at,
            stood: AtomicU64::new(sent.number),
            grant: interner.share(&mut introspection),
            begins_at: introspection.nbf,
            jitter,
            refreshing: AtomicBool::new(false),
            active: introspection.active,
            is_bound: is_bound(&introspection),
            introspection,
        }
    }

    /// Whether these facts were held against the watermark `number` before, and stood.
    pub(crate) fn stood(&self, number: u64) -> bool {
        self.stood.load(Ordering::Relaxed) >= number
    }

    /// Remembers that they stood. Never takes it back: watermarks only get larger.
    pub(crate) fn stand(&self, number: u64) {
        self.stood.fetch_max(number, Ordering::Relaxed);
    }

    /// Whether the caller is the one who may begin the early refresh. Each answer is refreshed
    /// early once: should that fail, whoever needs a younger answer asks for it.
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
    use crate::clock::{Clock, SystemClock};
    use serde_json::{Value, json};

    pub(crate) fn introspection(members: Value) -> Introspection {
        let mut answer = json!({"active": true});
        for (name, value) in members.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        serde_json::from_value(answer).unwrap()
    }

    pub(crate) fn sent(number: u64) -> Sent {
        Sent { at: SystemClock.monotonic(), number }
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
        let end = |exp: serde_json::Value, own| {
            sample::facts(sample::introspection(json!({"exp": exp})), sample::sent(1), own)
                .expires_at
        };
        assert_eq!(end(json!(10), at(20)), at(10));
        assert_eq!(end(json!(20), at(10)), at(10));
        assert_eq!(end(json!(null), at(10)), at(10));
        assert_eq!(end(json!(10), None), at(10));
        assert_eq!(end(json!(null), None), None);
    }

    #[test]
    fn one_caller_refreshes() {
        let facts = sample::facts(sample::introspection(json!({})), sample::sent(1), None);
        assert!(facts.claim_refresh());
        assert!(!facts.claim_refresh());
    }
}
