//! One call: what is done to get an answer for all that wait for it.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::checker::cache::facts::{Facts, Known, Refused};
use crate::checker::cache::key::Key;
use crate::checker::demand::Demand;
use crate::checker::edge::Passed;
use crate::checker::flights::CallResult;
use crate::checker::governor::{Permit, Purpose};
use crate::checker::metrics::counters::count;
use crate::checker::upstream::Answered;
use crate::checker::watermark::About;
use crate::checker::{AnswerSource, CheckerConfig, Inner};
use crate::clock::send_time::Sent;
use crate::error::{Error, ErrorKind};
use crate::oauth::introspect::Introspection;

/// One call, which goes on whatever becomes of the checks that wait for it.
pub(super) struct Call {
    pub(super) inner: Arc<Inner>,
    pub(super) passed: Passed,
    pub(super) server: usize,
    pub(super) key: Key,
    /// The `max_age` of the check that started the call; the governor's forecast counts it.
    pub(super) bound: Duration,
    /// Whether extension would have saved it.
    pub(super) is_saving: bool,
    pub(super) demand: Arc<Demand>,
}

/// What a call may begin with.
pub(super) enum Right {
    /// To ask the server. Given back when the call is over.
    Ask(Permit),
}

impl Call {
    /// What this call may begin with.
    pub(super) fn right(&self) -> Result<Right, Error> {
        self.admit().map(Right::Ask)
    }

    /// Makes the call.
    pub(super) async fn make(self, right: Right) -> CallResult {
        let Right::Ask(permit) = right;
        self.ask(permit).await
    }

    /// What the server would be asked for.
    fn purpose(&self) -> Purpose {
        if !self.demand.is_awaited() {
            return Purpose::Refresh;
        }
        match self.inner.cache.get(self.key) {
            Some(Known::Active(_)) => Purpose::Recheck,
            _ => Purpose::Newcomer,
        }
    }

    /// Has the governor admit the call to the server.
    fn admit(&self) -> Result<Permit, Error> {
        let (server, now) = (&self.inner.servers[self.server], self.inner.clock.monotonic());
        let remaining = server.upstream.remaining(now);
        let permit = server.governor.admit(self.purpose(), remaining, now).map_err(|wait| {
            count(&server.counters.governor_refusals);
            Error::new(ErrorKind::RateLimited, "the rate limit leaves no room for this call")
                .advise("wait, or ask for a higher rate limit")
                .retry_in(Some(wait))
        })?;
        if self.is_saving {
            count(&self.inner.counters.signal_savings);
        }
        Ok(permit)
    }

    /// Asks the server.
    async fn ask(&self, permit: Permit) -> CallResult {
        let inner = &self.inner;
        let upstream = &inner.servers[self.server].upstream;
        count(&inner.counters.upstream_calls);
        let begun = inner.clock.monotonic();
        let span = tracing::debug_span!(
            "introspect",
            issuer = upstream.issuer().as_str(),
            token = self.passed.token.fingerprint()
        );
        let send_time = &self.demand.send_time;
        let answer = upstream.introspect(&self.passed.token, send_time).instrument(span).await;
        let now = inner.clock.monotonic();
        let took = now.saturating_duration_since(begun);
        let outcome = answer.as_ref().map(|answer| answer.introspection.active);
        inner.servers[self.server].counters.introspected(took, outcome.map_err(Error::kind));
        let Answered { introspection, mut sent } = answer?;
        // Invalidations are remembered for no longer.
        if took > CheckerConfig::MAX_CALL {
            return Err(late());
        }
        if !inner.timeline.has(sent) {
            return Err(foreign());
        }
        // An upstream whose clock is ahead must not date an answer after now.
        sent.at = sent.at.min(inner.timeline.ticks(now));
        if introspection.active {
            permit.good(now, self.bound);
        }
        let known = self.known(introspection, sent);
        // An upstream that keeps answers may have asked before something was declared invalid, and
        // told of it only now.
        let then = inner.timeline.instant(sent.at);
        let is_active = matches!(known, Known::Active(_));
        if is_active
            && then < begun
            && inner.watermarks.invalidated_since(&self.about(), &known, then)
        {
            return Err(outdated());
        }
        Ok((known, AnswerSource::Introspected))
    }

    /// What is known by an answer to a request of this send time.
    fn known(&self, answer: Introspection, sent: Sent) -> Known {
        let inner = &self.inner;
        if !answer.active {
            inner.note_end((self.server, self.key), &self.passed.token, sent);
            return Known::Inactive(Refused { sent });
        }
        let mut jitter = [0];
        inner.random.fill(&mut jitter);
        let facts = Facts::new(answer, sent, self.passed.own_end, jitter[0], &inner.interner);
        Known::Active(Arc::new(facts))
    }

    /// What it is about.
    fn about(&self) -> About<'_> {
        About { key: self.key, server: self.server, token: self.passed.token.expose() }
    }
}

pub(super) fn late() -> Error {
    Error::new(ErrorKind::TimedOut, "no answer about the token came in time")
        .advise("try again, or allow more time")
}

fn foreign() -> Error {
    Error::malformed("the upstream's answer is dated by another checker")
        .advise("have the upstream record what it sends for each checker anew")
}

pub(super) fn outdated() -> Error {
    Error::malformed("the upstream's answer is older than this check allows")
        .advise("have the upstream ask its server anew, or allow older answers")
}
