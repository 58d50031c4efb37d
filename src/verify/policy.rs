//! What a verifier asks of claims: pure functions of the claims, the settings and the time.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::claims::{AccessTokenClaims, IdTokenClaims};
use super::fact::quote;
use super::header::Header;
use super::invalid::{InvalidToken, TokenKind};
use crate::clock::shifted;
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
    pub(super) fn check_header(&self, header: &Header<'_>) -> Result<(), InvalidToken> {
        if !self.algorithms.contains(&header.algorithm) {
            let allowed = self.algorithms.clone();
            return Err(InvalidToken::AlgorithmNotAllowed { found: header.algorithm, allowed });
        }
        Ok(())
    }

    pub(super) fn check_access_token(
        &self,
        header: &Header<'_>,
        claims: &AccessTokenClaims,
        now: DateTime<Utc>,
    ) -> Result<(), InvalidToken> {
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
    ) -> Result<(), InvalidToken> {
        check_type(header, TokenKind::IdToken)?;
        check_is_id_token(header, claims)?;
        self.check_issuer(&claims.iss)?;
        self.check_audience(&claims.aud)?;
        self.check_authorized_party(claims)?;
        self.check_times(claims.exp, claims.iat, claims.nbf, now)?;
        check_nonce(nonce, claims.nonce.as_deref())
    }

    /// Looks for org-server access tokens before the issuer is compared, so that the reason is
    /// "introspect it there" and not "wrong issuer".
    fn check_org(&self, header: &Header<'_>, issuer: &str) -> Result<(), InvalidToken> {
        let is_org_issuer =
            issuer != self.issuer.as_str() && Issuer::parse(issuer).is_ok_and(|it| it.is_org());
        let wants_custom = self.issuer.custom_id().is_some();
        if header.is_typed(ORG_TYPE) || (wants_custom && is_org_issuer) {
            return Err(InvalidToken::OrgAccessToken { issuer: Some(quote(issuer)) });
        }
        Ok(())
    }

    fn check_issuer(&self, found: &str) -> Result<(), InvalidToken> {
        if found == self.issuer.as_str() {
            return Ok(());
        }
        let expected = self.issuer.as_str().to_owned();
        Err(InvalidToken::WrongIssuer { expected, found: quote(found) })
    }

    fn check_audience(&self, found: &[String]) -> Result<(), InvalidToken> {
        if found.contains(&self.audience) {
            return Ok(());
        }
        /// More would fill messages.
        const MAX_LISTED: usize = 8;
        let found = found.iter().take(MAX_LISTED).map(|one| quote(one)).collect();
        Err(InvalidToken::WrongAudience { expected: self.audience.clone(), found })
    }

    fn check_authorized_party(&self, claims: &IdTokenClaims) -> Result<(), InvalidToken> {
        let is_ours = match claims.azp.as_deref() {
            Some(party) => party == self.audience,
            None => claims.aud.len() == 1,
        };
        if is_ours {
            return Ok(());
        }
        let found = claims.azp.as_deref().map(quote);
        Err(InvalidToken::WrongAuthorizedParty { expected: self.audience.clone(), found })
    }

    fn check_times(
        &self,
        exp: DateTime<Utc>,
        iat: DateTime<Utc>,
        nbf: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), InvalidToken> {
        let leeway = self.leeway;
        // At most five minutes: it fits. Leeway is never added to a time of the token, which could
        // be the greatest one that the type holds.
        let delta = TimeDelta::from_std(leeway).unwrap_or_default();
        if shifted(now, -delta) >= exp {
            Err(InvalidToken::Expired { exp, now, leeway })
        } else if let Some(nbf) = nbf.filter(|nbf| *nbf > shifted(now, delta)) {
            Err(InvalidToken::NotYetValid { nbf, now, leeway })
        } else if iat > shifted(now, delta) {
            Err(InvalidToken::IssuedInFuture { iat, now, leeway })
        } else {
            Ok(())
        }
    }

    fn check_client(&self, found: Option<&str>) -> Result<(), InvalidToken> {
        let Some(allowed) = &self.clients else { return Ok(()) };
        match found {
            Some(client) if allowed.contains(client) => Ok(()),
            _ => Err(InvalidToken::ClientNotAllowed { found: found.map(quote) }),
        }
    }

    fn check_scopes(&self, found: &Scopes) -> Result<(), InvalidToken> {
        if found.is_superset(&self.scopes) {
            return Ok(());
        }
        let missing: Vec<&str> =
            self.scopes.iter().filter(|scope| !found.contains(scope)).collect();
        Err(InvalidToken::MissingScopes { missing: Scopes::from_answer(&missing.join(" ")) })
    }
}

/// Okta's tokens have no `typ`; other servers write `JWT`, or `at+jwt` for access tokens.
/// Anything else is a JWT for another purpose: a DPoP proof, a logout token, an event.
fn check_type(header: &Header<'_>, expected: TokenKind) -> Result<(), InvalidToken> {
    let Some(typ) = header.typ.as_deref() else { return Ok(()) };
    let is_access_token = header.is_typed(ACCESS_TOKEN_TYPE) || header.is_typed(ORG_TYPE);
    match expected {
        TokenKind::AccessToken if is_access_token => Ok(()),
        TokenKind::IdToken if is_access_token => {
            Err(InvalidToken::WrongKind { expected, found: TokenKind::AccessToken })
        }
        _ if header.is_typed("jwt") => Ok(()),
        _ => Err(InvalidToken::WrongType { found: quote(typ) }),
    }
}

/// Okta signs both kinds with the same keys. The audience tells them apart in most cases, but an
/// audience may be a client id, so the prefix of `jti` and the claims of one kind alone decide.
fn check_is_access_token(
    header: &Header<'_>,
    claims: &AccessTokenClaims,
) -> Result<(), InvalidToken> {
    let id = claims.jti.as_deref().unwrap_or_default();
    if header.is_typed(ACCESS_TOKEN_TYPE) || id.starts_with("AT.") {
        return Ok(());
    }
    let has = |name: &str| claims.further.contains_key(name);
    let has_client_or_scope = claims.cid.is_some() || !claims.scp.is_empty();
    let is_id_token = id.starts_with("ID.") || has("at_hash") || has("c_hash");
    match has_client_or_scope {
        true if !is_id_token => Ok(()),
        false if !is_id_token && !has("nonce") => Err(InvalidToken::NotAnAccessToken),
        _ => Err(InvalidToken::WrongKind {
            expected: TokenKind::AccessToken,
            found: TokenKind::IdToken,
        }),
    }
}

fn check_is_id_token(header: &Header<'_>, claims: &IdTokenClaims) -> Result<(), InvalidToken> {
    let id = claims.jti.as_deref().unwrap_or_default();
    let has = |name: &str| claims.further.contains_key(name);
    let of_access_token = header.is_typed(ACCESS_TOKEN_TYPE) || id.starts_with("AT.");
    if of_access_token || has("cid") || has("scp") {
        let (expected, found) = (TokenKind::IdToken, TokenKind::AccessToken);
        return Err(InvalidToken::WrongKind { expected, found });
    }
    Ok(())
}

/// Both ways: a nonce that was not sent belongs to a sign-in that did not begin here.
fn check_nonce(sent: Option<&str>, found: Option<&str>) -> Result<(), InvalidToken> {
    match (sent, found) {
        (None, None) => Ok(()),
        (Some(sent), Some(found)) if sent == found => Ok(()),
        (Some(_), Some(_)) => Err(InvalidToken::WrongNonce),
        (Some(_), None) => Err(InvalidToken::MissingNonce),
        (None, Some(_)) => Err(InvalidToken::UnexpectedNonce),
    }
}
