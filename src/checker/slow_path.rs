//! The slow path: what happens on a miss. The edge looks at the token, then the check takes its
//! answer from a call under way or starts one, as far as the governor admits that.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use crate::checker::cache::facts::{Facts, Known};
use crate::checker::cache::freshness::Extension;
use crate::checker::call::{Call, late, outdated};
use crate::checker::demand::Demand;
use crate::checker::edge::Passed;
use crate::checker::edge::local::Opinion;
use crate::checker::flights::{CallResult, Calls, Found};
use crate::checker::{
    AnswerSource, CheckerConfig, Inner, Presented, Question, Reason, Requirement, SignalMode,
    Verdict,
};
use crate::clock::send_time::Sent;
use crate::clock::ticks::Age;
use crate::clock::{Deadline, both, later};
use crate::error::{Error, ErrorKind};
use crate::metrics::counts::count;
use crate::support::single_flight::Flight;

/// Whether a call is made ahead of time, so that no check waits for it.
struct Ahead(bool);

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
            |calls| self.start(question, &passed, Ahead(true), calls),
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
        let mut deadline = Deadline::new(&*self.clock, self.deadline(question));
        for _ in 0..MAX_ROUNDS {
            let (flight, joined) = match self.join_or_start(question, passed)? {
                Found::Known(known) => {
                    let fresh = question.bounds.fresh(&known, known.age(question.begun));
                    let source = if fresh { AnswerSource::Cache } else { AnswerSource::Extended };
                    return Ok((known, source));
                }
                Found::Joined(flight) => (flight, Some(AnswerSource::Joined)),
                Found::Started(flight) => (flight, None),
            };
            let result = deadline.before(flight.result()).await;
            let (known, source) = result.ok_or_else(late)?.ok_or_else(abandoned)??;
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
                return Ok((known, joined.unwrap_or(source)));
            }
        }
        Err(Error::new(
            ErrorKind::TimedOut,
            "the token is invalidated faster than it is asked about",
        )
        .advise("try again"))
    }

    /// When a check gives up.
    fn deadline(&self, question: &Question<'_>) -> Instant {
        let own = |requirement: &Requirement| requirement.timeout.unwrap_or(self.config.timeout);
        let timeout = question.requirement.least(&own).min(CheckerConfig::MAX_TIMEOUT);
        later(self.timeline.instant(question.begun), timeout)
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
        let admits = |sent: Sent| {
            bounds.admit(sent.at.age(begun)) && self.watermarks.passed_by(&about, sent.number)
        };
        let (oldest, deadline) = (bounds.oldest(begun), self.deadline(question));
        self.flights.join_or_start(
            key,
            || self.cache.get(key).filter(usable),
            |demand| demand.join(oldest, deadline, admits),
            |calls| self.start(question, passed, Ahead(false), calls),
        )
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
        Ahead(is_ahead): Ahead,
        calls: &mut Calls,
    ) -> Result<Flight<CallResult>, Error> {
        let Question { bounds, begun, .. } = *question;
        let oldest = if is_ahead { bounds.oldest_ahead(begun) } else { bounds.oldest(begun) };
        let (timeline, deadline) = (self.timeline.clone(), self.deadline(question));
        let demand = Arc::new(Demand::new(timeline, oldest, deadline, !is_ahead));
        let call = Call {
            inner: Arc::clone(self),
            passed: passed.clone(),
            server: question.server,
            key: question.key,
            bound: bounds.max_age.into(),
            is_saving: self.is_saving(question, is_ahead),
            demand: Arc::clone(&demand),
        };
        let right = call.right()?;
        let (inner, key) = (Arc::clone(self), question.key);
        let finish = move |id, result: Option<&CallResult>| {
            let known = result.and_then(|result| result.as_ref().ok());
            inner.flights.finish(key, id, known.map(|(known, _)| known), &inner.cache);
        };
        Ok(calls.start(demand, call.make(right), finish))
    }

    /// Whether this is a call that extension would have saved.
    fn is_saving(&self, question: &Question<'_>, is_ahead: bool) -> bool {
        let Some(extension) = self.extension(question, SignalMode::Shadow) else { return false };
        let known = self.cache.get(question.key);
        let Some(known) = known.filter(|known| self.watermarks.passes(&question.about(), known))
        else {
            return false;
        };
        let (bounds, now) = (&question.bounds, question.begun);
        match (&known, is_ahead) {
            (Known::Active(facts), true) => !bounds.refresh_due_by(&extension, facts, now),
            (known, _) => bounds.fresh_by(&extension, known, now),
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

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the request about the token was abandoned")
        .advise("try again")
}
