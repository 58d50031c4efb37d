//! The fast path: what happens on a hit.
//!
//! With many tokens a hit spends its time waiting for memory, one line after the other. While it
//! waits, the processor gets ahead with the next instructions, but only some four hundred far. So
//! all of the path is inlined, down to the [policy]: calls and copies between its parts were a
//! third of it (`benches/checker`).

use std::sync::Arc;

use crate::checker::cache::facts::{Facts, Known};
use crate::checker::cache::freshness::Extension;
use crate::checker::policy::{self, Circumstances};
use crate::checker::{
    AnswerSource, Authorized, Denied, Inner, Presented, Question, Reason, Requirement, Scheme,
    SignalMode, Verdict,
};
use crate::clock::both;
use crate::clock::ticks::Age;
use crate::credential::dpop::{self, PresentedProof, ProofDenial, ProofRefusal, ValidProof};
use crate::error::{Error, ErrorKind};

impl Inner {
    /// The verdict on what the cache has, if that is young enough. Nothing here waits or
    /// allocates.
    #[inline(always)]
    pub(super) fn check_cached(
        self: &Arc<Self>,
        presented: Presented<'_>,
        requirement: &Requirement,
    ) -> Option<Result<Verdict, Error>> {
        let server = match self.server(presented, requirement) {
            Ok(Some(server)) => server,
            Ok(None) => return Some(Ok(self.refuse(Reason::UnknownIssuer))),
            Err(error) => return Some(Err(error)),
        };
        let question = self.question(server, presented, requirement, both(&*self.clock));
        self.look_up(&question)
    }

    /// Looks a question up in the cache.
    ///
    /// The edge is not asked: what it says depends on the token's text and on the token's end
    /// alone. A text that is in the cache has passed it before, and the end is looked at by the
    /// policy.
    #[inline(always)]
    fn look_up(self: &Arc<Self>, question: &Question<'_>) -> Option<Result<Verdict, Error>> {
        let known = self.cache.get(question.key)?;
        let age = known.age(question.begun);
        if !question.bounds.fresh(&known, age) {
            return self.look_up_extended(question, known, age);
        }
        if !self.watermarks.passes(&question.about(), &known) {
            return None;
        }
        if let Known::Active(facts) = &known {
            self.refresh_if_due(question, facts, age);
        }
        let verdict = self.verdict(known, question, AnswerSource::Cache, (age, question.now));
        if let Ok(verdict) = &verdict {
            self.counters.hit(verdict);
        }
        Some(verdict)
    }

    /// As [`look_up`](Self::look_up), for what is older than the bound: signals may extend it.
    #[inline(never)]
    fn look_up_extended(
        self: &Arc<Self>,
        question: &Question<'_>,
        known: Known,
        age: Age,
    ) -> Option<Result<Verdict, Error>> {
        let extension = self.extension(question, SignalMode::Extend)?;
        if !question.bounds.fresh_by(&extension, &known, question.begun) {
            return None;
        }
        // After the look at coverage: see `Covered`.
        if !self.watermarks.passes(&question.about(), &known) {
            return None;
        }
        if let Known::Active(facts) = &known {
            self.refresh_extended(question, facts, &extension);
        }
        let verdict = self.verdict(known, question, AnswerSource::Extended, (age, question.now));
        if let Ok(verdict) = &verdict {
            self.counters.extended(verdict);
        }
        Some(verdict)
    }

    /// What signals may do for this question, if the checker is in this mode and every requirement
    /// agrees.
    #[inline(always)]
    pub(super) fn extension(&self, question: &Question<'_>, mode: SignalMode) -> Option<Extension> {
        let takes = self.config.signals == mode && question.requirement.least(&|one| one.extended);
        takes.then(|| self.covered.extension(self.config.hard_bound().into()))
    }

    /// Holds what is known against the requirement, at the wall time `now`.
    #[inline(always)]
    pub(super) fn verdict(
        &self,
        known: Known,
        question: &Question<'_>,
        source: AnswerSource,
        (age, now): (Age, i64),
    ) -> Result<Verdict, Error> {
        let Known::Active(facts) = known else {
            return Ok(Verdict::Denied(Denied::new(Reason::Inactive)));
        };
        let (routes, server) = (&self.routes, question.server);
        let resource = question.presented.resource();
        let objection = match (facts.is_bound, question.presented.scheme()) {
            (false, Scheme::Bearer { must_be_bound }) => {
                (must_be_bound | question.requirement.bound).then_some(ProofDenial::NotBound)
            }
            (false, Scheme::Dpop(_)) => Some(ProofDenial::NotBound),
            (true, Scheme::Bearer { .. }) => Some(ProofDenial::Missing),
            (true, Scheme::Dpop(proof)) => {
                let objection = None;
                let circumstances =
                    Circumstances { now, age, source, routes, server, resource, objection };
                return self.verdict_with_proof(facts, question, circumstances, &proof);
            }
        };
        let circumstances = Circumstances { now, age, source, routes, server, resource, objection };
        Ok(policy::decide(facts, question.requirement, &circumstances))
    }

    /// As [`verdict`](Self::verdict), for a bound token that came with a proof. The policy comes
    /// before the use of the proof is recorded: a request that is not let in anyway takes no room
    /// in the memory of proofs.
    #[inline(never)]
    fn verdict_with_proof(
        &self,
        facts: Arc<Facts>,
        question: &Question<'_>,
        mut circumstances: Circumstances<'_>,
        proof: &PresentedProof<'_>,
    ) -> Result<Verdict, Error> {
        let token = question.presented.token();
        let valid = match facts.sole_jkt() {
            Some(jkt) => self.proofs.validate(proof, token, jkt, self.clock.now()),
            None => Err(ProofDenial::Unsupported),
        };
        circumstances.objection = valid.as_ref().err().copied();
        match (policy::decide(facts, question.requirement, &circumstances), valid) {
            (Verdict::Authorized(authorized), Ok(valid)) => self.use_proof(authorized, &valid),
            (verdict, _) => Ok(verdict),
        }
    }

    /// Lets a request in whose proof was not used before.
    fn use_proof(&self, authorized: Authorized, proof: &ValidProof) -> Result<Verdict, Error> {
        let (monotonic, wall) = both(&*self.clock);
        match self.proofs.record_use(proof, dpop::Now { wall, monotonic }) {
            Ok(()) => Ok(Verdict::Authorized(authorized)),
            Err(ProofRefusal::Denied(denial)) => {
                Ok(Verdict::Denied(authorized.deny(Reason::Proof(denial))))
            }
            Err(ProofRefusal::Full) => Err(Error::new(
                ErrorKind::RateLimited,
                "the memory of used proofs is full, so that none can be taken",
            )
            .advise("raise the capacity for proofs, or what one key may have of it")
            .retry_in(Some(self.config.proofs.max_age))),
        }
    }
}
