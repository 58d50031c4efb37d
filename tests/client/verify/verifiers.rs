//! Verifiers with keys at hand, and what they say of tokens whose claims were changed.

use chrono::DateTime;
use okta_introspect::{
    AccessTokenClaims, Algorithm, IdTokenClaims, Issuer, Jwks, ManualClock, Verifier,
    VerifierBuilder,
};
use serde_json::Value;

use crate::tokens::minter::{
    AUDIENCE, CLIENT, ISSUER, Minter, NOW, access_claims, id_claims, with,
};
use crate::tokens::reason;

fn clock() -> ManualClock {
    ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap())
}

pub(super) fn issuer() -> Issuer {
    Issuer::parse(ISSUER).unwrap()
}

pub(super) fn access(minter: &Minter) -> VerifierBuilder<AccessTokenClaims> {
    Verifier::access_token(issuer(), AUDIENCE).keys(Jwks::fixed(minter.set())).clock(clock())
}

pub(super) fn id(minter: &Minter) -> VerifierBuilder<IdTokenClaims> {
    Verifier::id_token(issuer(), CLIENT).keys(Jwks::fixed(minter.set())).clock(clock())
}

pub(super) fn rs256() -> Minter {
    Minter::rsa(Algorithm::Rs256)
}

/// Why an access token with these changes is refused; `None` if it is taken.
pub(super) async fn access_reason(changes: Value) -> Option<String> {
    let minter = rs256();
    let token = minter.token(&with(access_claims(), changes));
    let verification = access(&minter).build().unwrap().verify(&token).await.unwrap();
    verification.reason().map(reason)
}

pub(super) async fn id_reason(changes: Value, nonce: Option<&str>) -> Option<String> {
    let minter = rs256();
    let token = minter.token(&with(id_claims(), changes));
    let verification = id(&minter).build().unwrap().verify(&token, nonce).await.unwrap();
    verification.reason().map(reason)
}
