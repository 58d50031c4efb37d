//! The signed identity token: the facts of a checked token, for a backend that believes no header
//! that it cannot verify.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderValue;
use okta_introspect::checker::Authorized;
use okta_introspect::{Clock, Error};
use serde::Serialize;

use super::signer::JwtSigner;
use super::value::{ABSENT, MAX_LEN};
use crate::error::Fault;

/// Makes the signed identity token that stands in `X-Auth-Token`.
///
/// It is a JWT whose `typ` is [`TYP`](Self::TYP), good for a minute at most and never longer than the
/// token that it speaks of. A backend verifies it with the sidecar's
/// [JWK Set](JwtSigner::jwks), and compares `typ`, `iss`, `aud` and `exp`. Claims:
///
/// | claim | what |
/// |---|---|
/// | `iss`, `aud`, `iat`, `exp` | the sidecar, the backend, and the identity token's own times ([RFC 7519 §4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)) |
/// | `sub`, `client_id`, `scope` | as in access tokens ([RFC 9068 §2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)) |
/// | `username`, `uid` | as the authorization server's introspection names them |
/// | `token_iss` | who issued the token that was checked: `iss` is the sidecar |
/// | `checked_at` | when the authorization server was asked, in seconds since 1970, rounded down |
///
/// A fact that the server did not state is left out, as is one of more than 4096 bytes. There is no
/// age, which would be untrue as soon as it is read: it is now less `checked_at`. There is no `jti`
/// either, for one identity token serves all requests of the same token and answer until half its
/// life is over.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use okta_introspect::SystemClock;
/// use okta_introspect_serve::{Fault, Identity, IdentityTokens, JwtSigner};
///
/// fn signed(signer: JwtSigner) -> Result<Identity, Fault> {
///     let audience = "https://orders.internal";
///     let lifetime = IdentityTokens::MAX_LIFETIME;
///     let tokens = IdentityTokens::new(signer, audience, lifetime, Arc::new(SystemClock))?;
///     Ok(Identity::new(Identity::PREFIX)?.tokens(tokens))
/// }
/// ```
pub struct IdentityTokens {
    signer: JwtSigner,
    audience: String,
    lifetime: i64,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

impl IdentityTokens {
    /// The `typ` of an identity token.
    pub const TYP: &str = "okta-introspect-identity+jwt";

    /// The longest life of an identity token, and its default.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(60);

    /// The longest identity token, in bytes: servers commonly take headers of 8 KiB. With more
    /// facts than that there is none.
    pub const MAX_LEN: usize = 7 * 1024;

    /// Identity tokens for `audience`, where a request's rule does not name another one, good for
    /// `lifetime`. Bounds: 2 s to [`MAX_LIFETIME`](Self::MAX_LIFETIME), of which whole seconds
    /// count.
    ///
    /// # Errors
    ///
    /// If the lifetime is out of bounds, or the audience is empty.
    pub fn new(
        signer: JwtSigner,
        audience: impl Into<String>,
        lifetime: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let audience = audience.into();
        if audience.is_empty() {
            return Err(Fault::new("identity tokens have no audience")
                .advise("name the backend, such as https://orders.internal"));
        }
        if lifetime < MIN_LIFETIME || lifetime > Self::MAX_LIFETIME {
            return Err(Fault::new("the lifetime of identity tokens is out of bounds")
                .advise("take 2s to 60s"));
        }
        // At most a minute.
        let lifetime = lifetime.as_secs() as i64;
        Ok(Self { signer, audience, lifetime, clock, kept: Mutex::default() })
    }

    /// The token's header, for `audience` or the default one.
    pub(super) fn header(&self, authorized: &Authorized, audience: Option<&str>) -> HeaderValue {
        let audience = audience.unwrap_or(&self.audience);
        let now = self.clock.now();
        let found = self.kept().find(authorized, audience, now.timestamp());
        found.unwrap_or_else(|| self.made(authorized, audience, now).unwrap_or(ABSENT))
    }

    fn made(
        &self,
        authorized: &Authorized,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Option<HeaderValue> {
        let iat = now.timestamp();
        let end = iat.saturating_add(self.lifetime);
        let exp = authorized.expires_at().map_or(end, |own| own.timestamp().min(end));
        if exp <= iat {
            return None;
        }
        let value = self.signed(authorized, audience, (now, exp)).unwrap_or_else(|error| {
            tracing::error!(%error, "an identity token could not be signed");
            None
        })?;
        // Used until half its life is over, so that a backend has the other half.
        let until = iat.saturating_add((exp - iat) / 2);
        let token = Token { audience: audience.into(), value: value.clone(), iat, until };
        // Dropped when the lock is free again: there may be thousands.
        let _dropped = self.kept().keep(authorized, token, self.lifetime);
        Some(value)
    }

    /// The token as a header value; `None` if it is too long for one.
    fn signed(
        &self,
        authorized: &Authorized,
        audience: &str,
        (now, exp): (DateTime<Utc>, i64),
    ) -> Result<Option<HeaderValue>, Error> {
        let scope = authorized.scope().map(ToString::to_string);
        let claims = Claims {
            iss: self.signer.issuer(),
            aud: audience,
            iat: now.timestamp(),
            exp,
            sub: within(authorized.sub()),
            client_id: within(authorized.client_id()),
            uid: within(authorized.uid()),
            username: within(authorized.username()),
            scope: within(scope.as_deref()),
            token_iss: within(authorized.iss()),
            checked_at: checked_at(now, authorized.age()),
        };
        let jwt = self.signer.sign(Self::TYP, &claims)?;
        let value = HeaderValue::try_from(jwt).ok().filter(|value| value.len() <= Self::MAX_LEN);
        Ok(value.map(|mut value| {
            // Never in the tables of HTTP/2, nor in `Debug`.
            value.set_sensitive(true);
            value
        }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for IdentityTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityTokens")
            .field("signer", &self.signer)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// When an answer of this age was asked for, in seconds since 1970, rounded down: never younger
/// than it is.
pub(crate) fn checked_at(now: DateTime<Utc>, age: Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.timestamp_millis().saturating_sub(age).div_euclid(1000)
}

fn within(fact: Option<&str>) -> Option<&str> {
    fact.filter(|fact| !fact.is_empty() && fact.len() <= MAX_LEN)
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_iss: Option<&'a str>,
    checked_at: i64,
}

/// Below two seconds no token could be used a second time.
const MIN_LIFETIME: Duration = Duration::from_secs(2);

/// How many identity tokens one generation keeps: some three megabytes.
const CAPACITY: usize = 4096;

/// The tokens that were signed lately, in two generations. The elder is dropped when half a
/// lifetime has passed, after which none of its tokens can be used, or when the younger is full.
#[derive(Default)]
struct Kept {
    younger: Generation,
    elder: Generation,
    /// How many the younger generation has.
    count: usize,
    turned_at: i64,
}

/// By the answer's id, which is one for all requests that one answer of the server is good for. The
/// answer is held as long as the tokens are, so no other one can have the same id meanwhile.
type Generation = HashMap<usize, (Authorized, Vec<Token>)>;

struct Token {
    audience: Box<str>,
    value: HeaderValue,
    iat: i64,
    until: i64,
}

impl Kept {
    fn find(&self, authorized: &Authorized, audience: &str, now: i64) -> Option<HeaderValue> {
        let id = authorized.answer_id();
        // A clock that was set back makes a token that is not valid yet.
        let usable = |token: &&Token| {
            *token.audience == *audience && (token.iat..token.until).contains(&now)
        };
        [&self.younger, &self.elder]
            .into_iter()
            .filter_map(|generation| generation.get(&id))
            .find_map(|(_, tokens)| tokens.iter().find(usable))
            .map(|token| token.value.clone())
    }

    /// Gives back what is not kept any longer.
    fn keep(&mut self, authorized: &Authorized, token: Token, lifetime: i64) -> Generation {
        let mut dropped = Generation::default();
        let age = token.iat.saturating_sub(self.turned_at);
        // An age below zero is that of a clock that was set back.
        if self.count >= CAPACITY || !(0..lifetime / 2).contains(&age) {
            dropped = mem::replace(&mut self.elder, mem::take(&mut self.younger));
            (self.count, self.turned_at) = (0, token.iat);
        }
        let entry = self.younger.entry(authorized.answer_id());
        let (_, tokens) = entry.or_insert_with(|| (authorized.clone(), Vec::with_capacity(1)));
        tokens.retain(|other| other.audience != token.audience);
        tokens.push(token);
        self.count = self.count.saturating_add(1);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sample::{START, Script, claims_of, header_of};
    use okta_introspect::checker::Invalidation;
    use serde_json::{Value, json};

    const AUDIENCE: &str = "https://orders.internal";

    fn tokens(script: &Script) -> IdentityTokens {
        let signer = JwtSigner::generate("https://sidecar.internal").unwrap();
        let clock = Arc::new(script.clock.clone());
        IdentityTokens::new(signer, AUDIENCE, IdentityTokens::MAX_LIFETIME, clock).unwrap()
    }

    fn claims(tokens: &IdentityTokens, authorized: &Authorized) -> Value {
        claims_of(tokens.header(authorized, None).to_str().unwrap(), &tokens.signer)
    }

    #[test_support::test]
    async fn the_token_has_the_facts_under_the_names_of_the_standards_and_its_own_type() {
        let script = Script::new();
        let tokens = tokens(&script);
        let authorized = script
            .authorized(json!({
                "sub": "ada@acme.example", "client_id": "0oa1", "uid": "00u1", "scope": "b a",
                "username": "ada@acme.example", "iss": "https://acme.okta.com", "exp": START + 900,
            }))
            .await;
        let jwt = tokens.header(&authorized, None);
        assert_eq!(header_of(jwt.to_str().unwrap())["typ"], IdentityTokens::TYP);
        assert!(jwt.is_sensitive());
        let expected = json!({
            "iss": "https://sidecar.internal", "aud": AUDIENCE, "iat": START, "exp": START + 60,
            "sub": "ada@acme.example", "client_id": "0oa1", "uid": "00u1", "scope": "a b",
            "username": "ada@acme.example", "token_iss": "https://acme.okta.com",
            "checked_at": START,
        });
        assert_eq!(claims(&tokens, &authorized), expected);
        let other = tokens.header(&authorized, Some("https://bills.internal"));
        let other = claims_of(other.to_str().unwrap(), &tokens.signer);
        assert_eq!(other["aud"], "https://bills.internal");
    }

    #[test_support::test]
    async fn the_token_ends_after_a_minute_and_never_after_the_token_that_it_speaks_of() {
        let script = Script::new();
        let tokens = tokens(&script);
        for (end, exp) in [(61, 60), (60, 60), (59, 59), (1, 1)] {
            let authorized = script.authorized(json!({"exp": START + end})).await;
            assert_eq!(claims(&tokens, &authorized)["exp"], START + exp, "{end}");
        }
        let authorized = script.authorized(json!({"exp": START + 1})).await;
        script.advance(1000);
        assert_eq!(tokens.header(&authorized, None), ABSENT);
    }

    #[test_support::test]
    async fn one_token_serves_until_half_its_life_is_over() {
        let script = Script::new();
        let tokens = tokens(&script);
        let authorized = script.authorized(json!({"sub": "ada"})).await;
        let first = tokens.header(&authorized, None);
        for (elapsed, same) in [(0, true), (29_999, true), (1, false)] {
            script.advance(elapsed);
            assert_eq!(tokens.header(&authorized, None) == first, same, "{elapsed}");
        }
        let exp = claims(&tokens, &authorized)["exp"].as_i64().unwrap();
        assert_eq!(exp, START + 90);
    }

    #[test_support::test]
    async fn another_answer_or_another_audience_has_a_token_of_its_own() {
        let script = Script::new();
        let tokens = tokens(&script);
        let (first, second) = (
            script.authorized(json!({"sub": "a"})).await,
            script.authorized(json!({"sub": "b"})).await,
        );
        let kept = [(&first, None), (&first, Some("x")), (&second, None), (&second, Some("x"))]
            .map(|(authorized, audience)| {
                (authorized, audience, tokens.header(authorized, audience))
            });
        for (authorized, audience, token) in &kept {
            assert_eq!(tokens.header(authorized, *audience), token);
            assert_eq!(kept.iter().filter(|(.., other)| other == token).count(), 1);
        }
        assert_eq!(claims(&tokens, &second)["sub"], "b");
    }

    #[test_support::test]
    async fn the_time_of_the_check_stays_true_while_a_token_is_used_again() {
        let script = Script::new();
        let tokens = tokens(&script);
        let token = script.token(json!({"sub": "ada"}));
        script.check(&token, 30).await;
        script.advance(10_500);
        let hit = script.check(&token, 30).await;
        assert_eq!(hit.age(), Duration::from_millis(10_500));
        assert_eq!(claims(&tokens, &hit)["checked_at"], START);
        script.advance(5000);
        let hit = script.check(&token, 30).await;
        assert_eq!(claims(&tokens, &hit)["checked_at"], START);
        // Asked anew: other facts, and so another token.
        let hit = script.check(&token, 1).await;
        assert_eq!(claims(&tokens, &hit)["checked_at"], START + 15);
    }

    #[test_support::test]
    async fn facts_that_come_to_the_same_place_in_memory_have_no_token_of_those_before_them() {
        let script = Script::new();
        let tokens = tokens(&script);
        for index in 0..300 {
            let sub = format!("user-{index}");
            let token = script.token(json!({"sub": sub}));
            let authorized = script.check(&token, 30).await;
            assert_eq!(claims(&tokens, &authorized)["sub"], sub);
            // The checker forgets it, so that nothing but what is kept here holds the facts.
            let token = okta_introspect::Token::parse(&token).unwrap();
            script.checker.invalidate(Invalidation::Token(&token));
        }
    }

    #[test_support::test]
    async fn a_clock_that_is_set_back_brings_no_token_of_the_future() {
        let script = Script::new();
        let tokens = tokens(&script);
        let authorized = script.authorized(json!({})).await;
        tokens.header(&authorized, None);
        script.clock.set_wall(script.clock.now() - chrono::TimeDelta::seconds(5));
        assert_eq!(claims(&tokens, &authorized)["iat"], START - 5);
    }

    #[test_support::test]
    async fn however_many_tokens_come_a_bounded_number_is_kept() {
        let script = Script::new();
        let tokens = tokens(&script);
        let authorized = script.authorized(json!({})).await;
        for audience in 0..2 * CAPACITY + 10 {
            let token = Token {
                audience: audience.to_string().into(),
                value: ABSENT,
                iat: START,
                until: START + 30,
            };
            tokens.kept().keep(&authorized, token, 60);
        }
        let kept = tokens.kept();
        let count = |generation: &Generation| -> usize {
            generation.values().map(|(_, tokens)| tokens.len()).sum()
        };
        assert_eq!((count(&kept.younger), count(&kept.elder)), (10, CAPACITY));
    }

    #[test_support::test]
    async fn facts_that_are_too_long_are_left_out_and_a_token_that_is_too_long_is_none() {
        let script = Script::new();
        let tokens = tokens(&script);
        let authorized = script.authorized(json!({"sub": "x".repeat(4097), "uid": "u"})).await;
        let claims = claims(&tokens, &authorized);
        assert_eq!((claims.get("sub"), &claims["uid"]), (None, &json!("u")));
        let long = "x".repeat(4096);
        let authorized = script.authorized(json!({"sub": long, "uid": long})).await;
        assert_eq!(tokens.header(&authorized, None), ABSENT);
    }

    #[test]
    fn a_lifetime_out_of_bounds_is_a_fault() {
        let script = Script::new();
        for (millis, fits) in [(1999, false), (2000, true), (60_000, true), (60_001, false)] {
            let signer = JwtSigner::generate("s").unwrap();
            let clock = Arc::new(script.clock.clone());
            let result = IdentityTokens::new(signer, "a", Duration::from_millis(millis), clock);
            assert_eq!(result.is_ok(), fits, "{millis}");
        }
    }

    #[test]
    fn the_time_of_a_check_is_rounded_down() {
        let now = DateTime::from_timestamp_millis(10_500).unwrap();
        for (age, at) in [(0, 10), (500, 10), (501, 9), (10_501, -1)] {
            assert_eq!(checked_at(now, Duration::from_millis(age)), at, "{age}");
        }
        assert!(checked_at(now, Duration::MAX) < 0);
    }
}
