//! What a server said about one token, and when it was asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};

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
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) introspection: Introspection,
    pub(crate) sent: Sent,
    /// The end by the server's word or by the token's own, whichever comes first.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Where in the span of early refreshes this entry's is, 0 to 255: drawn once per answer.
    pub(crate) jitter: u8,
    /// The latest watermark against which these facts were held and stood.
    stood: AtomicU64,
    refreshing: AtomicBool,
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
        introspection: Introspection,
        sent: Sent,
        own_end: Option<DateTime<Utc>>,
        jitter: u8,
    ) -> Self {
        // `None` is less than every time: it must not win.
        let expires_at = introspection.exp.into_iter().chain(own_end).min();
        let (stood, refreshing) = (AtomicU64::new(sent.number), AtomicBool::new(false));
        Self { introspection, sent, expires_at, jitter, stood, refreshing }
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

    pub(crate) fn active(number: u64) -> Known {
        Known::Active(Arc::new(Facts::new(introspection(json!({})), sent(number), None, 0)))
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
            Facts::new(sample::introspection(json!({"exp": exp})), sample::sent(1), own, 0)
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
        let facts = Facts::new(sample::introspection(json!({})), sample::sent(1), None, 0);
        assert!(facts.claim_refresh());
        assert!(!facts.claim_refresh());
    }
}
