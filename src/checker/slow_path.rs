//! The slow path: finding out what is not known, or not young enough.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::checker::cache::facts::{Facts, Known, Refused};
use crate::checker::edge::Passed;
use crate::checker::flights::{Boarding, Landed, Landing};
use crate::checker::governor::{Permit, Purpose};
use crate::checker::local::Opinion;
use crate::checker::metrics::count;
use crate::checker::upstream::Answered;
use crate::checker::{AnswerSource, Inner, Presented, Question, Reason, Requirement, Verdict};
use crate::clock::send_time::{SendTime, Sent};
use crate::clock::ticks::Age;
use crate::clock::{Deadline, both};
use crate::error::{Error, ErrorKind};
use crate::support::single_flight::Flight;

/// How often a check asks anew because the answer was invalidated while it was on its way.
const ROUNDS: usize = 3;

impl Inner {
    /// Checks a token for which what is known does not do.
    pub(super) async fn find_out(
        self: &Arc<Self>,
        presented: Presented<'_>,
        requirement: &Requirement,
    ) -> Result<Verdict, Error> {
        let Some(server) = self.server(presented, requirement)? else {
            return Ok(self.refuse(Reason::UnknownIssuer));
        };
        let question = self.question(server, presented, requirement, both(&*self.clock));
        let now = self.clock.now();
        let passed = self.routes.look(question.presented.token(), question.server, now);
        let passed = match passed {
            Ok(passed) => passed,
            Err(reason) => return Ok(self.refuse(reason)),
        };
        let local = self.servers[question.server].local.as_ref();
        let opinion = match local {
            Some(local) => local.opinion(&passed).await,
            None => Opinion::None,
        };
        if let Some(reason) = local.and_then(|local| local.objection(&opinion)) {
            return Ok(self.refuse(reason));
        }
        count(&self.counters.misses);
        let verdict = match self.learn(&question, &passed).await {
            Ok((known, source)) => {
                opinion.compare(&known, &self.counters);
                let (now, wall) = both(&*self.clock);
                let age = known.age(self.timeline.ticks(now));
                self.verdict(known, &question, source, (age, wall))
            }
            Err(error) => self.fall_back(&question, error),
        };
        match &verdict {
            Ok(verdict) => self.counters.waited(verdict),
            Err(error) => {
                count(&self.counters.unknown);
                tracing::debug!(kind = ?error.kind(), %error, "cannot tell whether a token is good");
            }
        }
        verdict
    }

    /// Begins a call ahead of time, if it is time and the caller is the first to see that.
    #[inline(always)]
    pub(super) fn refresh_if_due(
        self: &Arc<Self>,
        question: &Question<'_>,
        facts: &Facts,
        age: Age,
    ) {
        let due = self.config.refresh_ahead && question.bounds.refresh_due(age, facts.jitter);
        if due && facts.claim_refresh() {
            self.refresh(question);
        }
    }

    #[cold]
    fn refresh(self: &Arc<Self>, question: &Question<'_>) {
        let now = self.clock.now();
        let passed = self.routes.look(question.presented.token(), question.server, now);
        let Ok(passed) = passed else { return };
        let started = self.flights.board(
            question.key,
            || None,
            |_| true, // whatever is under way will do
            |id| self.start(question, &passed, Purpose::Refresh, id),
        );
        if matches!(started, Ok(Boarding::Started(_))) {
            count(&self.counters.refreshed_ahead);
        }
    }

    /// Gets an answer that does for this check: its own, or one it waits for with others.
    async fn learn(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
    ) -> Result<(Known, AnswerSource), Error> {
        let timeout = question.requirement.timeout.unwrap_or(self.config.timeout);
        let deadline = self.timeline.instant(question.begun) + timeout;
        let mut deadline = Deadline::new(&*self.clock, deadline);
        for _ in 0..ROUNDS {
            let (flight, source) = match self.board(question, passed)? {
                Boarding::Known(known) => return Ok((known, AnswerSource::Cache)),
                Boarding::Joined(flight) => (flight, AnswerSource::Joined),
                Boarding::Started(flight) => (flight, AnswerSource::Introspected),
            };
            let landed = deadline.before(flight.landed()).await;
            let known = landed.ok_or_else(late)?.ok_or_else(abandoned)??;
            // It may have been invalidated while it was on its way.
            if self.watermarks.clear(question.key, &known) {
                return Ok((known, source));
            }
        }
        Err(Error::new(
            ErrorKind::TimedOut,
            "the token is invalidated faster than it is asked about",
        )
        .advise("try again"))
    }

    fn board(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
    ) -> Result<Boarding, Error> {
        let Question { bounds, key, begun, .. } = *question;
        let usable = |known: &Known| {
            bounds.fresh(known, known.age(begun)) && self.watermarks.clear(key, known)
        };
        let joinable = |sent: Option<Sent>| match sent {
            None => true,
            Some(sent) => {
                bounds.admit(sent.at.age(begun)) && sent.number > self.watermarks.naming(key)
            }
        };
        let start = |id| {
            let is_good = matches!(self.cache.get(key), Some(Known::Active(_)));
            let purpose = if is_good { Purpose::Recheck } else { Purpose::Newcomer };
            self.start(question, passed, purpose, id)
        };
        self.flights.board(key, || self.cache.get(key).filter(usable), joinable, start)
    }

    /// Begins a call, if the governor lets it.
    fn start(
        self: &Arc<Self>,
        question: &Question<'_>,
        passed: &Passed,
        purpose: Purpose,
        id: u64,
    ) -> Result<(Flight<Landed>, Arc<SendTime>), Error> {
        let (server, now) = (&self.servers[question.server], self.clock.monotonic());
        let remaining = server.upstream.remaining(now);
        let permit = server.governor.admit(purpose, remaining, now).map_err(|wait| {
            count(&self.counters.governor_refusals);
            Error::new(ErrorKind::RateLimited, "the rate limit leaves no room for this call")
                .advise("wait, or ask for a higher rate limit")
                .retry_in(Some(wait))
        })?;
        let send_time = Arc::new(SendTime::new(self.timeline.clone()));
        let call = Call {
            inner: Arc::clone(self),
            passed: passed.clone(),
            server: question.server,
            bound: question.bounds.max_age.into(),
            send_time: Arc::clone(&send_time),
            permit,
        };
        let key = question.key;
        let flight = Flight::start(async move {
            let inner = Arc::clone(&call.inner);
            let (flights, cache) = (&inner.flights, &inner.cache);
            let mut landing = Landing { flights, cache, key, id, known: None };
            let landed = call.make().await;
            landing.known = landed.as_ref().ok().cloned();
            // Before anybody hears of it: who comes after a failure begins anew.
            drop(landing);
            landed
        });
        Ok((flight, send_time))
    }

    /// What is left to say when the server cannot be asked.
    fn fall_back(&self, question: &Question<'_>, error: Error) -> Result<Verdict, Error> {
        let now = self.timeline.ticks(self.clock.monotonic());
        let usable = |known: &Known| {
            matches!(known, Known::Active(_))
                && question.bounds.stale_but_usable(known.age(now))
                && self.watermarks.clear(question.key, known)
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

/// One call to a server, which goes on whoever waits for it.
struct Call {
    inner: Arc<Inner>,
    passed: Passed,
    server: usize,
    /// When whoever began it will want another answer.
    bound: Duration,
    send_time: Arc<SendTime>,
    /// Given back when the call is over.
    permit: Permit,
}

impl Call {
    async fn make(self) -> Landed {
        let Self { inner, passed, server, bound, send_time, permit } = self;
        let upstream = &inner.servers[server].upstream;
        count(&inner.counters.upstream_calls);
        let begun = inner.clock.monotonic();
        let span = tracing::debug_span!(
            "introspect",
            issuer = upstream.issuer().as_str(),
            token = passed.token.fingerprint()
        );
        let answer = upstream.introspect(&passed.token, &send_time).instrument(span).await;
        let took = inner.clock.monotonic().saturating_duration_since(begun);
        inner.counters.called(took, answer.is_ok());
        let Answered { introspection, sent } = answer?;
        if !introspection.active {
            return Ok(Known::Inactive(Refused { sent }));
        }
        permit.good(inner.clock.monotonic(), bound);
        let mut jitter = [0];
        inner.random.fill(&mut jitter);
        let facts = Facts::new(introspection, sent, passed.own_end, jitter[0], &inner.interner);
        Ok(Known::Active(Arc::new(facts)))
    }
}

fn late() -> Error {
    Error::new(ErrorKind::TimedOut, "no answer about the token came in time")
        .advise("try again, or allow more time")
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the request about the token was abandoned")
        .advise("try again")
}
