//! How the headers are called, and which names of the client's must not get through.

use http::header::{AUTHORIZATION, HeaderName};

use super::fact::IdentityFact;
use crate::error::Fault;

/// The signed identity token, behind the prefix.
const TOKEN: &str = "Token";

/// The longest prefix, and the most hyphens in it: each doubles the number of [twins].
const MAX_PREFIX: usize = 64;
const MAX_HYPHENS: usize = 3;

/// Beginnings of names that proxies, HTTP itself, or questions to the sidecar have a meaning for.
const TAKEN: [&str; 19] = [
    "accept-",
    "access-control-",
    "cache-",
    "connection-",
    "content-",
    "forwarded-",
    "grpc-",
    "host-",
    "keep-alive-",
    "proxy-",
    "sec-",
    "te-",
    "trailer-",
    "transfer-",
    "upgrade-",
    "x-envoy-",
    "x-forwarded-",
    "x-okta-introspect-",
    "x-original-",
];

/// The names of the headers under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Those that stand on every yes: of the facts, in their order, then that of the token.
    declared: Vec<HeaderName>,
    facts: Vec<IdentityFact>,
    has_token: bool,
    /// Of each fact that there is, then of the token, whether declared or not.
    all: Vec<HeaderName>,
    twins: Vec<HeaderName>,
}

impl Names {
    /// The names under `prefix`; all facts are declared.
    pub(super) fn new(prefix: &str) -> Result<Self, Fault> {
        check(prefix)?;
        let name = |suffix: &str| {
            HeaderName::from_bytes(format!("{prefix}{suffix}").as_bytes())
                .map_err(|_| Fault::new("the prefix of the identity headers makes no header name"))
        };
        let suffixes = IdentityFact::ALL.map(IdentityFact::suffix).into_iter().chain([TOKEN]);
        let all: Vec<_> = suffixes.map(name).collect::<Result<_, _>>()?;
        let twins = all.iter().flat_map(twins).collect();
        let (facts, has_token) = (IdentityFact::ALL.to_vec(), false);
        let names = Self { declared: Vec::new(), facts, has_token, all, twins };
        Ok(names.listed())
    }

    /// Declares these facts and no others.
    pub(super) fn declare(mut self, facts: &[IdentityFact]) -> Self {
        self.facts = facts.to_vec();
        self.listed()
    }

    /// Declares the token's header too.
    pub(super) fn declare_token(mut self) -> Self {
        self.has_token = true;
        self.listed()
    }

    fn listed(mut self) -> Self {
        let facts = self.facts.iter().map(|fact| &self.all[*fact as usize]);
        let token = self.has_token.then(|| self.token());
        self.declared = facts.chain(token).cloned().collect();
        self
    }

    /// Those that stand on every yes.
    pub(super) fn declared(&self) -> &[HeaderName] {
        &self.declared
    }

    /// The declared facts, and how each is called.
    pub(super) fn facts(&self) -> impl Iterator<Item = (&HeaderName, IdentityFact)> {
        self.declared.iter().zip(self.facts.iter().copied())
    }

    /// That of the token.
    pub(super) fn token(&self) -> &HeaderName {
        &self.all[IdentityFact::ALL.len()]
    }

    /// Those that are not declared: a client's would be believed as much as ours.
    pub(super) fn undeclared(&self) -> impl Iterator<Item = &HeaderName> {
        self.all.iter().filter(|name| !self.declared.contains(name))
    }

    /// Those that must not come from a client, and that nothing of ours replaces.
    pub(super) fn strip(&self, authorization: bool) -> Vec<HeaderName> {
        let credentials = [AUTHORIZATION, HeaderName::from_static("dpop")];
        let credentials = authorization.then_some(credentials);
        self.undeclared()
            .chain(&self.twins)
            .cloned()
            .chain(credentials.into_iter().flatten())
            .collect()
    }
}

fn check(prefix: &str) -> Result<(), Fault> {
    let lower = prefix.to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fault = if !prefix.bytes().all(is_plain) {
        "has a character other than letters, digits and hyphens"
    } else if !prefix.ends_with('-') || prefix.starts_with('-') {
        "does not begin with a letter or digit and end with a hyphen"
    } else if prefix.len() > MAX_PREFIX {
        "is longer than 64 bytes"
    } else if prefix.bytes().filter(|byte| *byte == b'-').count() > MAX_HYPHENS {
        "has more than three hyphens"
    } else if TAKEN.iter().any(|taken| lower.starts_with(taken)) {
        "is that of headers with a meaning of their own"
    } else {
        return Ok(());
    };
    let advice = "take one such as X-Auth-; an underscore would be a hyphen to many backends";
    Err(Fault::new(format!("the prefix of the identity headers {fault}")).advise(advice))
}

/// The spellings that become the same name where hyphens and underscores are one, as in CGI, WSGI
/// and PHP: each combination but that of hyphens alone.
fn twins(name: &HeaderName) -> impl Iterator<Item = HeaderName> {
    let name = name.as_str().to_owned();
    let hyphens: Vec<_> = name.match_indices('-').map(|(at, _)| at).collect();
    // At most three hyphens in the prefix, and one in what stands behind it.
    (1_u32..1 << hyphens.len()).filter_map(move |chosen| {
        let mut twin = name.clone().into_bytes();
        for (bit, at) in hyphens.iter().enumerate() {
            if chosen & (1 << bit) != 0 {
                twin[*at] = b'_';
            }
        }
        HeaderName::from_bytes(&twin).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn texts(names: &[HeaderName]) -> BTreeSet<&str> {
        names.iter().map(HeaderName::as_str).collect()
    }

    #[test]
    fn a_prefix_that_is_no_part_of_a_name_or_belongs_to_others_is_a_fault() {
        let long = format!("{}-", "x".repeat(MAX_PREFIX));
        for (prefix, says) in [
            ("", "end with a hyphen"),
            ("-", "begin with"),
            ("-X-", "begin with"),
            ("X-Auth", "end with a hyphen"),
            ("X_Auth-", "other than letters"),
            ("X Auth-", "other than letters"),
            ("X-Äuth-", "other than letters"),
            ("X:-", "other than letters"),
            ("X\r\n-", "other than letters"),
            ("a-b-c-d-", "more than three"),
            (&long, "longer than"),
            ("X-Forwarded-", "meaning of their own"),
            ("x-forwarded-User-", "meaning of their own"),
            ("Connection-", "meaning of their own"),
            ("Keep-Alive-", "meaning of their own"),
            ("Proxy-", "meaning of their own"),
            ("TE-", "meaning of their own"),
            ("Trailer-", "meaning of their own"),
            ("Transfer-", "meaning of their own"),
            ("Upgrade-", "meaning of their own"),
            ("Forwarded-", "meaning of their own"),
            ("X-Original-", "meaning of their own"),
            ("X-Envoy-", "meaning of their own"),
            ("Content-", "meaning of their own"),
            ("Host-", "meaning of their own"),
            ("X-Okta-Introspect-", "meaning of their own"),
        ] {
            let fault = Names::new(prefix).expect_err(prefix).to_string();
            assert!(fault.contains(says), "{prefix}: {fault}");
            assert!(fault.contains("X-Auth-"), "{prefix}: no advice");
        }
        for prefix in ["X-Auth-", "Remote-", "X-Acme-Okta-", &long[1..]] {
            assert!(Names::new(prefix).is_ok(), "{prefix}");
        }
    }

    #[test]
    fn trap_underscore_twins_and_mixed_spellings_are_stripped() {
        let names = Names::new("X-Auth-").unwrap();
        let strip = names.strip(false);
        let strip = texts(&strip);
        for name in [
            "x_auth_sub",
            "x-auth_sub",
            "x_auth-sub",
            "x_auth_client_id",
            "x-auth-client_id",
            "x_auth-client-id",
            "x_auth_age_ms",
            "x-auth_token",
            "x_auth_token",
            "x-auth-token",
        ] {
            assert!(strip.contains(name), "{name} is not stripped");
        }
        // Three of each name with two hyphens, seven of each with three, and the token's own.
        assert_eq!(strip.len(), 8 * 3 + 2 * 7 + 1);
    }

    #[test]
    fn no_declared_name_is_stripped_since_envoy_removes_after_it_has_set() {
        let of = |names: &Names| {
            let (declared, strip) = (names.declared().to_vec(), names.strip(true));
            assert!(texts(&declared).is_disjoint(&texts(&strip)));
            (declared.len(), strip.len())
        };
        let names = Names::new("X-Auth-").unwrap();
        assert_eq!(of(&names), (9, 41));
        let names = names.declare_token();
        assert_eq!(of(&names), (10, 40));
        let names = names.declare(&[IdentityFact::Scope, IdentityFact::Sub]);
        assert_eq!(of(&names), (3, 47));
        assert_eq!(names.declared(), ["x-auth-scope", "x-auth-sub", "x-auth-token"]);
    }

    #[test]
    fn trap_a_fact_that_is_not_declared_is_stripped_in_all_its_spellings() {
        let names = Names::new("X-Auth-").unwrap().declare(&[IdentityFact::Sub]);
        let strip = names.strip(false);
        let strip = texts(&strip);
        for name in ["x-auth-client-id", "x-auth-client_id", "x_auth_uid", "x-auth-uid"] {
            assert!(strip.contains(name), "{name} is not stripped");
        }
        assert!(!strip.contains("x-auth-sub") && strip.contains("x_auth_sub"));
    }

    #[test]
    fn credentials_are_stripped_only_where_the_backend_shall_not_have_them() {
        let names = Names::new("Remote-").unwrap();
        let (kept, stripped) = (names.strip(false), names.strip(true));
        let difference: Vec<_> = stripped.iter().filter(|name| !kept.contains(name)).collect();
        assert_eq!(difference, ["authorization", "dpop"]);
    }
}
