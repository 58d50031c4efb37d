//! Local verification as a first line: what is forged never reaches the server.
//!
//! A good signature lets nobody in, since it says nothing of revocation; it only makes the
//! question worth asking. In *shadow* a verifier decides nothing at all: what it says is compared
//! with what the server says, to find out what enforcing it would do.

use crate::checker::cache::facts::Known;
use crate::checker::edge::Passed;
use crate::checker::metrics::counters::Counters;
use crate::checker::policy::denial::Reason;
use crate::metrics::counts::count;
use crate::verify::{InvalidToken, Verification, Verifier};

/// A verifier for one server's tokens, and whether its no counts.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) verifier: Verifier,
    pub(crate) enforced: bool,
}

/// What a verifier said about a token.
#[derive(Debug)]
pub(crate) enum Opinion {
    /// None: there is no verifier, the token is not for it, or it cannot tell.
    None,
    Verified,
    Rejected(InvalidToken),
}

impl Local {
    /// Verifies a token that says it is this server's.
    pub(crate) async fn opinion(&self, passed: &Passed) -> Opinion {
        if !passed.names_issuer {
            return Opinion::None;
        }
        match self.verifier.verify(passed.token.expose()).await {
            Ok(Verification::Verified(_)) => Opinion::Verified,
            // With a new key, or a little later, it may be good: ask.
            Ok(Verification::Invalid(rejection)) if rejection.may_change_later() => Opinion::None,
            Ok(Verification::Invalid(rejection)) => Opinion::Rejected(rejection),
            // There are no keys to verify with. The server knows without them.
            Err(_) => Opinion::None,
        }
    }

    /// The verifier's no, if it counts.
    pub(crate) fn objection(&self, opinion: &Opinion) -> Option<Reason> {
        match opinion {
            Opinion::Rejected(rejection) if self.enforced => {
                Some(Reason::Verification(Box::new(rejection.clone())))
            }
            Opinion::Rejected(_) | Opinion::Verified | Opinion::None => None,
        }
    }
}

impl Opinion {
    /// Counts and reports where the server says otherwise.
    pub(crate) fn compare(&self, known: &Known, counters: &Counters) {
        match (self, known) {
            (Self::Rejected(rejection), Known::Active(_)) => {
                count(&counters.rejected_but_active);
                tracing::warn!(%rejection, "the server calls a token active that does not verify");
            }
            // What was revoked still verifies: this is what introspection is for.
            (Self::Verified, Known::Inactive(_)) => {
                count(&counters.verified_but_inactive);
                tracing::info!("the server calls a token inactive that verifies");
            }
            (Self::Rejected(_), Known::Inactive(_))
            | (Self::Verified, Known::Active(_))
            | (Self::None, _) => {}
        }
    }
}
