//! The slow path: what happens on a miss. The edge looks at the token, then the check takes its
//! answer from a call under way or starts one, as far as the governor admits that.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::checker::cache::facts::{Facts, Known, Refused};
use crate::checker::cache::freshness::Extension;
use crate::checker::cache::key::Key;
use crate::checker::edge::Passed;
use crate::checker::edge::local::Opinion;
use crate::checker::flights::{CallResult, Calls, Found};
use crate::checker::governor::{Permit, Purpose};
use crate::checker::upstream::Answered;
use crate::checker::watermark::About;
use crate::checker::{
    AnswerSource, CheckerConfig, Inner, Presented, Question, Reason, Requirement, SignalMode,
    Verdict,
};
use crate::clock::send_time::{SendTime, Sent};
use crate::clock::ticks::Age;
use crate::clock::{Deadline, both, later};
use crate::error::{Error, ErrorKind};
use crate::metrics::counts::count;
use crate::support::single_flight::Flight;

/// How often a check asks anew because the answer was invalidated while it was on its way.
const MAX_ROUNDS: usize = 3;

impl Inner {
    /// Checks a token whose answer is not in the cache, or not young enough.
    pub(super) async fn check_on_miss(
        self: &Arc<Self>,
        presented: Presented<'_>,
        requirement: &Requirement,
    ) -> Result<Verdict, Error> {
        let Some(server) = self.server(presented, requirement)? else {
            return Ok(self.refuse(Reason::UnknownIssuer));
        };
        let question = self.question(server, presented, requirement, both(&*self.clock));
        let (passed, opinion) = match self.pass_edge(&question).await {
            Ok(passed) => passed,
            Err(reason) => return Ok(self.refuse(reason)),
        };
        count(&self.counters.misses);
        let source;
        let verdict = match self.resolve(&question, &passed).await {
            Ok((known, found)) => {
                source = found;
                opinion.compare(&known, &self.counters);
                let (now, wall) = both(&*self.clock);
                let age = known.age(self.timeline.ticks(now));
                self.verdict(known, &question, source, (age, wall))
            }
            Err(error) => {
                source = AnswerSource::StaleOnError;
                self.fall_back(&question, error)
            }
        };
        self.counters.took(question.begun.age(self.timeline.ticks(self.clock.monotonic())));
        match &verdict {
            Ok(verdict) => self.counters.waited(verdict, source),
            Err(error) => {
                count(&self.counters.unknown);
                tracing::debug!(kind = ?error.kind(), %error, "cannot tell whether a token is good");
            }
        }
        verdict
    }

    /// Has the edge look at a token, and the local verifier if there is one.
    async fn pass_edge(&self, question: &Question<'_>) -> Result<(Passed, Opinion), Reason> {
        let (token, server) = (question.presented.token(), question.server);
        let passed = self.routes.inspect(token, server, self.clock.now())?;
        let Some(local) = &self.servers[server].local else { return Ok((passed, Opinion::None)) };
        let opinion = local.opinion(&passed).await;
        match local.objection(&opinion) {
            Some(reason) => Err(reason),
            None => Ok((passed, opinion)),
        }
    }

    /// Starts a call ahead of time, if it is time and this check is the first to see that.
    #[inline(always)]
    pub(super) fn refresh_if_due(
        self: &Arc<Self>,
        question: &Question<'_>,
        facts: &Facts,
        age: Age,
    ) {
        let due = self.config.refresh_ahead && question.bounds.refresh_due(age, facts.jitter);
        if !due {
            return;
        }
        match self.extension(question, SignalMode::Extend) {
            Some(extension) => self.refresh_extended(question, facts, &extension),
            None if facts.claim_refresh() => self.refresh(question),
            None => {}
        }
    }

    /// As [`refresh_if_due`](Self::refresh_if_due), for what signals may extend.
    pub(super) fn refresh_extended(
        self: &Arc<Self>,
        question: &Question<'_>,
        facts: &Facts,
        extension: &Extension,
    ) {
        let due = question.bounds.refresh_due_by(extension, facts, question.begun);
        if self.config.refresh_ahead && due && facts.claim_refresh() {
            self.refresh(question);
        }
    }

    /// Outside of a runtime there is no refresh; a check that has to wait needs one anyway.
    #[cold]
    fn refresh(self: &Arc<Self>, question: &Question<'_>) {
        if Handle::try_current().is_err() {
            return;
        }
        let now = self.clock.now();
        let passed = self.routes.inspect(question.presented.token(), question.server, now);
        let Ok(passed) = passed else { return };
        let found = self.flights.join_or_start(
            question.key,
            || None,
            |_| true, // any call under way is young enough for this
            |calls| self.start(question, &passed, Purpose::Refresh, calls),
        );
        if matches!(found, Ok(Found::Started(_))) {
            count(&self.counters.refreshed_ahead);
        }
    }

    /// Gets an answer for this check: its own, or one that it shares with other checks.
    async fn resolve(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
    ) -> Result<(Known, AnswerSource), Error> {
        let own = |requirement: &Requirement| requirement.timeout.unwrap_or(self.config.timeout);
        let timeout = question.requirement.least(&own);
        let timeout = timeout.min(CheckerConfig::MAX_TIMEOUT);
        let deadline = later(self.timeline.instant(question.begun), timeout);
        let mut deadline = Deadline::new(&*self.clock, deadline);
        for _ in 0..MAX_ROUNDS {
            let (flight, source) = match self.join_or_start(question, passed)? {
                Found::Known(known) => {
                    let fresh = question.bounds.fresh(&known, known.age(question.begun));
                    let source = if fresh { AnswerSource::Cache } else { AnswerSource::Extended };
                    return Ok((known, source));
                }
                Found::Joined(flight) => (flight, AnswerSource::Joined),
                Found::Started(flight) => (flight, AnswerSource::Introspected),
            };
            let result = deadline.before(flight.result()).await;
            let known = result.ok_or_else(late)?.ok_or_else(abandoned)??;
            // Timers stand still while a computer is suspended: an answer may come before the timer
            // fires, and after its time.
            if self.clock.monotonic() > deadline.at() {
                return Err(late());
            }
            let sent_at = known.sent().at;
            if sent_at < question.begun && !question.bounds.admit(sent_at.age(question.begun)) {
                return Err(outdated());
            }
            // It may have been invalidated while it was on its way.
            if self.watermarks.passes(&question.about(), &known) {
                return Ok((known, source));
            }
        }
        Err(Error::new(
            ErrorKind::TimedOut,
            "the token is invalidated faster than it is asked about",
        )
        .advise("try again"))
    }

    /// A check may join a call that is not yet sent, or was sent no longer ago than the check's
    /// own bound and after all that was invalidated by the token's name.
    fn join_or_start(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
    ) -> Result<Found, Error> {
        let Question { bounds, key, begun, .. } = *question;
        let about = question.about();
        // As on the fast path: coverage first, watermarks after it.
        let usable = |known: &Known| {
            (bounds.fresh(known, known.age(begun)) || self.extends(question, known))
                && self.watermarks.passes(&about, known)
        };
        let joinable = |sent: Option<Sent>| {
            sent.is_none_or(|sent| {
                bounds.admit(sent.at.age(begun)) && self.watermarks.passed_by(&about, sent.number)
            })
        };
        let start = |calls: &mut Calls| {
            let is_good = matches!(self.cache.get(key), Some(Known::Active(_)));
            let purpose = if is_good { Purpose::Recheck } else { Purpose::Newcomer };
            self.start(question, passed, purpose, calls)
        };
        self.flights.join_or_start(key, || self.cache.get(key).filter(usable), joinable, start)
    }

    /// Whether signals extend something known that is older than the bound.
    fn extends(&self, question: &Question<'_>, known: &Known) -> bool {
        let extension = self.extension(question, SignalMode::Extend);
        extension
            .is_some_and(|extension| question.bounds.fresh_by(&extension, known, question.begun))
    }

    /// Starts a call, if the governor admits it.
    fn start(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
        purpose: Purpose,
        calls: &mut Calls,
    ) -> Result<Flight<CallResult>, Error> {
        let (server, now) = (&self.servers[question.server], self.clock.monotonic());
        let remaining = server.upstream.remaining(now);
        let permit = server.governor.admit(purpose, remaining, now).map_err(|wait| {
            count(&server.counters.governor_refusals);
            Error::new(ErrorKind::RateLimited, "the rate limit leaves no room for this call")
                .advise("wait, or ask for a higher rate limit")
                .retry_in(Some(wait))
        })?;
        self.note_saving(question, purpose);
        let (send_time, key) = (Arc::new(SendTime::new(self.timeline.clone())), question.key);
        let call = Call {
            inner: Arc::clone(self),
            passed: passed.clone(),
            server: question.server,
            key,
            bound: question.bounds.max_age.into(),
            send_time: Arc::clone(&send_time),
            permit,
        };
        let inner = Arc::clone(self);
        let finish = move |id, result: Option<&CallResult>| {
            let known = result.and_then(|result| result.as_ref().ok());
            inner.flights.finish(key, id, known, &inner.cache);
        };
        Ok(calls.start(send_time, call.make(), finish))
    }

    /// Counts a call that extension would have saved.
    fn note_saving(&self, question: &Question<'_>, purpose: Purpose) {
        let Some(extension) = self.extension(question, SignalMode::Shadow) else { return };
        let known = self.cache.get(question.key);
        let Some(known) = known.filter(|known| self.watermarks.passes(&question.about(), known))
        else {
            return;
        };
        let (bounds, now) = (&question.bounds, question.begun);
        let saved = match (&known, purpose) {
            (Known::Active(facts), Purpose::Refresh) => {
                !bounds.refresh_due_by(&extension, facts, now)
            }
            (known, _) => bounds.fresh_by(&extension, known, now),
        };
        if saved {
            count(&self.counters.signal_savings);
        }
    }

    /// What is left to say when the server cannot be asked.
    fn fall_back(&self, question: &Question<'_>, error: Error) -> Result<Verdict, Error> {
        let now = self.timeline.ticks(self.clock.monotonic());
        let usable = |known: &Known| {
            matches!(known, Known::Active(_))
                && question.bounds.stale_but_usable(known.age(now))
                && self.watermarks.passes(&question.about(), known)
        };
        // A server that refuses us, or that is none, is no outage.
        let outage = error.kind().is_temporary();
        match self.cache.get(question.key).filter(usable).filter(|_| outage) {
            Some(known) => {
                let (age, wall) = (known.age(now), self.clock.now().timestamp());
                self.verdict(known, question, AnswerSource::StaleOnError, (age, wall))
            }
            None => Err(error),
        }
    }
}

/// One call to a server, which goes on whatever becomes of the checks that wait for it.
struct Call {
    inner: Arc<Inner>,
    passed: Passed,
    server: usize,
    key: Key,
    /// The `max_age` of the check that started the call; the governor's forecast counts it.
    bound: Duration,
    send_time: Arc<SendTime>,
    /// Given back when the call is over.
    permit: Permit,
}

impl Call {
    async fn make(self) -> CallResult {
        let Self { inner, passed, server, key, bound, send_time, permit } = self;
        let upstream = &inner.servers[server].upstream;
        count(&inner.counters.upstream_calls);
        let begun = inner.clock.monotonic();
        let span = tracing::debug_span!(
            "introspect",
            issuer = upstream.issuer().as_str(),
            token = passed.token.fingerprint()
        );
        let answer = upstream.introspect(&passed.token, &send_time).instrument(span).await;
        let now = inner.clock.monotonic();
        let outcome = answer.as_ref().map(|answer| answer.introspection.active);
        let outcome = outcome.map_err(Error::kind);
        inner.servers[server].counters.introspected(now.saturating_duration_since(begun), outcome);
        let Answered { introspection, mut sent } = answer?;
        // Invalidations are remembered for no longer.
        if now.saturating_duration_since(begun) > CheckerConfig::MAX_CALL {
            return Err(late());
        }
        if !inner.timeline.has(sent) {
            return Err(foreign());
        }
        // An upstream whose clock is ahead must not date an answer after now.
        sent.at = sent.at.min(inner.timeline.ticks(now));
        if !introspection.active {
            inner.note_end((server, key), &passed.token, sent);
            return Ok(Known::Inactive(Refused { sent }));
        }
        permit.good(now, bound);
        let mut jitter = [0];
        inner.random.fill(&mut jitter);
        let facts = Facts::new(introspection, sent, passed.own_end, jitter[0], &inner.interner);
        let known = Known::Active(Arc::new(facts));
        // An upstream that keeps answers may have asked before something was declared invalid, and
        // told of it only now.
        let then = inner.timeline.instant(sent.at);
        let about = About { key, server, token: passed.token.expose() };
        if then < begun && inner.watermarks.invalidated_since(&about, &known, then) {
            return Err(outdated());
        }
        Ok(known)
    }
}

fn late() -> Error {
    Error::new(ErrorKind::TimedOut, "no answer about the token came in time")
        .advise("try again, or allow more time")
}

fn foreign() -> Error {
    Error::malformed("the upstream's answer is dated by another checker")
        .advise("have the upstream record what it sends for each checker anew")
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the request about the token was abandoned")
        .advise("try again")
}

fn outdated() -> Error {
    Error::malformed("the upstream's answer is older than this check allows")
        .advise("have the upstream ask its server anew, or allow older answers")
}
