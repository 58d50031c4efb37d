//! What a verifier asks of claims: pure functions of the claims, the settings and the time.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::claims::{AccessTokenClaims, IdTokenClaims};
use super::header::Header;
use super::rejection::{Rejection, TokenKind, quote};
use crate::issuer::Issuer;
use crate::key::Algorithm;
use crate::scope::Scopes;

/// The settings of a verifier.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) issuer: Issuer,
    /// The audience of access tokens, or the client id of ID tokens.
    pub(super) audience: String,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) leeway: Duration,
    /// The clients whose access tokens are taken; `None` for all.
    pub(super) clients: Option<BTreeSet<String>>,
    /// What every access token must permit.
    pub(super) scopes: Scopes,
}

/// Okta's internal type of org-server access tokens: undocumented, but seen since March 2024.
const ORG_TYPE: &str = "okta-internal-at+jwt";

/// RFC 9068 §2.1. Okta's own access tokens have no type.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

impl Policy {
    /// What the header alone decides.
    pub(super) fn check_header(&self, header: &Header<'_>) -> Result<(), Rejection> {
        if !self.algorithms.contains(&header.algorithm) {
            let allowed = self.algorithms.clone();
            return Err(Rejection::AlgorithmNotAllowed { found: header.algorithm, allowed });
        }
        Ok(())
    }

    pub(super) fn check_access_token(
        &self,
        header: &Header<'_>,
        claims: &AccessTokenClaims,
        now: DateTime<Utc>,
    ) -> Result<(), Rejection> {
        self.check_org(header, &claims.iss)?;
        check_type(header, TokenKind::AccessToken)?;
        check_is_access_token(header, claims)?;
        self.check_issuer(&claims.iss)?;
        self.check_audience(&claims.aud)?;
        self.check_times(claims.exp, claims.iat, claims.nbf, now)?;
        self.check_client(claims.cid.as_deref())?;
        self.check_scopes(&claims.scp)
    }

    pub(super) fn check_id_token(
        &self,
        header: &Header<'_>,
        claims: &IdTokenClaims,
        nonce: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Rejection> {
        check_type(header, TokenKind::IdToken)?;
        check_is_id_token(header, claims)?;
        self.check_issuer(&claims.iss)?;
        self.check_audience(&claims.aud)?;
        self.check_authorized_party(claims)?;
        self.check_times(claims.exp, claims.iat, claims.nbf, now)?;
        check_nonce(nonce, claims.nonce.as_deref())
    }

    /// Org-server access tokens are told apart before their issuer is held against them: the
    /// answer is not "wrong issuer" but "ask the org".
    fn check_org(&self, header: &Header<'_>, issuer: &str) -> Result<(), Rejection> {
        let is_org_issuer =
            issuer != self.issuer.as_str() && Issuer::parse(issuer).is_ok_and(|it| it.is_org());
        let wants_custom = self.issuer.custom_id().is_some();
        if header.is_typed(ORG_TYPE) || (wants_custom && is_org_issuer) {
            return Err(Rejection::OrgAccessToken { issuer: Some(quote(issuer)) });
        }
        Ok(())
    }

    fn check_issuer(&self, found: &str) -> Result<(), Rejection> {
        if found == self.issuer.as_str() {
            return Ok(());
        }
        let expected = self.issuer.as_str().to_owned();
        Err(Rejection::WrongIssuer { expected, found: quote(found) })
    }

    fn check_audience(&self, found: &[String]) -> Result<(), Rejection> {
        if found.contains(&self.audience) {
            return Ok(());
        }
        /// More would fill messages.
        const MAX_LISTED: usize = 8;
        let found = found.iter().take(MAX_LISTED).map(|one| quote(one)).collect();
        Err(Rejection::WrongAudience { expected: self.audience.clone(), found })
    }

    fn check_authorized_party(&self, claims: &IdTokenClaims) -> Result<(), Rejection> {
        let is_ours = match claims.azp.as_deref() {
            Some(party) => party == self.audience,
            None => claims.aud.len() == 1,
        };
        if is_ours {
            return Ok(());
        }
        let found = claims.azp.as_deref().map(quote);
        Err(Rejection::WrongAuthorizedParty { expected: self.audience.clone(), found })
    }

    fn check_times(
        &self,
        exp: DateTime<Utc>,
        iat: DateTime<Utc>,
        nbf: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), Rejection> {
        let leeway = self.leeway;
        // At most five minutes: it fits. And leeway is never added to what a token says, which
        // could be the end of all times.
        let delta = TimeDelta::from_std(leeway).unwrap_or_default();
        if now - delta >= exp {
            Err(Rejection::Expired { exp, now, leeway })
        } else if let Some(nbf) = nbf.filter(|nbf| *nbf > now + delta) {
            Err(Rejection::NotYetValid { nbf, now, leeway })
        } else if iat > now + delta {
            Err(Rejection::IssuedInFuture { iat, now, leeway })
        } else {
            Ok(())
        }
    }

    fn check_client(&self, found: Option<&str>) -> Result<(), Rejection> {
        let Some(allowed) = &self.clients else { return Ok(()) };
        match found {
            Some(client) if allowed.contains(client) => Ok(()),
            _ => Err(Rejection::ClientNotAllowed { found: found.map(quote) }),
        }
    }

    fn check_scopes(&self, found: &Scopes) -> Result<(), Rejection> {
        if found.is_superset(&self.scopes) {
            return Ok(());
        }
        let missing: Vec<&str> =
            self.scopes.iter().filter(|scope| !found.contains(scope)).collect();
        Err(Rejection::MissingScopes { missing: Scopes::from_answer(&missing.join(" ")) })
    }
}

/// Okta's tokens have no `typ`; other servers write `JWT`, or `at+jwt` for access tokens.
/// Anything else is a JWT for another purpose: a DPoP proof, a logout token, an event.
fn check_type(header: &Header<'_>, expected: TokenKind) -> Result<(), Rejection> {
    let Some(typ) = header.typ.as_deref() else { return Ok(()) };
    let is_access_token = header.is_typed(ACCESS_TOKEN_TYPE) || header.is_typed(ORG_TYPE);
    match expected {
        TokenKind::AccessToken if is_access_token => Ok(()),
        TokenKind::IdToken if is_access_token => {
            Err(Rejection::WrongKind { expected, found: TokenKind::AccessToken })
        }
        _ if header.is_typed("jwt") => Ok(()),
        _ => Err(Rejection::WrongType { found: quote(typ) }),
    }
}

/// Okta signs both kinds with the same keys. The audience tells them apart in most cases, but an
/// audience may happen to be a client id, and the id of a token, or what only the one kind has,
/// does not lie.
fn check_is_access_token(header: &Header<'_>, claims: &AccessTokenClaims) -> Result<(), Rejection> {
    let id = claims.jti.as_deref().unwrap_or_default();
    if header.is_typed(ACCESS_TOKEN_TYPE) || id.starts_with("AT.") {
        return Ok(());
    }
    let has = |name: &str| claims.further.contains_key(name);
    let has_client_or_scope = claims.cid.is_some() || !claims.scp.is_empty();
    let is_id_token = id.starts_with("ID.") || has("at_hash") || has("c_hash");
    match has_client_or_scope {
        true if !is_id_token => Ok(()),
        false if !is_id_token && !has("nonce") => Err(Rejection::NotAnAccessToken),
        _ => Err(Rejection::WrongKind {
            expected: TokenKind::AccessToken,
            found: TokenKind::IdToken,
        }),
    }
}

fn check_is_id_token(header: &Header<'_>, claims: &IdTokenClaims) -> Result<(), Rejection> {
    let id = claims.jti.as_deref().unwrap_or_default();
    let has = |name: &str| claims.further.contains_key(name);
    let of_access_token = header.is_typed(ACCESS_TOKEN_TYPE) || id.starts_with("AT.");
    if of_access_token || has("cid") || has("scp") {
        let (expected, found) = (TokenKind::IdToken, TokenKind::AccessToken);
        return Err(Rejection::WrongKind { expected, found });
    }
    Ok(())
}

/// Both ways: a token of a sign-in that nobody began here is as wrong as one without the nonce.
fn check_nonce(sent: Option<&str>, found: Option<&str>) -> Result<(), Rejection> {
    match (sent, found) {
        (None, None) => Ok(()),
        (Some(sent), Some(found)) if sent == found => Ok(()),
        (Some(_), Some(_)) => Err(Rejection::WrongNonce),
        (Some(_), None) => Err(Rejection::MissingNonce),
        (None, Some(_)) => Err(Rejection::UnexpectedNonce),
    }
}
