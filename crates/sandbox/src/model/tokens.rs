//! Which tokens the server has issued. Pure: time comes in as an argument.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::scopes::Scopes;
use crate::jose;

/// The SHA-256 of a token; the tokens themselves are not kept.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &str) -> Self {
        Self(jose::sha256(token))
    }

    /// As the System Log shows it: padded Base64.
    pub(crate) fn text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TokenKind {
    /// To use a resource with.
    Access,
    /// To tell of a sign-in. It cannot be revoked.
    Id,
}

/// What the server remembers of a token.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    /// The custom server that issued it; `None` is the org server.
    pub(crate) authority: Option<String>,
    pub(crate) kind: TokenKind,
    pub(crate) jti: String,
    pub(crate) client_id: String,
    /// The id of the user on whose behalf it was issued, if there is one.
    pub(crate) user_id: Option<String>,
    /// The login name of the user (in ID tokens the user id), or the client id.
    pub(crate) subject: String,
    pub(crate) scopes: Scopes,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// The thumbprint of the key to which it is bound; `None` is a bearer token.
    pub(crate) jkt: Option<String>,
    /// Seconds since the epoch.
    pub(crate) issued_at: i64,
    /// Seconds since the epoch; from this second on the token is expired.
    pub(crate) expires_at: i64,
    pub(crate) revoked: bool,
}

impl Issued {
    pub(crate) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at <= now.timestamp()
    }

    /// The `token_type`: how the token is to be presented.
    pub(crate) fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

/// The issued tokens. Expired ones are forgotten at times.
#[derive(Default)]
pub(crate) struct Tokens {
    by_digest: HashMap<Digest, Issued>,
    sweep_at: usize,
}

impl Tokens {
    pub(crate) fn insert(&mut self, digest: Digest, issued: Issued, now: DateTime<Utc>) {
        if self.by_digest.len() >= self.sweep_at {
            self.by_digest.retain(|_, issued| !issued.is_expired(now));
            self.sweep_at = next_sweep(self.by_digest.len());
        }
        self.by_digest.insert(digest, issued);
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<&Issued> {
        self.by_digest.get(digest)
    }

    /// Revokes a token; whether it was there and not revoked already.
    pub(crate) fn revoke(&mut self, digest: &Digest) -> bool {
        self.by_digest
            .get_mut(digest)
            .is_some_and(|issued| !std::mem::replace(&mut issued.revoked, true))
    }

    /// Revokes every token for which `which` holds. Gives how many access tokens were good until
    /// now.
    pub(crate) fn revoke_all(
        &mut self,
        now: DateTime<Utc>,
        which: impl Fn(&Issued) -> bool,
    ) -> usize {
        let mut good = 0;
        for issued in self.by_digest.values_mut().filter(|issued| which(issued)) {
            let was_revoked = std::mem::replace(&mut issued.revoked, true);
            let counts = issued.kind == TokenKind::Access && !issued.is_expired(now);
            good += usize::from(counts && !was_revoked);
        }
        good
    }
}

/// Sweeping at every doubling makes its cost per entry constant.
pub(crate) fn next_sweep(len: usize) -> usize {
    (2 * len).max(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn issued(expires_at: i64) -> Issued {
        Issued {
            authority: None,
            kind: TokenKind::Access,
            jti: "AT.1".to_owned(),
            client_id: "0oa1".to_owned(),
            user_id: None,
            subject: "0oa1".to_owned(),
            scopes: Scopes::default(),
            issuer: String::new(),
            audience: String::new(),
            jkt: None,
            issued_at: 0,
            expires_at,
            revoked: false,
        }
    }

    #[test]
    fn a_token_is_expired_from_its_last_second_on() {
        assert!(!issued(100).is_expired(at(99)));
        assert!(issued(100).is_expired(at(100)));
    }

    #[test]
    fn a_token_is_revoked_once() {
        let mut tokens = Tokens::default();
        let digest = Digest::of("s3cret");
        assert!(!tokens.revoke(&digest));
        tokens.insert(digest, issued(100), at(0));
        assert!(tokens.revoke(&digest));
        assert!(!tokens.revoke(&digest));
    }

    #[test]
    fn expired_tokens_are_forgotten_and_others_kept() {
        let mut tokens = Tokens::default();
        let digest = |number: usize| Digest::of(&number.to_string());
        for number in 0..2000 {
            let expires_at = if number % 2 == 0 { 10 } else { 1000 };
            tokens.insert(digest(number), issued(expires_at), at(number as i64 / 20));
        }
        assert!(tokens.by_digest.len() < 2000);
        assert!((0..2000).filter(|n| n % 2 == 1).all(|n| tokens.find(&digest(n)).is_some()));
    }
}
