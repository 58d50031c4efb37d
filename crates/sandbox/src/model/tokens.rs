//! Which tokens the server has issued. Pure: time comes in as an argument.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

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
    /// To get further access tokens with. It is opaque, and of use to its own client only.
    Refresh,
}

impl TokenKind {
    /// What OAuth calls it, the System Log too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Access => "access_token",
            Self::Id => "id_token",
            Self::Refresh => "refresh_token",
        }
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Access => "Access Token",
            Self::Id => "ID Token",
            Self::Refresh => "Refresh Token",
        }
    }
}

/// The sign-in to which a user's tokens go back. All that were issued since then can end together.
#[derive(Clone, Debug)]
pub(crate) struct Authentication {
    pub(crate) id: Arc<str>,
    /// Seconds since the epoch.
    pub(crate) at: i64,
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
    /// The sign-in that it goes back to; `None` if no refresh token does.
    pub(crate) authentication: Option<Authentication>,
    /// When a refresh token was first exchanged for another one.
    pub(crate) rotated_at: Option<DateTime<Utc>>,
}

impl Issued {
    /// Whether it was replaced by another refresh token, and for so long that it is no longer taken.
    pub(crate) fn is_used_up(&self, leeway: TimeDelta, now: DateTime<Utc>) -> bool {
        self.rotated_at.is_some_and(|at| now.signed_duration_since(at) >= leeway)
    }

    fn goes_back_to(&self, sign_in: &str) -> bool {
        self.authentication.as_ref().is_some_and(|authentication| &*authentication.id == sign_in)
    }

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
    /// The sign-ins of which nothing is good any more: not what is being issued at this moment, either.
    ended: HashSet<Arc<str>>,
    sweep_at: usize,
}

impl Tokens {
    pub(crate) fn insert(&mut self, digest: Digest, mut issued: Issued, now: DateTime<Utc>) {
        if self.by_digest.len() >= self.sweep_at {
            self.sweep(now);
        }
        let sign_in = issued.authentication.as_ref().map(|authentication| &authentication.id);
        issued.revoked |= sign_in.is_some_and(|id| self.ended.contains(id));
        self.by_digest.insert(digest, issued);
    }

    fn sweep(&mut self, now: DateTime<Utc>) {
        self.by_digest.retain(|_, issued| !issued.is_expired(now));
        self.sweep_at = next_sweep(self.by_digest.len());
        let left = self.by_digest.values().filter_map(|issued| issued.authentication.as_ref());
        let left: HashSet<Arc<str>> =
            left.map(|authentication| authentication.id.clone()).collect();
        self.ended.retain(|id| left.contains(id));
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<&Issued> {
        self.by_digest.get(digest)
    }

    /// Revokes a token; whether it was there, one that can be revoked, and not revoked already. Okta: a
    /// refresh token takes everything along that was issued since the user signed in, an access token
    /// nothing.
    pub(crate) fn revoke(&mut self, digest: &Digest) -> bool {
        let revocable =
            self.by_digest.get_mut(digest).filter(|issued| issued.kind != TokenKind::Id);
        let Some(issued) = revocable else { return false };
        let was_good = !std::mem::replace(&mut issued.revoked, true);
        let refresh = Some(&*issued).filter(|issued| issued.kind == TokenKind::Refresh);
        if let Some(authentication) = refresh.and_then(|issued| issued.authentication.clone()) {
            self.end_sign_in(&authentication);
        }
        was_good
    }

    /// Takes note that a refresh token is exchanged for another one.
    pub(crate) fn rotate(&mut self, digest: &Digest, now: DateTime<Utc>) {
        if let Some(issued) = self.by_digest.get_mut(digest) {
            issued.rotated_at.get_or_insert(now);
        }
    }

    /// Has a token end at another time.
    pub(crate) fn set_end(&mut self, digest: &Digest, expires_at: i64) {
        if let Some(issued) = self.by_digest.get_mut(digest) {
            issued.expires_at = expires_at;
        }
    }

    /// Revokes all tokens of a sign-in, those that are being issued too. ID tokens cannot be revoked.
    pub(crate) fn end_sign_in(&mut self, authentication: &Authentication) {
        let id = &authentication.id;
        let own = self.by_digest.values_mut().filter(|issued| issued.goes_back_to(id));
        for issued in own.filter(|issued| issued.kind != TokenKind::Id) {
            issued.revoked = true;
        }
        self.ended.insert(id.clone());
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
            authentication: None,
            rotated_at: None,
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

    /// A token of the sign-in `s1`.
    fn of_sign_in(kind: TokenKind) -> Issued {
        let authentication = Some(Authentication { id: "s1".into(), at: 0 });
        Issued { kind, authentication, ..issued(100) }
    }

    #[test]
    fn a_rotated_token_is_used_up_when_the_leeway_is_over() {
        let leeway = TimeDelta::seconds(30);
        let mut refresh = of_sign_in(TokenKind::Refresh);
        assert!(!refresh.is_used_up(leeway, at(90)));
        refresh.rotated_at = Some(at(10));
        for (now, used_up) in [(10, false), (39, false), (40, true), (41, true)] {
            assert_eq!(refresh.is_used_up(leeway, at(now)), used_up, "{now}");
        }
        assert!(refresh.is_used_up(TimeDelta::zero(), at(10)));
    }

    #[test]
    fn the_first_exchange_counts() {
        let (mut tokens, digest) = (Tokens::default(), Digest::of("r1"));
        tokens.insert(digest, of_sign_in(TokenKind::Refresh), at(0));
        tokens.rotate(&digest, at(1));
        tokens.rotate(&digest, at(20));
        assert_eq!(tokens.find(&digest).unwrap().rotated_at, Some(at(1)));
    }

    #[test]
    fn a_sign_in_ends_with_all_its_tokens_and_those_to_come() {
        let mut tokens = Tokens::default();
        let kinds = [TokenKind::Access, TokenKind::Id, TokenKind::Refresh];
        for kind in kinds {
            tokens.insert(Digest::of(kind.name()), of_sign_in(kind), at(0));
        }
        tokens.insert(Digest::of("another"), issued(100), at(0));
        tokens.end_sign_in(&Authentication { id: "s1".into(), at: 0 });
        tokens.insert(Digest::of("late"), of_sign_in(TokenKind::Access), at(0));
        let revoked = |name: &str| tokens.find(&Digest::of(name)).unwrap().revoked;
        assert_eq!(kinds.map(|kind| revoked(kind.name())), [true, false, true]);
        assert!(revoked("late") && !revoked("another"));
    }

    #[test]
    fn sign_ins_without_a_token_are_forgotten() {
        let mut tokens = Tokens::default();
        tokens.insert(Digest::of("r1"), of_sign_in(TokenKind::Refresh), at(0));
        tokens.end_sign_in(&Authentication { id: "s1".into(), at: 0 });
        tokens.sweep(at(99));
        assert_eq!(tokens.ended.len(), 1);
        tokens.sweep(at(100));
        assert_eq!(tokens.ended.len(), 0);
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
