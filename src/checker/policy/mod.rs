//! The policy: holds facts against a requirement. Pure; runs on every check, whether the facts
//! come from the server or from the cache.

pub(crate) mod denial;
pub(crate) mod presented;
pub(crate) mod requirement;
pub(crate) mod verdict;
mod written;

use std::sync::Arc;

use crate::checker::cache::facts::{Facts, Nature};
use crate::checker::edge::Routes;
use crate::checker::policy::denial::{AudienceFault, Reason};
use crate::checker::policy::requirement::Requirement;
use crate::checker::policy::verdict::{AnswerSource, Authorized, Denied, Evidence, Verdict};
use crate::clock::ticks::Age;
use crate::credential::dpop::ProofDenial;

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
    let evidence = Evidence::new(facts, circumstances.age, circumstances.source);
    match meets(&evidence, requirement, circumstances) {
        Ok(()) => Verdict::Authorized(Authorized::new(evidence)),
        Err(reason) => Verdict::Denied(Denied::on(evidence, reason)),
    }
}

/// The first thing that speaks against it: time, then the token's nature, then what it permits.
#[inline(always)]
fn meets(
    evidence: &Evidence,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Result<(), Reason> {
    meets_time(evidence.facts(), circumstances.now)?;
    meets_origin(evidence.facts(), requirement, circumstances)?;
    if let Some(objection) = circumstances.objection {
        return Err(Reason::Proof(objection));
    }
    meets_rest(evidence, requirement)?;
    match requirement.also.is_empty() {
        true => Ok(()),
        false => meets_others(evidence, requirement, circumstances),
    }
}

/// What the token permits, and the caller's own predicate.
#[inline(always)]
fn meets_rest(evidence: &Evidence, requirement: &Requirement) -> Result<(), Reason> {
    meets_scopes(evidence.facts(), requirement)?;
    match &requirement.predicate {
        Some(predicate) if !predicate(evidence.introspection()) => Err(Reason::Predicate),
        _ => Ok(()),
    }
}

/// The requirements that have to be met beside this one.
#[inline(never)]
fn meets_others(
    evidence: &Evidence,
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
        meets_origin(evidence.facts(), other, circumstances)?;
        meets_rest(evidence, other)?;
        meets_others(evidence, other, circumstances)?;
    }
    Ok(())
}

#[inline(always)]
fn meets_time(facts: &Facts, now: i64) -> Result<(), Reason> {
    // RFC 7662 §4: an answer must not be used past the token's end.
    if facts.has_expired(now) {
        return Err(Reason::Expired);
    }
    match facts.nature {
        Nature::AccessToken => {}
        Nature::Other => return Err(Reason::NotAccessToken),
        // Never reached from this crate; another upstream may be careless.
        Nature::Inactive => return Err(Reason::Inactive),
    }
    if !facts.has_begun(now) {
        return Err(Reason::NotYetValid);
    }
    Ok(())
}

#[inline(always)]
fn meets_origin(
    facts: &Facts,
    requirement: &Requirement,
    circumstances: &Circumstances<'_>,
) -> Result<(), Reason> {
    // The server of the required issuer was asked. It may have several names, and one that does
    // not name the issuer speaks of its own tokens.
    let Circumstances { routes, server, .. } = *circumstances;
    let is_own = |issuer: &str| routes.server(issuer) == Some(server);
    if requirement.issuer.is_some() && !facts.iss().is_none_or(is_own) {
        return Err(Reason::Issuer);
    }
    if let Some(resource) = circumstances.resource {
        meets_audience(facts, resource)?;
    }
    if let Some(audience) = &requirement.audience {
        meets_audience(facts, audience)?;
    }
    let client = |client_id: &str| requirement.clients.iter().any(|wanted| wanted == client_id);
    if !requirement.clients.is_empty() && !facts.client_id().is_some_and(client) {
        return Err(Reason::Client);
    }
    if requirement.user && !facts.has_user {
        return Err(Reason::NoUser);
    }
    Ok(())
}

#[inline(always)]
fn meets_audience(facts: &Facts, wanted: &str) -> Result<(), Reason> {
    match contains(facts.aud(), wanted) {
        true => Ok(()),
        false => Err(Reason::Audience(AudienceFault::of(facts.aud(), wanted))),
    }
}

#[inline(always)]
fn meets_scopes(facts: &Facts, requirement: &Requirement) -> Result<(), Reason> {
    let has = |scope: &String| facts.scope().is_some_and(|own| contains(own.as_slice(), scope));
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
    use std::time::Duration;

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
            Verdict::Denied(denied) => Some(denied.reason().clone()),
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
    fn a_denial_tells_how_old_the_answer_is_that_it_rests_on_and_where_it_came_from() {
        let facts = sample::facts(sample::introspection(json!({})), sample::sent(1), None);
        let circumstances = Circumstances {
            now: 0,
            age: Age::from(Duration::from_secs(7)),
            source: AnswerSource::Joined,
            routes: &Routes::new(&[Issuer::parse(ASKED).unwrap()]),
            server: 0,
            resource: None,
            objection: Some(ProofDenial::Missing),
        };
        let Verdict::Denied(denied) = decide(Arc::new(facts), &Requirement::new(), &circumstances)
        else {
            panic!("a bound token without its proof was let in");
        };
        assert_eq!(denied.age(), Some(Duration::from_secs(7)));
        assert_eq!(denied.source(), Some(AnswerSource::Joined));
        let unknown = Denied::new(Reason::Inactive);
        assert_eq!((unknown.age(), unknown.source()), (None, None));
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
    fn what_is_active_and_no_access_token_is_not_let_in() {
        const SECRET: &str = "urn:x-oath:params:oauth:token-type:device-secret";
        let no = Some(Reason::NotAccessToken);
        for (name, members, expected) in [
            ("bearer", json!({"token_type": "Bearer", "jti": "AT.1"}), None),
            ("in small letters", json!({"token_type": "bearer"}), None),
            ("bound to a key", json!({"token_type": "DPoP"}), None),
            ("an unnamed type", json!({"sub": "ada"}), None),
            ("a device secret", json!({"token_type": SECRET}), no.clone()),
            ("another scheme", json!({"token_type": "mac"}), no.clone()),
            ("an exchanged token that is none", json!({"token_type": "N_A"}), no.clone()),
            ("no type at all", json!({"token_type": ""}), no.clone()),
            ("an ID token of Okta's", json!({"token_type": "Bearer", "jti": "ID.1"}), no.clone()),
            ("an ID token", json!({"jti": "1", "at_hash": "x"}), no.clone()),
            ("one that begins later", json!({"jti": "ID.1", "nbf": 0}), no),
        ] {
            assert_eq!(reason(members, &Requirement::new(), 0), expected, "{name}");
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
