//! Which tokens the server has issued, and which assertions and proofs it has seen. Pure: time
//! comes in as an argument.

use std::collections::{HashMap, HashSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::dpop::MAX_AGE_SECS;
use crate::scope::Scopes;

/// The SHA-256 of a token; the tokens themselves are not kept.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(token: &str) -> Self {
        Self(openssl::sha::sha256(token.as_bytes()))
    }

    /// As the System Log shows it: padded Base64.
    pub(super) fn text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TokenKind {
    /// To be let in with.
    Access,
    /// To know who signed in. It cannot be revoked.
    Id,
}

/// What the server remembers of a token.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    /// The custom server that issued it; `None` is the org server.
    pub(super) authority: Option<String>,
    pub(super) kind: TokenKind,
    pub(super) jti: String,
    pub(super) client_id: String,
    /// The user for whom it was issued, if there is one.
    pub(super) user_id: Option<String>,
    /// The login name of the user (in ID tokens the user id), or the client id.
    pub(super) subject: String,
    pub(super) scopes: Scopes,
    pub(super) issuer: String,
    pub(super) audience: String,
    /// The thumbprint of the key to which it is bound; `None` is a bearer token.
    pub(super) jkt: Option<String>,
    /// Seconds since the epoch.
    pub(super) issued_at: i64,
    /// Seconds since the epoch; from this second on the token is expired.
    pub(super) expires_at: i64,
    pub(super) revoked: bool,
}

impl Issued {
    pub(super) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at <= now.timestamp()
    }

    /// The `token_type`: how the token is to be presented.
    pub(super) fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

/// The issued tokens. Expired ones are forgotten at times.
#[derive(Default)]
pub(super) struct Tokens {
    by_digest: HashMap<Digest, Issued>,
    sweep_at: usize,
}

impl Tokens {
    pub(super) fn insert(&mut self, digest: Digest, issued: Issued, now: DateTime<Utc>) {
        if self.by_digest.len() >= self.sweep_at {
            self.by_digest.retain(|_, issued| !issued.is_expired(now));
            self.sweep_at = next_sweep(self.by_digest.len());
        }
        self.by_digest.insert(digest, issued);
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<&Issued> {
        self.by_digest.get(digest)
    }

    /// Revokes a token; whether it was there and not revoked already.
    pub(super) fn revoke(&mut self, digest: &Digest) -> bool {
        self.by_digest
            .get_mut(digest)
            .is_some_and(|issued| !std::mem::replace(&mut issued.revoked, true))
    }

    /// Revokes every token for which `which` holds.
    pub(super) fn revoke_all(&mut self, which: impl Fn(&Issued) -> bool) {
        for issued in self.by_digest.values_mut() {
            issued.revoked |= which(issued);
        }
    }
}

/// The `jti` values of assertions that were accepted, each kept until its assertion has expired.
///
/// A `jti` is used up for its client at all servers of the org: Okta does not say how far its
/// memory reaches, and a client that is right everywhere makes a new one for every request.
#[derive(Default)]
pub(super) struct UsedAssertions {
    expiry: HashMap<(String, String), i64>,
    sweep_at: usize,
}

impl UsedAssertions {
    /// Uses a `jti` up; `false` if it was used before.
    pub(super) fn burn(
        &mut self,
        client_id: &str,
        jti: &str,
        expires_at: i64,
        now: DateTime<Utc>,
    ) -> bool {
        if self.expiry.len() >= self.sweep_at {
            self.expiry.retain(|_, expires_at| *expires_at > now.timestamp());
            self.sweep_at = next_sweep(self.expiry.len());
        }
        self.expiry.insert((client_id.to_owned(), jti.to_owned()), expires_at).is_none()
    }
}

/// The DPoP proofs that were accepted, each kept for as long as it could be sent again.
///
/// A `jti` is used up for its key wherever the proof was sent.
#[derive(Default)]
pub(super) struct UsedProofs {
    known: HashSet<Digest>,
    /// In the order in which they may be forgotten, each with its last second.
    order: VecDeque<(i64, Digest)>,
}

impl UsedProofs {
    /// Beyond so many the oldest is forgotten early: more proofs than this in five minutes are
    /// not a test any more.
    const CAPACITY: usize = 100_000;

    /// Uses a proof's `jti` up; `false` if it was used before.
    pub(super) fn burn(&mut self, jkt: &str, jti: &str, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        while let Some((last, digest)) = self.order.front().copied() {
            if last >= now && self.order.len() < Self::CAPACITY {
                break;
            }
            self.order.pop_front();
            self.known.remove(&digest);
        }
        // A thumbprint has no blank, so no two pairs give the same text.
        let digest = Digest::of(&format!("{jkt} {jti}"));
        let is_new = self.known.insert(digest);
        if is_new {
            self.order.push_back((now + MAX_AGE_SECS, digest));
        }
        is_new
    }
}

/// Sweeping at every doubling makes its cost per entry constant.
fn next_sweep(len: usize) -> usize {
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

    #[test]
    fn a_jti_is_used_up_for_its_client_only_and_in_its_case_only() {
        let mut used = UsedAssertions::default();
        assert!(used.burn("0oa1", "a", 300, at(0)));
        assert!(!used.burn("0oa1", "a", 300, at(299)));
        assert!(used.burn("0oa1", "A", 300, at(0)));
        assert!(used.burn("0oa2", "a", 300, at(0)));
    }

    #[test]
    fn a_proof_is_used_up_for_its_key_for_as_long_as_it_could_come_again() {
        let mut used = UsedProofs::default();
        assert!(used.burn("key", "a", at(0)));
        assert!(!used.burn("key", "a", at(300)));
        assert!(used.burn("other key", "a", at(300)));
        assert!(used.burn("key", "a", at(301)));
    }

    #[test]
    fn the_memory_of_proofs_is_bounded() {
        let mut used = UsedProofs::default();
        for number in 0..=UsedProofs::CAPACITY {
            assert!(used.burn("key", &number.to_string(), at(0)));
        }
        assert_eq!(used.known.len(), UsedProofs::CAPACITY);
        assert!(used.burn("key", "0", at(0)), "the oldest is forgotten");
        assert!(!used.burn("key", "500", at(0)));
    }
}
