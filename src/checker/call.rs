//! One call: what is done to get an answer for all that wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::checker::cache::facts::{Facts, Known, Refused};
use crate::checker::cache::key::Key;
use crate::checker::demand::Demand;
use crate::checker::edge::Passed;
use crate::checker::flights::CallResult;
use crate::checker::governor::{NoRoom, Permit, Purpose};
use crate::checker::upstream::Answered;
use crate::checker::watermark::About;
use crate::checker::{AnswerSource, CheckerConfig, Inner};
use crate::clock::send_time::Sent;
use crate::error::{Error, ErrorKind};
use crate::metrics::counts::count;
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
    /// To look into the second level first. Given back when that is over. Of tokens that are
    /// known to be good any number may be looked for.
    Look(Option<OwnedSemaphorePermit>),
}

/// What came of a look into the second level.
pub(super) enum Looked {
    /// An answer that does for all that wait.
    Found(Known),
    /// The server is to be asked.
    Nothing,
    /// Nobody waits any more, and another instance asks.
    LetBe,
}

impl Call {
    /// What this call may begin with.
    pub(super) fn right(&self) -> Result<Right, Error> {
        if self.inner.servers[self.server].second_level.is_none() || self.demand.is_for_now() {
            return self.admit().map(Right::Ask);
        }
        if self.purpose() != Purpose::Newcomer {
            return Ok(Right::Look(None));
        }
        // Anybody can make newcomers. What gets no place is for the governor to judge.
        match Arc::clone(&self.inner.lookers).try_acquire_owned() {
            Ok(place) => Ok(Right::Look(Some(place))),
            Err(_) => self.admit().map(Right::Ask),
        }
    }

    /// Makes the call.
    pub(super) async fn make(self, right: Right) -> CallResult {
        let level = &self.inner.servers[self.server].second_level;
        let permit = match (right, level) {
            (Right::Ask(permit), _) => permit,
            (Right::Look(place), Some(level)) => {
                let looked = self.look(level).await;
                drop(place);
                match looked {
                    Looked::Found(known) => return Ok((known, AnswerSource::Shared)),
                    Looked::Nothing => self.admit()?,
                    Looked::LetBe => return Err(let_be()),
                }
            }
            (Right::Look(_), None) => self.admit()?,
        };
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
        let admit = || server.governor.admit(self.purpose(), remaining, now);
        // What is refused to a refresh may be allowed to a check that waits for it by now.
        let permit = match admit() {
            Err(_) if !self.demand.is_awaited() && !self.demand.close() => admit(),
            result => result,
        };
        let permit = permit.map_err(|why| {
            count(&server.counters.governor_refusals);
            no_room(why)
        })?;
        if self.is_saving {
            count(&self.inner.counters.signal_savings);
        }
        Ok(permit)
    }

    /// Asks the server.
    async fn ask(&self, permit: Permit) -> CallResult {
        let (inner, begun) = (&self.inner, self.inner.clock.monotonic());
        let Answered { introspection, sent } = self.introspect(begun).await?;
        let level = inner.servers[self.server].second_level.as_ref();
        let to_share = level.map(|level| (level, introspection.clone()));
        let (known, then) = (self.known(introspection, sent), inner.timeline.instant(sent.at));
        if let Known::Active(_) = known {
            permit.good(inner.clock.monotonic(), self.bound);
            // An upstream that keeps answers may have asked before something was declared invalid,
            // and told of it only now.
            let watermarks = &inner.watermarks;
            if then < begun && watermarks.invalidated_since(&self.about(), &known, then) {
                return Err(outdated());
            }
        } else {
            self.note_end(sent);
        }
        if let Some((level, answer)) = to_share {
            self.share(level, &answer, then);
        }
        Ok((known, AnswerSource::Introspected))
    }

    /// The upstream's answer, if it is one that may count.
    async fn introspect(&self, begun: Instant) -> Result<Answered, Error> {
        let (inner, server) = (&self.inner, &self.inner.servers[self.server]);
        count(&inner.counters.upstream_calls);
        let span = tracing::debug_span!(
            "introspect",
            issuer = server.upstream.issuer().as_str(),
            token = self.passed.token.fingerprint()
        );
        let (token, send_time) = (&self.passed.token, &self.demand.send_time);
        let answer = server.upstream.introspect(token, send_time).instrument(span).await;
        let now = inner.clock.monotonic();
        let took = now.saturating_duration_since(begun);
        let outcome = answer.as_ref().map(|answer| answer.introspection.active);
        server.counters.introspected(took, outcome.map_err(Error::kind));
        let mut answer = answer?;
        // Invalidations are remembered for no longer.
        if took > CheckerConfig::MAX_CALL {
            return Err(late());
        }
        if !inner.timeline.has(answer.sent) {
            return Err(foreign());
        }
        // An upstream whose clock is ahead must not date an answer after now.
        answer.sent.at = answer.sent.at.min(inner.timeline.ticks(now));
        Ok(answer)
    }

    /// What is known by an answer to a request of this send time.
    pub(super) fn known(&self, answer: Introspection, sent: Sent) -> Known {
        let inner = &self.inner;
        if !answer.active {
            return Known::Inactive(Refused { sent });
        }
        let mut jitter = [0];
        inner.random.fill(&mut jitter);
        let facts = Facts::new(answer, sent, self.passed.own_end, jitter[0], &inner.interner);
        Known::Active(Arc::new(facts))
    }

    /// The token was found inactive.
    pub(super) fn note_end(&self, sent: Sent) {
        self.inner.note_end((self.server, self.key), &self.passed.token, sent);
    }

    /// What it is about.
    pub(super) fn about(&self) -> About<'_> {
        About { key: self.key, server: self.server, token: self.passed.token.expose() }
    }
}

fn no_room(why: NoRoom) -> Error {
    let (what, advice, wait) = match why {
        NoRoom::Calls(wait) => (
            "the rate limit leaves no room for this call",
            "wait, or ask for a higher rate limit",
            wait,
        ),
        NoRoom::Signatures(wait) => (
            "the signer cannot sign as often as this call would need it",
            "wait, let assertions be reused for a while, or use a signer that is faster",
            wait,
        ),
    };
    Error::new(ErrorKind::RateLimited, what).advise(advice).retry_in(Some(wait))
}

/// Nobody hears of it.
fn let_be() -> Error {
    Error::new(ErrorKind::TimedOut, "another instance refreshes what is known of the token")
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
