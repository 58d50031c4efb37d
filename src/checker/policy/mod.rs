//! The policy: holds facts against a requirement. Pure; runs on every check, whether the facts
//! come from the server or from the cache.
//!
//! Only this file can make an [`Authorized`], so a handler that asks for one cannot be reached
//! without a check.

pub(crate) mod denial;
pub(crate) mod presented;
pub(crate) mod requirement;
mod written;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::checker::cache::facts::Facts;
use crate::checker::edge::Routes;
use crate::checker::policy::denial::{AudienceFault, Reason};
use crate::checker::policy::requirement::Requirement;
use crate::clock::ticks::Age;
use crate::credential::dpop::ProofDenial;
use crate::error::{Error, redact};
use crate::oauth::introspect::Introspection;
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
    /// [`Requirement::stale_if_error`].
    StaleOnError,
}

impl AnswerSource {
    /// Every name that [`as_str`](Self::as_str) gives, in the order of the sources.
    pub const NAMES: [&str; 4] = ["cache", "introspected", "joined", "stale_on_error"];

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
///     let token = caller.introspection();
///     format!("{order} cancelled by {:?}, known for {:?}", token.sub, caller.age())
/// }
/// ```
#[derive(Clone)]
pub struct Authorized {
    facts: Arc<Facts>,
    pub(crate) age: Age,
    source: AnswerSource,
}

impl Authorized {
    /// What the server said about the token.
    pub fn introspection(&self) -> &Introspection {
        &self.facts.introspection
    }

    /// How long ago the request was sent that brought the answer.
    pub fn age(&self) -> Duration {
        self.age.into()
    }

    /// Where the answer came from.
    pub fn source(&self) -> AnswerSource {
        self.source
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
    pub(super) fn deny(self, reason: Reason) -> Denied {
        Denied::new(reason, Some(self.facts))
    }
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized")
            .field("introspection", self.introspection())
            .field("age", &self.age())
            .field("source", &self.source)
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
    facts: Option<Arc<Facts>>,
}

impl Denied {
    pub(crate) fn new(reason: Reason, facts: Option<Arc<Facts>>) -> Self {
        Self { reason, facts }
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What the server said about the token, if it is active. For logs: nothing here is proven to
    /// concern the request's sender.
    pub fn facts(&self) -> Option<&Introspection> {
        self.facts.as_deref().map(|facts| &facts.introspection)
    }
}

impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denied")
            .field("reason", &self.reason)
            .field("facts", &self.facts())
            .finish()
    }
}

/// What is held against the facts beside the requirement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// The wall time in seconds since 1970.
    pub(crate) now: i64,
    pub(crate) age: Age,
    pub(crate) source: AnswerSource,
    /// The servers, and which of them was asked.
    pub(crate) routes: &'a Routes,
    pub(crate) server: usize,
    /// The resource to which the token was presented, where that counts.
    pub(crate) resource: Option<&'a str>,
    /// What is wrong with how the token was presented, if anything.
    pub(crate) objection: Option<ProofDenial>,
}

/// Lets a request in if the facts about its token meet the requirement.
#[inline(always)]
pub(crate) fn decide(
    facts: Arc<Facts>,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Verdict {
    match meets(&facts, requirement, circumstances) {
        Ok(()) => {
            let Circumstances { age, source, .. } = *circumstances;
            Verdict::Authorized(Authorized { facts, age, source })
        }
        Err(reason) => Verdict::Denied(Denied::new(reason, Some(facts))),
    }
}

/// The first thing that speaks against it: time, then the token's nature, then what it permits.
#[inline(always)]
fn meets(
    facts: &Facts,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Result<(), Reason> {
    meets_time(facts, circumstances.now)?;
    meets_origin(&facts.introspection, requirement, circumstances)?;
    if let Some(objection) = circumstances.objection {
        return Err(Reason::Proof(objection));
    }
    meets_rest(&facts.introspection, requirement)?;
    match requirement.also.is_empty() {
        true => Ok(()),
        false => meets_others(&facts.introspection, requirement, circumstances),
    }
}

/// What the token permits, and the caller's own predicate.
#[inline(always)]
fn meets_rest(answer: &Introspection, requirement: &Requirement) -> Result<(), Reason> {
    meets_scopes(answer, requirement)?;
    match &requirement.predicate {
        Some(predicate) if !predicate(answer) => Err(Reason::Predicate),
        _ => Ok(()),
    }
}

/// The requirements that have to be met beside this one.
#[inline(never)]
fn meets_others(
    answer: &Introspection,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Result<(), Reason> {
    let Circumstances { routes, server, .. } = *circumstances;
    for other in &requirement.also {
        // One server was asked, which may be another than the one that this requires.
        let wanted = other.issuer.as_ref().map(|issuer| routes.server(issuer.as_str()));
        if wanted.is_some_and(|wanted| wanted != Some(server)) {
            return Err(Reason::Issuer);
        }
        meets_origin(answer, other, circumstances)?;
        meets_rest(answer, other)?;
        meets_others(answer, other, circumstances)?;
    }
    Ok(())
}

#[inline(always)]
fn meets_time(facts: &Facts, now: i64) -> Result<(), Reason> {
    // RFC 7662 §4: an answer must not be used past the token's end.
    if facts.has_expired(now) {
        return Err(Reason::Expired);
    }
    if facts.is_conditional {
        let Introspection { active, nbf, .. } = &facts.introspection;
        if !active {
            // Never reached from this crate; another upstream may be careless.
            return Err(Reason::Inactive);
        }
        if nbf.is_some_and(|begin| now < begin.timestamp()) {
            return Err(Reason::NotYetValid);
        }
    }
    Ok(())
}

#[inline(always)]
fn meets_origin(
    answer: &Introspection,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Result<(), Reason> {
    // The server of the required issuer was asked. It may have several names, and one that does
    // not name the issuer speaks of its own tokens.
    let Circumstances { routes, server, .. } = *circumstances;
    let is_own = |issuer: &str| routes.server(issuer) == Some(server);
    if requirement.issuer.is_some() && !answer.iss.as_deref().is_none_or(is_own) {
        return Err(Reason::Issuer);
    }
    if let Some(resource) = circumstances.resource {
        meets_audience(answer, resource)?;
    }
    if let Some(audience) = &requirement.audience {
        meets_audience(answer, audience)?;
    }
    let client = |client_id: &str| requirement.clients.iter().any(|wanted| wanted == client_id);
    if !requirement.clients.is_empty() && !answer.client_id.as_deref().is_some_and(client) {
        return Err(Reason::Client);
    }
    if requirement.user && answer.uid.is_none() && answer.username.is_none() {
        return Err(Reason::NoUser);
    }
    Ok(())
}

#[inline(always)]
fn meets_audience(answer: &Introspection, wanted: &str) -> Result<(), Reason> {
    match contains(&answer.aud, wanted) {
        true => Ok(()),
        false => Err(Reason::Audience(AudienceFault::of(&answer.aud, wanted))),
    }
}

#[inline(always)]
fn meets_scopes(answer: &Introspection, requirement: &Requirement) -> Result<(), Reason> {
    let has =
        |scope: &String| answer.scope.as_ref().is_some_and(|own| contains(own.as_slice(), scope));
    let (all, any) = (&requirement.all, &requirement.any);
    for wanted in all {
        if !has(wanted) {
            return Err(lacking(all.iter().filter(|scope| !has(scope))));
        }
    }
    if !any.is_empty() && !any.iter().any(has) {
        return Err(lacking(any.iter()));
    }
    Ok(())
}

/// As the slice's own, which is a call.
#[inline(always)]
fn contains(all: &[String], wanted: &str) -> bool {
    for one in all {
        if one == wanted {
            return true;
        }
    }
    false
}

#[cold]
fn lacking<'a>(missing: impl Iterator<Item = &'a String>) -> Reason {
    let mut missing: Vec<String> = missing.cloned().collect();
    missing.sort_unstable();
    Reason::Scope { missing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample;
    use crate::issuer::Issuer;
    use serde_json::{Value, json};

    const ASKED: &str = "https://acme.okta.com/oauth2/default";
    const OTHER_AUDIENCE: Option<Reason> = Some(Reason::Audience(AudienceFault::Other));

    fn reason(members: Value, requirement: &Requirement, now: i64) -> Option<Reason> {
        let facts = sample::facts(sample::introspection(members), sample::sent(1), None);
        let circumstances = Circumstances {
            now,
            age: Age::ZERO,
            source: AnswerSource::Cache,
            routes: &Routes::new(&[Issuer::parse(ASKED).unwrap()]),
            server: 0,
            resource: None,
            objection: None,
        };
        match decide(Arc::new(facts), requirement, &circumstances) {
            Verdict::Authorized(_) => None,
            Verdict::Denied(denied) => Some(denied.reason),
        }
    }

    fn lacks(scopes: &[&str]) -> Option<Reason> {
        Some(Reason::Scope { missing: scopes.iter().map(|scope| (*scope).to_owned()).collect() })
    }

    #[test]
    fn each_requirement_lets_in_what_meets_it_and_nothing_else() {
        let issuer = |text| Requirement::new().issuer(Issuer::parse(text).unwrap());
        let any = Requirement::new;
        let cases = [
            ("nothing", any(), json!({}), None),
            ("scope", any().scope("a"), json!({"scope": "b a"}), None),
            ("one of two", any().scope("b").scope("a"), json!({"scope": "a"}), lacks(&["b"])),
            ("no scopes at all", any().scope("b").scope("a"), json!({}), lacks(&["a", "b"])),
            ("part of a scope", any().scope("a"), json!({"scope": "ab a.b"}), lacks(&["a"])),
            ("any", any().any_scope(["a", "b"]), json!({"scope": "b"}), None),
            ("none of any", any().any_scope(["b", "a"]), json!({"scope": "c"}), lacks(&["a", "b"])),
            ("audience", any().audience("x"), json!({"aud": ["w", "x"]}), None),
            ("other audience", any().audience("x"), json!({"aud": "xy"}), OTHER_AUDIENCE),
            ("no audience", any().audience("x"), json!({}), OTHER_AUDIENCE),
            ("issuer", issuer(ASKED), json!({"iss": ASKED}), None),
            ("silent issuer", issuer(ASKED), json!({}), None),
            ("other issuer", issuer(ASKED), json!({"iss": "x"}), Some(Reason::Issuer)),
            ("client", any().client_id("a").client_id("b"), json!({"client_id": "b"}), None),
            ("other client", any().client_id("a"), json!({"client_id": "b"}), Some(Reason::Client)),
            ("no client", any().client_id("a"), json!({}), Some(Reason::Client)),
            ("user", any().user(), json!({"uid": "00u1"}), None),
            ("user of another server", any().user(), json!({"username": "ada"}), None),
            ("service", any().user(), json!({"sub": "0oa1"}), Some(Reason::NoUser)),
            (
                "predicate",
                any().predicate(|answer| answer.sub.as_deref() == Some("ada")),
                json!({"sub": "bob"}),
                Some(Reason::Predicate),
            ),
        ];
        for (name, requirement, members, expected) in cases {
            assert_eq!(reason(members, &requirement, 0), expected, "{name}");
        }
    }

    #[test]
    fn time_is_looked_at_on_every_check_and_its_end_is_excluded() {
        let members = || json!({"nbf": 10, "exp": 20});
        for (now, expected) in [
            (9, Some(Reason::NotYetValid)),
            (10, None),
            (19, None),
            (20, Some(Reason::Expired)),
            (21, Some(Reason::Expired)),
        ] {
            assert_eq!(reason(members(), &Requirement::new(), now), expected, "{now}");
        }
    }

    #[test]
    fn requirements_that_belong_together_are_all_to_be_met() {
        let any = Requirement::new;
        let both = || any().scope("a").and(any().any_scope(["b", "c"]).audience("x"));
        let issuer = |text| any().issuer(Issuer::parse(text).unwrap());
        let other_issuer = "https://other.okta.com";
        let good = json!({"scope": "a c", "aud": "x"});
        let no = |reason| Some(reason);
        for (name, requirement, members, expected) in [
            ("both", both(), good.clone(), None),
            ("not the first", both(), json!({"scope": "c", "aud": "x"}), lacks(&["a"])),
            ("not the second", both(), json!({"scope": "a", "aud": "x"}), lacks(&["b", "c"])),
            ("another audience", both(), json!({"scope": "a b", "aud": "y"}), OTHER_AUDIENCE),
            ("a third", any().and(both().and(any().user())), good, no(Reason::NoUser)),
            (
                "a predicate",
                any().and(any().predicate(|_| false)),
                json!({}),
                no(Reason::Predicate),
            ),
            ("a client", any().and(any().client_id("c")), json!({}), no(Reason::Client)),
            ("the issuer", any().and(issuer(ASKED)), json!({"iss": ASKED}), None),
            ("two issuers", issuer(ASKED).and(issuer(other_issuer)), json!({}), no(Reason::Issuer)),
        ] {
            assert_eq!(reason(members, &requirement, 0), expected, "{name}");
        }
        assert_eq!(both().and(any().scope("a").scope("d")).all, ["a", "d"]);
        assert!(any().and(any().bound()).bound);
    }

    #[test]
    fn a_slash_too_many_or_too_few_at_the_end_is_told() {
        let near = Some(Reason::Audience(AudienceFault::TrailingSlash));
        let wanted = "https://api.acme.example/mcp";
        for (audience, expected) in [
            (wanted, None),
            ("https://api.acme.example/mcp/", near.clone()),
            ("https://api.acme.example/mcp//", OTHER_AUDIENCE),
            ("https://API.acme.example/mcp", OTHER_AUDIENCE),
            ("https://api.acme.example/MCP", OTHER_AUDIENCE),
            ("https://api.acme.example", OTHER_AUDIENCE),
            ("", OTHER_AUDIENCE),
        ] {
            let requirement = Requirement::new().audience(wanted);
            assert_eq!(reason(json!({"aud": audience}), &requirement, 0), expected, "{audience}");
        }
        let requirement = Requirement::new().audience("https://api.acme.example/");
        let members = json!({"aud": ["api://x", "https://api.acme.example"]});
        assert_eq!(reason(members, &requirement, 0), near);
    }

    #[test]
    fn an_inactive_answer_is_never_success() {
        assert_eq!(
            reason(json!({"active": false}), &Requirement::new(), 0),
            Some(Reason::Inactive)
        );
    }
}
