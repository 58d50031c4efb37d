//! The authorization servers of the org: the org server and the custom ones.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::custom_server::CustomServer;
use super::event_type::{self, EventType};
use super::key_ring::KeyRing;
use super::tokens::TokenKind;

/// One authorization server.
#[derive(Clone)]
pub(crate) enum Authority {
    /// The org server.
    Org,
    /// A custom server, with the keys that it has at this time.
    Custom { server: Arc<CustomServer>, keys: KeyRing },
}

impl Authority {
    /// The id of a custom server; `None` is the org server. Tokens remember it.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Org => None,
            Self::Custom { server, .. } => Some(&server.id),
        }
    }

    /// The issuer, for an org that is called at `base`.
    pub(crate) fn issuer(&self, base: &str) -> String {
        match self {
            Self::Org => base.to_owned(),
            Self::Custom { server, .. } => format!("{base}/oauth2/{}", server.id),
        }
    }

    /// What the endpoints' URLs begin with.
    pub(crate) fn endpoints(&self, base: &str) -> String {
        match self {
            Self::Org => format!("{base}/oauth2/v1"),
            Self::Custom { server, .. } => format!("{base}/oauth2/{}/v1", server.id),
        }
    }

    /// The `aud` of the access tokens. Those of the org server are for Okta itself.
    pub(crate) fn audience(&self, base: &str) -> String {
        match self {
            Self::Org => base.to_owned(),
            Self::Custom { server, .. } => server.token_audience(),
        }
    }

    /// How long access tokens live, in seconds. Okta: an hour, unless a custom server's rule
    /// says otherwise.
    pub(crate) fn token_lifetime_secs(&self) -> u32 {
        match self {
            Self::Org => 3600,
            Self::Custom { server, .. } => server.token_lifetime_secs,
        }
    }

    /// The `typ` of the access tokens: only the org server writes one.
    pub(crate) fn token_typ(&self) -> Option<&'static str> {
        match self {
            Self::Org => Some("application/okta-internal-at+jwt"),
            Self::Custom { .. } => None,
        }
    }

    /// The number of the key that signs access tokens. The org server's is not among the
    /// published ones: its tokens are opaque to everybody else.
    pub(crate) fn access_token_key(&self) -> usize {
        match self {
            Self::Org => ORG_ACCESS_TOKEN_KEY,
            Self::Custom { keys, .. } => keys.active(),
        }
    }

    /// The number of the key that signs ID tokens. It is always published.
    pub(crate) fn id_token_key(&self) -> usize {
        match self {
            Self::Org => ORG_ID_TOKEN_KEY,
            Self::Custom { keys, .. } => keys.active(),
        }
    }

    /// The numbers of the keys at `/keys`, and for how many seconds they may be kept.
    pub(crate) fn published_keys(&self, now: DateTime<Utc>) -> (Vec<usize>, u32) {
        match self {
            Self::Org => (vec![ORG_ID_TOKEN_KEY, ORG_NEXT_KEY], KeyRing::MAX_AGE_SECS),
            Self::Custom { keys, .. } => (keys.published(now), keys.max_age_secs(now)),
        }
    }

    /// The System Log's event for a token of this kind that was granted.
    pub(crate) fn grant_event(&self, kind: TokenKind) -> EventType {
        match (self, kind) {
            (Self::Org, TokenKind::Access) => event_type::ORG_GRANTED,
            (Self::Org, TokenKind::Refresh) => event_type::ORG_REFRESH_GRANTED,
            (Self::Org, TokenKind::Id) => event_type::ORG_ID_GRANTED,
            (Self::Custom { .. }, TokenKind::Access) => event_type::CUSTOM_GRANTED,
            (Self::Custom { .. }, TokenKind::Refresh) => event_type::CUSTOM_REFRESH_GRANTED,
            (Self::Custom { .. }, TokenKind::Id) => event_type::CUSTOM_ID_GRANTED,
        }
    }

    /// The System Log's event for a refresh token that was used again after it had been replaced.
    pub(crate) fn reuse_event(&self) -> EventType {
        match self {
            Self::Org => event_type::ORG_REUSED,
            Self::Custom { .. } => event_type::CUSTOM_REUSED,
        }
    }

    /// The System Log's event for a token request that was refused.
    pub(crate) fn refusal_event(&self) -> EventType {
        match self {
            Self::Org => event_type::ORG_NOT_GRANTED,
            Self::Custom { .. } => event_type::CUSTOM_NOT_GRANTED,
        }
    }

    /// The System Log's event for a token that was revoked.
    pub(crate) fn revoke_event(&self) -> EventType {
        match self {
            Self::Org => event_type::ORG_REVOKED,
            Self::Custom { .. } => event_type::CUSTOM_REVOKED,
        }
    }
}

const ORG_ACCESS_TOKEN_KEY: usize = 0;

const ORG_ID_TOKEN_KEY: usize = 1;

/// Published weeks before it signs, and the sandbox does not run for weeks.
const ORG_NEXT_KEY: usize = 2;

/// The keys of custom servers have the numbers from here on.
pub(crate) const FIRST_CUSTOM_KEY: usize = 3;
