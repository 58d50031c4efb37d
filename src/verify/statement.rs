//! JWTs by which an issuer says something, and which are no tokens: the order to sign a user out, a
//! security event. They are signed with the same keys as tokens, so `typ` tells them apart
//! ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::claims::{Registered, required};
use super::fact::quote;
use super::header::Header;
use super::invalid::InvalidToken;
use super::verification::Stop;
use super::verifier::{bad_signature, no_key};
use crate::clock::shifted;
use crate::error::Error;
use crate::jwks::Jwks;
use crate::jws::{Part, Segments};
use crate::key::Algorithm;
use crate::support::json::Object;

/// What a statement says. Before its signature has been looked at, nothing vouches for it.
pub(crate) struct Claims {
    registered: Registered,
    /// The claims that every JWT may have left out.
    pub(crate) further: Map<String, Value>,
}

/// What a statement must be: whose, to whom, and from when.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) now: DateTime<Utc>,
    /// By how much the issuer's clock and this one may differ.
    pub(crate) leeway: Duration,
    /// How long ago it may have been made, the leeway left out.
    pub(crate) max_age: Duration,
}

/// Verifies a statement of the type `typ`, which Okta signs with RS256. `check` sees its claims
/// first, so that one of somebody else costs no fetch of keys.
///
/// # Errors
///
/// It is not known whether the statement is the issuer's: its keys cannot be fetched.
pub(crate) async fn statement<C>(
    jwt: &str,
    typ: &str,
    keys: &Jwks,
    check: impl FnOnce(Claims) -> Result<C, InvalidToken>,
) -> Result<Result<C, InvalidToken>, Error> {
    match verify(jwt, typ, keys, check).await {
        Ok(checked) => Ok(Ok(checked)),
        Err(Stop::Invalid(reason)) => Ok(Err(reason)),
        Err(Stop::CannotTell(error)) => Err(error),
    }
}

async fn verify<C>(
    jwt: &str,
    typ: &str,
    keys: &Jwks,
    check: impl FnOnce(Claims) -> Result<C, InvalidToken>,
) -> Result<C, Stop> {
    let jwt = Segments::decode(jwt).map_err(InvalidToken::from)?;
    let header = Header::read(jwt.header())?;
    if header.algorithm != Algorithm::Rs256 {
        let allowed = vec![Algorithm::Rs256];
        return Err(InvalidToken::AlgorithmNotAllowed { found: header.algorithm, allowed }.into());
    }
    if !header.is_typed(typ) {
        let found = quote(header.typ.as_deref().unwrap_or_default());
        return Err(InvalidToken::WrongType { found }.into());
    }
    let checked = check(Claims::read(jwt.payload())?)?;
    let key = keys.key(header.key_id.as_deref(), header.algorithm).await;
    let key = key.map_err(|missing| no_key(missing, &header))?;
    if !key.verifies(header.algorithm, &jwt) {
        return Err(bad_signature(&header).into());
    }
    Ok(checked)
}

impl Claims {
    fn read(payload: &[u8]) -> Result<Self, InvalidToken> {
        let payload = Object::parse(payload)
            .map_err(|fault| InvalidToken::Json { part: Part::Payload, fault })?;
        let (mut registered, mut further) = (Registered::default(), Map::new());
        for (name, node) in payload {
            if let Some(node) = registered.take(&name, node)? {
                further.insert(name.into_owned(), node.into());
            }
        }
        Ok(Self { registered, further })
    }

    pub(crate) fn subject(&self) -> Result<&str, InvalidToken> {
        required("sub", self.registered.sub.as_deref())
    }

    pub(crate) fn audiences(&self) -> Result<&[String], InvalidToken> {
        required("aud", self.registered.aud.as_deref())
    }

    pub(crate) fn jti(&self) -> Option<&str> {
        self.registered.jti.as_deref()
    }

    pub(crate) fn exp(&self) -> Option<DateTime<Utc>> {
        self.registered.exp
    }

    pub(crate) fn iat(&self) -> Result<DateTime<Utc>, InvalidToken> {
        required("iat", self.registered.iat)
    }

    /// That the issuer made it for us, and not too long ago.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), InvalidToken> {
        let Expected { issuer, audience, now, leeway, max_age } = *expected;
        let found = required("iss", self.registered.iss.as_deref())?;
        if found != issuer {
            let expected = issuer.to_owned();
            return Err(InvalidToken::WrongIssuer { expected, found: quote(found) });
        }
        let audiences = self.audiences()?;
        if !audiences.iter().any(|one| one == audience) {
            return Err(wrong_audience(audience, audiences));
        }
        let (iat, delta) = (self.iat()?, delta(leeway));
        if iat > shifted(now, delta) {
            return Err(InvalidToken::IssuedInFuture { iat, now, leeway });
        }
        if let Some(nbf) = self.registered.nbf.filter(|nbf| *nbf > shifted(now, delta)) {
            return Err(InvalidToken::NotYetValid { nbf, now, leeway });
        }
        // What is of use for so long has ended then, whatever it says itself.
        let end = shifted(iat, self::delta(max_age));
        let exp = self.exp().map_or(end, |exp| exp.min(end));
        match shifted(now, -delta) >= exp {
            true => Err(InvalidToken::Expired { exp, now, leeway }),
            false => Ok(()),
        }
    }
}

pub(crate) fn wrong_audience(expected: &str, found: &[String]) -> InvalidToken {
    /// More would fill messages.
    const MAX_LISTED: usize = 8;
    let found = found.iter().take(MAX_LISTED).map(|one| quote(one)).collect();
    InvalidToken::WrongAudience { expected: expected.to_owned(), found }
}

fn delta(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}
