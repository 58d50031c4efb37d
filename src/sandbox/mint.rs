//! How tokens are made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::authority::Authority;
use super::keys;
use super::log::LogEntity;
use super::seed::{App, User};
use super::server::Shared;
use super::sign_in::SignIn;
use super::tokens::{Digest, Issued, TokenKind};
use crate::scope::Scopes;

/// What goes into an access token.
pub(super) struct Order<'a> {
    pub(super) app: &'a App,
    pub(super) user: Option<&'a User>,
    pub(super) scopes: Scopes,
    pub(super) lifetime_secs: i64,
    /// The thumbprint of the key to which the token is bound.
    pub(super) jkt: Option<String>,
}

/// Makes an access token, and remembers it.
pub(super) fn access_token(
    sandbox: &Shared,
    authority: &Authority,
    base: &str,
    order: Order<'_>,
    now: DateTime<Utc>,
) -> (String, Issued) {
    let client_id = &order.app.client_id;
    let issued = Issued {
        authority: authority.id().map(str::to_owned),
        kind: TokenKind::Access,
        jti: format!("AT.{}", sandbox.identifier()),
        client_id: client_id.clone(),
        user_id: order.user.map(|user| user.id.clone()),
        subject: order.user.map_or(client_id, |user| &user.login).clone(),
        scopes: order.scopes,
        issuer: authority.issuer(base),
        audience: authority.audience(base),
        jkt: order.jkt,
        issued_at: now.timestamp(),
        expires_at: now.timestamp() + order.lifetime_secs,
        revoked: false,
    };
    // Signing takes long; nobody else should wait for it.
    let token = keys::sign(&authority.access_token_key(), authority.token_typ(), &claims(&issued));
    sandbox.state().tokens.insert(Digest::of(&token), issued.clone(), now);
    (token, issued)
}

/// Okta's claims; they are not those of RFC 9068.
fn claims(issued: &Issued) -> Value {
    let mut claims = json!({
        "ver": 1,
        "jti": issued.jti,
        "iss": issued.issuer,
        "aud": issued.audience,
        "iat": issued.issued_at,
        "exp": issued.expires_at,
        "cid": issued.client_id,
        "scp": issued.scopes.iter().collect::<Vec<_>>(),
        "sub": issued.subject,
    });
    if let Some(user_id) = &issued.user_id {
        claims["uid"] = user_id.as_str().into();
        claims["auth_time"] = issued.issued_at.into();
    }
    if let Some(jkt) = &issued.jkt {
        claims["cnf"] = json!({"jkt": jkt}); // RFC 9449 §6.1
    }
    claims
}

/// The token as the System Log shows it.
pub(super) fn entity(token: &str, issued: &Issued) -> LogEntity {
    let hash = Digest::of(token).text();
    LogEntity::access_token(&issued.jti, issued.expires_at, &issued.subject, &hash)
}

/// Makes an ID token, and remembers it.
pub(super) fn id_token(
    sandbox: &Shared,
    authority: &Authority,
    sign_in: &SignIn,
    user: &User,
    now: DateTime<Utc>,
) -> String {
    let issued = Issued {
        authority: authority.id().map(str::to_owned),
        kind: TokenKind::Id,
        jti: format!("ID.{}", sandbox.identifier()),
        client_id: sign_in.client_id.clone(),
        user_id: Some(user.id.clone()),
        subject: user.id.clone(),
        scopes: Scopes::from_answer(&sign_in.scopes.join(" ")),
        issuer: authority.issuer(&sandbox.base()),
        audience: sign_in.client_id.clone(),
        jkt: None,
        issued_at: now.timestamp(),
        expires_at: now.timestamp() + sign_in.lifetime_secs(),
        revoked: false,
    };
    let claims = id_claims(&issued, sign_in, user);
    let token = keys::sign(&authority.id_token_key(), None, &claims);
    sandbox.state().tokens.insert(Digest::of(&token), issued, now);
    token
}

/// Okta's claims, those about the user as far as the scopes go.
fn id_claims(issued: &Issued, sign_in: &SignIn, user: &User) -> Value {
    let mut claims = json!({
        "ver": 1,
        "jti": issued.jti,
        "iss": issued.issuer,
        "aud": issued.audience,
        "sub": issued.subject,
        "iat": issued.issued_at,
        "exp": issued.expires_at,
        "auth_time": issued.issued_at,
        "amr": ["pwd"],
        "idp": "00osandbox",
    });
    if issued.scopes.contains("profile") {
        let name = format!("{} {}", user.first_name, user.last_name);
        claims["name"] = name.trim().into();
        claims["given_name"] = user.first_name.as_str().into();
        claims["family_name"] = user.last_name.as_str().into();
        claims["preferred_username"] = user.login.as_str().into();
    }
    if issued.scopes.contains("email") {
        claims["email"] = user.email.as_ref().unwrap_or(&user.login).as_str().into();
        claims["email_verified"] = true.into();
    }
    if let Some(nonce) = &sign_in.nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    if let Some(token) = &sign_in.access_token {
        // OpenID Connect Core §3.1.3.6: the left half of the hash that RS256 uses.
        let hash = openssl::sha::sha256(token.expose().as_bytes());
        claims["at_hash"] = URL_SAFE_NO_PAD.encode(&hash[..16]).into();
    }
    claims
}
