//! Whether a request may go on to the service behind the proxy.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, Uri};
use okta_introspect::adapter::{Gate, RequestHead};
use okta_introspect::{Authorized, Requirement};

use crate::caller::Caller;
use crate::metrics::Outcome;
use crate::original::{Origin, Original};
use crate::refusal::Refusal;
use crate::rule::Rule;
use crate::state::State;

/// What is decided about a request.
#[derive(Debug)]
pub(crate) enum Decision<'s> {
    /// It may go on: with this token, or by a rule that asks for none.
    Yes {
        /// The rule that it has met.
        rule: &'s Rule,
        /// What is known of its token.
        token: Option<Authorized>,
    },
    /// It may not, or nobody can tell.
    No(Refusal),
}

impl Decision<'_> {
    /// For the metrics of the listener.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Yes { .. } => Outcome::Allowed,
            Self::No(refusal) => refusal.outcome(),
        }
    }

    /// A line at INFO for a request that is let in: by which rule, for whom, and how old what is known
    /// is. Never its query.
    pub(crate) fn log(&self, original: Option<&Original<'_>>) {
        let Self::Yes { rule, token } = self else { return };
        let facts = token.as_ref().map(Authorized::introspection);
        tracing::info!(
            verdict = Outcome::Allowed.as_str(),
            rule = rule.name,
            method = original.map(|original| original.method.as_str()),
            host = original.map(|original| &*original.host),
            path = original.map(Original::shown_path).as_deref(),
            client = facts.and_then(|facts| facts.client_id.as_deref()),
            sub = facts.and_then(|facts| facts.sub.as_deref()),
            age_ms = token.as_ref().map(|token| token.age().as_millis() as u64),
            source = token.as_ref().map(|token| token.source().as_str()),
            "a request is let in"
        );
    }
}

/// A request that a proxy asks about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// What the client wants.
    pub(crate) original: &'a Original<'a>,
    /// The client's headers, as far as the proxy hands them on.
    pub(crate) headers: &'a HeaderMap,
    /// The rule that the proxy's own settings name for the route; default: that of the path.
    pub(crate) rule: Option<&'a str>,
}

impl State {
    /// Decides about a request, for this caller of the sidecar.
    ///
    /// The order is that of what it costs: the caller's budget, host, path and rule, then the token.
    pub(crate) async fn decide(&self, caller: &Caller, question: Question<'_>) -> Decision<'_> {
        match self.try_decide(caller, question).await {
            Ok(decision) => decision,
            Err(refusal) => Decision::No(refusal),
        }
    }

    async fn try_decide(
        &self,
        caller: &Caller,
        question: Question<'_>,
    ) -> Result<Decision<'_>, Refusal> {
        let Question { original, headers, rule } = question;
        caller.admit_when(|| self.clock.monotonic()).map_err(Refusal::Busy)?;
        let origin = self.origin(&original.host)?;
        let path = self.rules.paths().canonical(original.path()).map_err(Refusal::Path)?;
        let rule = match rule {
            Some(name) => {
                let named = self.rules.named(name, &original.host, &original.method);
                named.map_err(|_| Refusal::UnknownRule)?.ok_or(Refusal::NoRule)?
            }
            None => {
                let found = self.rules.find(&original.host, &original.method, &path);
                found.ok_or(Refusal::NoRule)?
            }
        };
        let Some(requirement) = &rule.requirement else {
            return Ok(Decision::Yes { rule, token: None });
        };
        let (gate, uri) = self.gate(origin, original, headers);
        let uri = uri.as_ref().unwrap_or(&ANY);
        let head = RequestHead::new(&original.method, uri, headers).at(&rule.name);
        let checked = self.check(gate, &head.through(caller.name()), requirement, caller).await;
        match checked {
            Ok(token) => Ok(Decision::Yes { rule, token: Some(token) }),
            Err(refusal) if rule.dry_run => {
                would_refuse(rule, &refusal);
                Ok(Decision::Yes { rule, token: None })
            }
            Err(refusal) => Err(refusal),
        }
    }

    async fn check(
        &self,
        gate: &Gate,
        head: &RequestHead<'_>,
        requirement: &Requirement,
        caller: &Caller,
    ) -> Result<Authorized, Refusal> {
        let checked = match gate.try_check(head, requirement) {
            Some(checked) => checked,
            None => {
                caller.admit_miss(self.clock.monotonic()).map_err(Refusal::Busy)?;
                // Boxed: it is seldom needed, and would make the future of every hit larger.
                Box::pin(gate.check_head(head, requirement)).await
            }
        };
        checked.map_err(|rejection| Refusal::Token(Box::new(rejection)))
    }

    /// The origin that a host belongs to; `None` where no origins are configured.
    fn origin(&self, host: &str) -> Result<Option<&Origin>, Refusal> {
        match &self.origins {
            Some(origins) => origins.find(host).map(Some).ok_or(Refusal::Host),
            None => Ok(None),
        }
    }

    /// The gate of an origin, and what the client called, where a proof has to name it.
    fn gate(
        &self,
        origin: Option<&Origin>,
        original: &Original<'_>,
        headers: &HeaderMap,
    ) -> (&Gate, Option<Uri>) {
        let Some(origin) = origin else { return (&self.anywhere, None) };
        let gate = &self.gates[origin.index()]; // one for each origin
        if !headers.contains_key(DPOP) {
            return (gate, None);
        }
        let called = origin.client_target(&original.target).and_then(|uri| uri.parse().ok());
        match called {
            Some(uri) => (gate, Some(uri)),
            // What the client called cannot be told, so no proof is good for it.
            None => (&self.anywhere, None),
        }
    }
}

fn would_refuse(rule: &Rule, refusal: &Refusal) {
    tracing::warn!(
        rule = rule.name,
        reason = refusal.reason(),
        status = refusal.status().as_u16(),
        "dry run: a request would be refused: {refusal}"
    );
}

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// In place of a URI that nothing is compared with.
static ANY: LazyLock<Uri> = LazyLock::new(Uri::default);
