//! What a check decides, and where the answer came from.
//!
//! Only the [policy](super) can make an [`Authorized`], so a handler that asks for one cannot be
//! reached without a check.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use crate::checker::cache::facts::Facts;
use crate::checker::policy::denial::Reason;
use crate::clock::ticks::Age;
use crate::error::{Error, redact};
use crate::oauth::introspect::Introspection;
use crate::scope::Scopes;
use crate::support::json_misfit::Misfit;

/// What a check decides. The [module](crate::checker) has an example.
///
/// # Example: a status for each
///
/// ```
/// use okta_introspect::checker::Verdict;
///
/// fn status(verdict: &Verdict) -> u16 {
///     match verdict {
///         Verdict::Authorized(_) => 200,
///         Verdict::Denied(_) => 401,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub enum Verdict {
    /// The request may go on.
    Authorized(Authorized),
    /// The request may not go on, for certain.
    Denied(Denied),
}

/// Where an answer came from.
///
/// # Example: how many requests waited for the server?
///
/// ```
/// use okta_introspect::checker::{AnswerSource, Authorized};
///
/// fn has_waited(caller: &Authorized) -> bool {
///     matches!(caller.source(), AnswerSource::Introspected | AnswerSource::Joined)
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AnswerSource {
    /// It was known already.
    Cache,
    /// This check asked the server.
    Introspected,
    /// Another check was asking already, and this one waited with it.
    Joined,
    /// It was known already and is older than the bound, and the server cannot be asked: see
    /// [`stale_if_error`](crate::Requirement::stale_if_error).
    StaleOnError,
    /// It was known already and is older than the bound, and signals say that nothing has become of
    /// the token since: see [`extended`](crate::Requirement::extended).
    Extended,
    /// Another instance has asked the server, and this check found its answer in the store that they
    /// [share](crate::checker::CheckerBuilder::shared).
    Shared,
}

impl AnswerSource {
    /// Every name that [`as_str`](Self::as_str) gives, in the order of the sources.
    pub const NAMES: [&str; 6] =
        ["cache", "introspected", "joined", "stale_on_error", "extended", "shared"];

    /// A name for logs and metrics; one of [`NAMES`](Self::NAMES).
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize] // one name for each source
    }
}

/// The proof that a request was checked and let in. There is no other way to get one than
/// [`Checker::check`](crate::checker::Checker::check). Cheap to clone.
///
/// # Example: a function that cannot be called without a check
///
/// ```
/// use okta_introspect::checker::Authorized;
///
/// fn cancel_order(caller: &Authorized, order: u64) -> String {
///     format!("{order} cancelled by {:?}, known for {:?}", caller.sub(), caller.age())
/// }
/// ```
#[derive(Clone)]
pub struct Authorized {
    evidence: Evidence,
}

/// What a verdict rests on.
#[derive(Clone)]
pub(super) struct Evidence {
    facts: Arc<Facts>,
    /// What the server said, once it was asked for. Not among the facts, where it would stay as long as
    /// they do.
    whole: OnceLock<Arc<Introspection>>,
    age: Age,
    source: AnswerSource,
}

impl Evidence {
    #[inline(always)]
    pub(super) fn new(facts: Arc<Facts>, age: Age, source: AnswerSource) -> Self {
        Self { facts, whole: OnceLock::new(), age, source }
    }

    #[inline(always)]
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    #[cold]
    pub(super) fn introspection(&self) -> &Introspection {
        self.whole.get_or_init(|| Arc::new(self.facts.introspection()))
    }
}

impl Authorized {
    /// For the [policy](super) alone.
    #[inline(always)]
    pub(super) fn new(evidence: Evidence) -> Self {
        Self { evidence }
    }

    /// What the server said about the token. It is kept in a smaller form, and put together when it
    /// is first asked for, which takes a few allocations; clones that are made later share it. What
    /// has a method of its own here costs nothing.
    pub fn introspection(&self) -> &Introspection {
        self.evidence.introspection()
    }

    /// The subject; see [`Introspection::sub`].
    pub fn sub(&self) -> Option<&str> {
        self.evidence.facts.sub()
    }

    /// The user's id at Okta; see [`Introspection::uid`].
    pub fn uid(&self) -> Option<&str> {
        self.evidence.facts.uid()
    }

    /// The user's login; see [`Introspection::username`].
    pub fn username(&self) -> Option<&str> {
        self.evidence.facts.username()
    }

    /// The client to which the token was issued; see [`Introspection::client_id`].
    pub fn client_id(&self) -> Option<&str> {
        self.evidence.facts.client_id()
    }

    /// What the token permits; see [`Introspection::scope`].
    pub fn scope(&self) -> Option<&Scopes> {
        self.evidence.facts.scope()
    }

    /// Who issued the token; see [`Introspection::iss`].
    pub fn iss(&self) -> Option<&str> {
        self.evidence.facts.iss()
    }

    /// Tells answers apart: the same number for all that rests on one answer of the server, and
    /// another one for each other answer, as long as one of either is kept. To keep what is derived
    /// from an answer, together with a clone of this.
    ///
    /// # Example: derived once from each answer
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use okta_introspect::checker::Authorized;
    ///
    /// type Kept<T> = HashMap<usize, (Authorized, T)>;
    ///
    /// fn once<'a, T>(kept: &'a mut Kept<T>, caller: &Authorized, make: fn(&Authorized) -> T) -> &'a T {
    ///     let entry = kept.entry(caller.answer_id());
    ///     &entry.or_insert_with(|| (caller.clone(), make(caller))).1
    /// }
    /// ```
    pub fn answer_id(&self) -> usize {
        Arc::as_ptr(&self.evidence.facts).addr()
    }

    #[inline(always)]
    pub(in crate::checker) fn ticks(&self) -> Age {
        self.evidence.age
    }

    /// How long ago the request was sent that brought the answer.
    pub fn age(&self) -> Duration {
        self.evidence.age.into()
    }

    /// Where the answer came from.
    pub fn source(&self) -> AnswerSource {
        self.evidence.source
    }

    /// When the token ends, by the server's word or by the token's own, whichever comes first.
    /// `None` if neither says so, or if it is after the year 2105.
    ///
    /// # Example: what is derived from a token ends with it
    ///
    /// ```
    /// use chrono::{DateTime, TimeDelta, Utc};
    /// use okta_introspect::checker::Authorized;
    ///
    /// fn session_end(caller: &Authorized, now: DateTime<Utc>) -> DateTime<Utc> {
    ///     let longest = now + TimeDelta::minutes(15);
    ///     caller.expires_at().map_or(longest, |end| end.min(longest))
    /// }
    /// ```
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.evidence.facts.expires_at()
    }

    /// What the server said about the token, as a type of the caller's own. Members have the names
    /// of [RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2); times are seconds
    /// since 1970.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::ErrorKind::Malformed) if what the server said does not fit the type.
    /// The error names no value.
    ///
    /// # Example: the groups of a user
    ///
    /// ```
    /// use okta_introspect::Error;
    /// use okta_introspect::checker::Authorized;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Employee {
    ///     uid: String,
    ///     #[serde(default)]
    ///     groups: Vec<String>,
    /// }
    ///
    /// fn is_auditor(caller: &Authorized) -> Result<bool, Error> {
    ///     let employee: Employee = caller.claims()?;
    ///     Ok(employee.groups.iter().any(|group| group == "auditors"))
    /// }
    /// ```
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Error> {
        const MISFIT: &str = "what the server said about the token does not fit the type wanted";

        let claims =
            serde_json::to_value(self.introspection()).map_err(|_| Error::malformed(MISFIT))?;
        T::deserialize(&claims).map_err(|_| {
            let member = Misfit::of_foreign::<T>(&claims).map(|misfit| format!(": {misfit}"));
            let member = redact::excerpt(member.unwrap_or_default().as_bytes(), &[]);
            Error::malformed(format!("{MISFIT}{member}"))
                .advise("make members that may be absent optional, and compare their types")
        })
    }

    /// Takes it back before it is given out.
    pub(in crate::checker) fn deny(self, reason: Reason) -> Denied {
        Denied::on(self.evidence, reason)
    }
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized")
            .field("introspection", self.introspection())
            .field("age", &self.age())
            .field("source", &self.source())
            .finish()
    }
}

/// That a request was checked and is not let in.
///
/// # Example: a line for the log
///
/// ```
/// use okta_introspect::checker::Denied;
///
/// fn line(denied: &Denied) -> String {
///     let client = denied.facts().and_then(|facts| facts.client_id.as_deref());
///     format!("denied: {}, client {client:?}", denied.reason())
/// }
/// ```
#[derive(Clone)]
pub struct Denied {
    reason: Reason,
    /// In a box: a verdict is moved on every hit, and few are denials.
    evidence: Option<Box<Evidence>>,
}

impl Denied {
    /// A denial of what is not known to be an active token.
    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, evidence: None }
    }

    /// A denial of an active token.
    pub(super) fn on(evidence: Evidence, reason: Reason) -> Self {
        Self { reason, evidence: Some(Box::new(evidence)) }
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What the server said about the token, if it is active. For logs: nothing here is proven to
    /// concern the request's sender.
    pub fn facts(&self) -> Option<&Introspection> {
        self.evidence.as_deref().map(Evidence::introspection)
    }

    /// How long ago the request was sent that brought these [facts](Self::facts).
    pub fn age(&self) -> Option<Duration> {
        self.evidence.as_deref().map(|evidence| evidence.age.into())
    }

    /// Where these [facts](Self::facts) came from.
    pub fn source(&self) -> Option<AnswerSource> {
        self.evidence.as_deref().map(|evidence| evidence.source)
    }
}

impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denied")
            .field("reason", &self.reason)
            .field("facts", &self.facts())
            .field("age", &self.age())
            .field("source", &self.source())
            .finish()
    }
}
