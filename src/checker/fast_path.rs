//! The fast path: what memory answers.
//!
//! With many tokens a hit spends its time waiting for memory, one line after the other. While it
//! waits, the processor gets ahead with whatever comes next, but only some four hundred
//! instructions far. So all of the path is inlined, down to the [policy]: calls and copies between
//! its parts were a third of it.

use std::sync::Arc;

use crate::checker::cache::facts::{Facts, Known};
use crate::checker::cache::key;
use crate::checker::policy::{self, Circumstances};
use crate::checker::{
    AnswerSource, Denied, Inner, Presented, Question, Reason, Requirement, Scheme, Verdict,
};
use crate::clock::both;
use crate::clock::ticks::Age;
use crate::credential::dpop::{self, ProofDenial, Refusal};
use crate::error::{Error, ErrorKind};
use crate::oauth::introspect::Introspection;

impl Inner {
    /// The verdict on what is known, if that is young enough. Nothing here waits or allocates.
    #[inline(always)]
    pub(super) fn at_hand(
        self: &Arc<Self>,
        presented: Presented<'_>,
        requirement: &Requirement,
    ) -> Option<Result<Verdict, Error>> {
        key::fetch(presented.token());
        let server = match self.server(presented, requirement) {
            Ok(Some(server)) => server,
            Ok(None) => return Some(Ok(self.refuse(Reason::UnknownIssuer))),
            Err(error) => return Some(Err(error)),
        };
        let question = self.question(server, presented, requirement, both(&*self.clock));
        self.recall(&question)
    }

    /// The verdict on what is known, if that is young enough.
    ///
    /// The edge is not asked: what it says depends on the token's text and on the token's end
    /// alone. A text that is in the cache has passed it before, and the end is looked at by the
    /// policy.
    #[inline(always)]
    fn recall(self: &Arc<Self>, question: &Question<'_>) -> Option<Result<Verdict, Error>> {
        let known = self.cache.get(question.key)?;
        let age = known.age(question.begun);
        let fresh = question.bounds.fresh(&known, age);
        if !fresh || !self.watermarks.clear(question.key, &known) {
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
            return Ok(Verdict::Denied(Denied::new(Reason::Inactive, None)));
        };
        let objection = self.proof_objection(&facts, question)?;
        let asked = &self.servers[question.server].issuer;
        let circumstances = Circumstances { now, age, source, asked, objection };
        Ok(policy::judge(facts, question.requirement, &circumstances))
    }

    /// What is wrong with how the token was presented, if anything.
    #[inline(always)]
    fn proof_objection(
        &self,
        facts: &Facts,
        question: &Question<'_>,
    ) -> Result<Option<ProofDenial>, Error> {
        match (facts.is_bound, question.presented.scheme()) {
            (false, Scheme::Bearer) => {
                Ok(question.requirement.bound.then_some(ProofDenial::NotBound))
            }
            (false, Scheme::Dpop(_)) => Ok(Some(ProofDenial::NotBound)),
            (true, Scheme::Bearer) => Ok(Some(ProofDenial::Missing)),
            (true, Scheme::Dpop(proof)) => {
                self.judge_proof(&facts.introspection, question.presented.token(), &proof)
            }
        }
    }

    /// What is wrong with the proof that came with a bound token, if anything.
    fn judge_proof(
        &self,
        answer: &Introspection,
        token: &str,
        proof: &dpop::Presented<'_>,
    ) -> Result<Option<ProofDenial>, Error> {
        let Some(jkt) = sole_jkt(answer) else {
            return Ok(Some(ProofDenial::Unsupported));
        };
        match self.proofs.judge(proof, token, jkt, self.clock.now()) {
            Ok(()) => Ok(None),
            Err(Refusal::Denied(denial)) => Ok(Some(denial)),
            Err(Refusal::Full) => Err(Error::new(
                ErrorKind::RateLimited,
                "the memory of used proofs is full, so that none can be taken",
            )
            .advise("raise the capacity for proofs")
            .retry_in(Some(self.config.proofs.max_age))),
        }
    }
}

/// The key to which a token is bound, unless it is bound to a certificate as well (RFC 8705 §3.1):
/// half a proof is none.
fn sole_jkt(answer: &Introspection) -> Option<&str> {
    let cnf = answer.cnf.as_ref().filter(|cnf| !cnf.extra.contains_key("x5t#S256"))?;
    cnf.jkt.as_deref()
}
