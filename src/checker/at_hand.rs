//! The fast path: what memory answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::facts::{Facts, Known};
use super::freshness::age;
use super::policy::{self, Circumstances};
use super::{Denied, Inner, Question, Reason, Scheme, Source, Verdict};
use crate::clock::{COARSE_LAG, exact};
use crate::dpop::{ProofDenial, Refusal};
use crate::error::{Error, ErrorKind};
use crate::introspect::Introspection;

impl Inner {
    /// The verdict on what is known, if that is young enough. Nothing here waits or allocates.
    ///
    /// Nearly always it does not matter what time it is exactly, and then a coarse reading does.
    /// Where it matters the clock is read once more, and the question begins then.
    pub(super) fn at_hand(
        self: &Arc<Self>,
        question: &mut Question<'_>,
    ) -> Option<Result<Verdict, Error>> {
        let verdict = self.recall(question, COARSE_LAG).or_else(|| {
            (question.begun, question.now) = exact(&*self.clock);
            self.recall(question, Duration::ZERO)
        })?;
        if let Ok(verdict) = &verdict {
            self.counters.hit(verdict);
        }
        Some(verdict)
    }

    /// The verdict on what is known, if that is young enough even if the question's time is behind
    /// by so much.
    ///
    /// The edge is not asked: what it says depends on the token's text and on the token's end
    /// alone. A text that is in the cache has passed it before, and the end is looked at here.
    fn recall(
        self: &Arc<Self>,
        question: &Question<'_>,
        behind: Duration,
    ) -> Option<Result<Verdict, Error>> {
        let known = self.cache.get(question.key)?;
        let fresh = question.bounds.fresh(&known, question.begun + behind);
        if !fresh || !self.watermarks.clear(question.key, &known) {
            return None;
        }
        if let Known::Active(facts) = &known {
            if !behind.is_zero() && !facts.is_sure_until(question.now + 1) {
                return None;
            }
            self.refresh_if_due(question, facts);
        }
        Some(self.verdict(known, question, Source::Cache, (question.begun, question.now)))
    }

    /// Holds what is known against the requirement.
    pub(super) fn verdict(
        &self,
        known: Known,
        question: &Question<'_>,
        source: Source,
        (now, wall): (Instant, i64),
    ) -> Result<Verdict, Error> {
        let Known::Active(facts) = known else {
            return Ok(Verdict::Denied(Denied::new(Reason::Inactive, None)));
        };
        let age = age(facts.sent.at, now);
        let objection = self.proof_objection(&facts, question)?;
        let asked = &self.servers[question.server].issuer;
        let circumstances = Circumstances { now: wall, age, source, asked, objection };
        Ok(policy::judge(facts, question.requirement, &circumstances))
    }

    /// What is wrong with how the token was presented, if anything.
    fn proof_objection(
        &self,
        facts: &Facts,
        question: &Question<'_>,
    ) -> Result<Option<ProofDenial>, Error> {
        let presented = match (facts.is_bound, question.presented.scheme()) {
            (false, Scheme::Bearer) if question.requirement.bound => {
                return Ok(Some(ProofDenial::NotBound));
            }
            (false, Scheme::Bearer) => return Ok(None),
            (false, Scheme::Dpop(_)) => return Ok(Some(ProofDenial::NotBound)),
            (true, Scheme::Bearer) => return Ok(Some(ProofDenial::Missing)),
            (true, Scheme::Dpop(presented)) => presented,
        };
        let Some(jkt) = sole_jkt(&facts.introspection) else {
            return Ok(Some(ProofDenial::Unsupported));
        };
        match self.proofs.judge(&presented, question.presented.token(), jkt, self.clock.now()) {
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
