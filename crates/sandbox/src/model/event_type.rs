//! The kinds of events in the System Log, in Okta's words.

/// A kind of event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventType {
    /// Its id, such as `user.lifecycle.suspend`.
    pub(crate) id: &'static str,
    /// What it says to people.
    pub(crate) message: &'static str,
    /// Its id in the Events API of old; `None` where that had none, or where it is not known.
    pub(crate) legacy: Option<&'static str>,
}

impl EventType {
    const fn new(id: &'static str, message: &'static str, legacy: Option<&'static str>) -> Self {
        Self { id, message, legacy }
    }

    /// One that the sandbox knows no more of than its id.
    pub(crate) const fn told(id: &'static str) -> Self {
        Self { id, message: id, legacy: None }
    }
}

/// A token of the org server that was granted.
pub(crate) const ORG_GRANTED: EventType = EventType::new(
    "app.oauth2.token.grant.access_token",
    "OIDC access token is granted",
    Some("app.oauth2.token.grant.access_token_success"),
);
pub(crate) const ORG_REFRESH_GRANTED: EventType = EventType::new(
    "app.oauth2.token.grant.refresh_token",
    "OIDC refresh token is granted",
    Some("app.oauth2.token.grant.refresh_token_success"),
);
pub(crate) const ORG_ID_GRANTED: EventType = EventType::new(
    "app.oauth2.token.grant.id_token",
    "OIDC id token is granted",
    Some("app.oauth2.token.grant.id_token_success"),
);
/// A refresh token was used again that had been replaced before.
pub(crate) const ORG_REUSED: EventType =
    EventType::new("app.oauth2.token.detect_reuse", "One time refresh token reused", None);
/// A token request to the org server that was refused.
pub(crate) const ORG_NOT_GRANTED: EventType = EventType::new(
    "app.oauth2.token.grant",
    "OIDC token request",
    Some("app.oauth2.token.grant_failure"),
);
pub(crate) const ORG_REVOKED: EventType = EventType::new(
    "app.oauth2.token.revoke",
    "OIDC token revocation request",
    Some("app.oauth2.token.revoke_success"),
);
/// A token of a custom server that was granted.
pub(crate) const CUSTOM_GRANTED: EventType = EventType::new(
    "app.oauth2.as.token.grant.access_token",
    "OAuth2 access token is granted",
    Some("app.oauth2.as.token.grant.access_token_success"),
);
pub(crate) const CUSTOM_REFRESH_GRANTED: EventType = EventType::new(
    "app.oauth2.as.token.grant.refresh_token",
    "OAuth2 refresh token is granted",
    Some("app.oauth2.as.token.grant.refresh_token_success"),
);
pub(crate) const CUSTOM_ID_GRANTED: EventType = EventType::new(
    "app.oauth2.as.token.grant.id_token",
    "OAuth2 id token is granted",
    Some("app.oauth2.as.token.grant.id_token_success"),
);
/// A refresh token was used again that had been replaced before.
pub(crate) const CUSTOM_REUSED: EventType =
    EventType::new("app.oauth2.as.token.detect_reuse", "One time refresh token reused", None);
/// A token request to a custom server that was refused.
pub(crate) const CUSTOM_NOT_GRANTED: EventType = EventType::new(
    "app.oauth2.as.token.grant",
    "OAuth2 token request",
    Some("app.oauth2.as.token.grant_failure"),
);
pub(crate) const CUSTOM_REVOKED: EventType = EventType::new(
    "app.oauth2.as.token.revoke",
    "OAuth2 token revocation request",
    Some("app.oauth2.as.token.revoke_success"),
);
/// Tokens were revoked with their user, their client or their server, and are not named.
pub(crate) const USER_TOKENS_REVOKED: EventType = EventType::new(
    "app.oauth2.token.revoke.implicit.user",
    "Revoke all OAuth2 tokens of a user",
    None,
);
pub(crate) const CLIENT_TOKENS_REVOKED: EventType = EventType::new(
    "app.oauth2.token.revoke.implicit.client",
    "Revoke all OAuth2 tokens of a client",
    None,
);
pub(crate) const SERVER_TOKENS_REVOKED: EventType = EventType::new(
    "app.oauth2.token.revoke.implicit.as",
    "Revoke all OAuth2 tokens of an authorization server",
    None,
);
/// The keys of a custom server were rotated.
pub(crate) const KEY_ROLLOVER: EventType =
    EventType::new("app.oauth2.as.key.rollover", "OAuth2 authorization server key rollover", None);

pub(crate) const APP_ACTIVATED: EventType =
    EventType::new("application.lifecycle.activate", "Activate application", None);
pub(crate) const APP_DEACTIVATED: EventType =
    EventType::new("application.lifecycle.deactivate", "Deactivate application", None);
pub(crate) const APP_DELETED: EventType =
    EventType::new("application.lifecycle.delete", "Delete application", None);
/// A user is no longer assigned to an app.
pub(crate) const ASSIGNMENT_REMOVED: EventType = EventType::new(
    "application.user_membership.remove",
    "Remove user's application membership",
    None,
);

pub(crate) const KEY_CREATED: EventType = EventType::new(
    "app.oauth2.credentials.lifecycle.create",
    "Create OAuth client credential",
    None,
);
pub(crate) const KEY_ACTIVATED: EventType = EventType::new(
    "app.oauth2.credentials.lifecycle.activate",
    "Activate OAuth client credential",
    None,
);
pub(crate) const KEY_DEACTIVATED: EventType = EventType::new(
    "app.oauth2.credentials.lifecycle.deactivate",
    "Deactivate OAuth client credential",
    None,
);
pub(crate) const KEY_DELETED: EventType = EventType::new(
    "app.oauth2.credentials.lifecycle.delete",
    "Delete OAuth client credential",
    None,
);

pub(crate) const USER_ACTIVATED: EventType =
    EventType::new("user.lifecycle.activate", "Activate Okta user", None);
pub(crate) const USER_DEACTIVATED: EventType =
    EventType::new("user.lifecycle.deactivate", "Deactivate Okta user", None);
pub(crate) const USER_SUSPENDED: EventType =
    EventType::new("user.lifecycle.suspend", "Suspend Okta user", None);
pub(crate) const USER_UNSUSPENDED: EventType =
    EventType::new("user.lifecycle.unsuspend", "Unsuspend Okta user", None);
pub(crate) const USER_LOCKED: EventType =
    EventType::new("user.account.lock", "Max sign in attempts exceeded", None);
pub(crate) const PASSWORD_CHANGED: EventType =
    EventType::new("user.account.update_password", "User update password for Okta", None);
pub(crate) const FACTORS_RESET: EventType =
    EventType::new("user.mfa.factor.reset_all", "Reset all factors for user", None);
pub(crate) const SESSION_ENDED: EventType =
    EventType::new("user.session.end", "User logout from Okta", None);
pub(crate) const SESSIONS_CLEARED: EventType =
    EventType::new("user.session.clear", "Clear user session", None);
pub(crate) const UNIVERSAL_LOGOUT: EventType = EventType::new(
    "user.authentication.universal_logout",
    "Universal Logout was performed for the user",
    None,
);

pub(crate) const GROUP_CREATED: EventType =
    EventType::new("group.lifecycle.create", "Create Okta group", None);

/// A bucket was empty; Okta says it once a minute.
pub(crate) const RATE_LIMIT: EventType = EventType::new(
    "system.org.rate_limit.violation",
    "Rate limit violation",
    Some("core.framework.ratelimit.exceeded"),
);
/// Too many requests were under way at once.
pub(crate) const CONCURRENCY_LIMIT: EventType =
    EventType::new("core.concurrency.org.limit.violation", "Concurrency limit violation", None);
