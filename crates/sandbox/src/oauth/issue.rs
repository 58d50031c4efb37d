//! How tokens are issued.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::signing;
use crate::model::app::App;
use crate::model::authority::Authority;
use crate::model::event::LogEntity;
use crate::model::scopes::Scopes;
use crate::model::sign_in::SignIn;
use crate::model::tokens::{Authentication, Digest, Issued, TokenKind};
use crate::model::user::User;
use crate::world::World;

/// What goes into an access token.
pub(crate) struct Order<'a> {
    pub(crate) app: &'a App,
    pub(crate) user: Option<&'a User>,
    pub(crate) scopes: Scopes,
    pub(crate) lifetime_secs: i64,
    /// The thumbprint of the key to which the token is bound.
    pub(crate) jkt: Option<String>,
    /// The sign-in to which it goes back, if a refresh token does.
    pub(crate) authentication: Option<Authentication>,
}

/// Issues an access token, and remembers it.
pub(crate) fn access_token(
    world: &World,
    authority: &Authority,
    base: &str,
    order: Order<'_>,
    now: DateTime<Utc>,
) -> (String, Issued) {
    let client_id = &order.app.client_id;
    let issued = Issued {
        authority: authority.id().map(str::to_owned),
        kind: TokenKind::Access,
        jti: format!("AT.{}", world.identifier()),
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
        authentication: order.authentication,
        rotated_at: None,
    };
    // Signing takes long; the state is not locked meanwhile.
    let key = signing::key(authority.access_token_key());
    let token = key.sign(authority.token_typ(), &claims(&issued));
    world.state().tokens.insert(Digest::of(&token), issued.clone(), now);
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
        claims["auth_time"] = auth_time(issued).into();
    }
    if let Some(jkt) = &issued.jkt {
        claims["cnf"] = json!({"jkt": jkt}); // RFC 9449 §6.1
    }
    claims
}

/// When the user signed in.
fn auth_time(issued: &Issued) -> i64 {
    issued.authentication.as_ref().map_or(issued.issued_at, |authentication| authentication.at)
}

/// Issues a refresh token beside an access token of this sign-in, and remembers it.
pub(crate) fn refresh_token(
    world: &World,
    access: &Issued,
    scopes: Scopes,
    jkt: Option<String>,
    now: DateTime<Utc>,
) -> (String, Issued) {
    let token = world.identifier();
    let issued = Issued {
        kind: TokenKind::Refresh,
        jti: format!("oar{}", world.identifier()),
        scopes,
        jkt,
        expires_at: refresh_end(now),
        ..access.clone()
    };
    world.state().tokens.insert(Digest::of(&token), issued.clone(), now);
    (token, issued)
}

/// When a refresh token ends that is used now, and then no more. Okta: seven days by default.
pub(crate) fn refresh_end(now: DateTime<Utc>) -> i64 {
    const IDLE_SECS: i64 = 7 * 86_400;
    now.timestamp() + IDLE_SECS
}

/// The token as the System Log shows it, after its user, if it has one.
pub(crate) fn entities(world: &World, token: &str, issued: &Issued) -> Vec<LogEntity> {
    let hash = Digest::of(token).text();
    let Issued { kind, jti, expires_at, subject, .. } = issued;
    let token = LogEntity::token(*kind, jti, *expires_at, subject, &hash);
    let state = world.state();
    let user = issued.user_id.as_deref().and_then(|id| state.user(id)).map(LogEntity::user);
    user.into_iter().chain([token]).collect()
}

/// Issues an ID token, and remembers it.
pub(crate) fn id_token(
    world: &World,
    authority: &Authority,
    base: &str,
    sign_in: &SignIn,
    user: &User,
    authentication: Option<Authentication>,
    now: DateTime<Utc>,
) -> (String, Issued) {
    let issued = Issued {
        authority: authority.id().map(str::to_owned),
        kind: TokenKind::Id,
        jti: format!("ID.{}", world.identifier()),
        client_id: sign_in.client_id.clone(),
        user_id: Some(user.id.clone()),
        subject: user.id.clone(),
        scopes: sign_in.scopes.iter().collect(),
        issuer: authority.issuer(base),
        audience: sign_in.client_id.clone(),
        jkt: None,
        issued_at: now.timestamp(),
        expires_at: now.timestamp() + sign_in.lifetime_secs(),
        revoked: false,
        authentication,
        rotated_at: None,
    };
    let claims = id_claims(&issued, sign_in, user);
    let token = signing::key(authority.id_token_key()).sign(None, &claims);
    world.state().tokens.insert(Digest::of(&token), issued.clone(), now);
    (token, issued)
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
        "auth_time": auth_time(issued),
        "amr": ["pwd"],
        "idp": "00osandbox",
    });
    if let Some(nonce) = &sign_in.nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    if let Some(hash) = &sign_in.at_hash {
        claims["at_hash"] = hash.as_str().into();
    }
    add_user_claims(&mut claims, &issued.scopes, user);
    claims
}

fn add_user_claims(claims: &mut Value, scopes: &Scopes, user: &User) {
    if scopes.contains("profile") {
        let name = user.full_name().unwrap_or_default();
        let names = [
            ("name", name.as_str()),
            ("given_name", user.first_name.as_str()),
            ("family_name", user.last_name.as_str()),
        ];
        // Okta: an attribute that is null makes no claim.
        for (claim, value) in names.into_iter().filter(|(_, value)| !value.is_empty()) {
            claims[claim] = value.into();
        }
        claims["preferred_username"] = user.login.as_str().into();
    }
    if scopes.contains("email") {
        claims["email"] = user.email().into();
        claims["email_verified"] = true.into();
    }
}
