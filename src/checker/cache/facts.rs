//! What a server said about one token, and when it was asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::checker::cache::intern::{Common, Interner};
use crate::checker::cache::rest::{Rest, Times};
use crate::checker::cache::seconds::Seconds;
use crate::checker::cache::texts::Texts;
use crate::clock::send_time::Sent;
use crate::clock::ticks::{Age, Ticks};
use crate::oauth::introspect::{Confirmation, Introspection};
use crate::scope::Scopes;
use crate::support::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was learned about one token. A fact, not a verdict: whether it lets a request in is for
/// the [policy](crate::checker::policy) to say, each time anew.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Active(Arc<Facts>),
    Inactive(Refused),
}

/// What the server said about an active token.
///
/// Small, because there may be a million of them: what many answers say is kept
/// [once](Common), the rest is [put together](Self::introspection) again for those that ask. And in this
/// order: what every hit looks at stands together at the front. With many tokens none of it is in
/// the processor's cache, and each line of memory that is fetched counts.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Facts {
    pub(crate) sent: Sent,
    common: Arc<Common>,
    /// The latest watermark that these facts have passed.
    passed: AtomicU64,
    expires_at: End,
    nbf: Seconds,
    /// Where in the span of early refreshes this entry's is, 0 to 255: drawn once per answer.
    pub(crate) jitter: u8,
    refreshing: AtomicBool,
    /// Whether the token is worth nothing without a proof.
    pub(crate) is_bound: bool,
    pub(crate) nature: Nature,
    /// Whether the token is a user's.
    pub(crate) has_user: bool,
    /// The token's own texts, by [`Own`].
    own: Texts,
    rest: Option<Box<Rest>>,
    exp: Seconds,
    iat: Seconds,
}

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Nature {
    AccessToken,
    /// It is active, and no access token.
    Other,
    /// It is not active: another upstream may keep that here.
    Inactive,
}

/// The texts that are each token's own, in this order; behind them come those of the members without
/// a field.
#[derive(Clone, Copy)]
enum Own {
    Jti,
    Uid,
    Sub,
    Username,
    /// Where it is all that the binding says.
    Jkt,
    DeviceId,
    Sid,
}

impl Own {
    const COUNT: usize = Self::Sid as usize + 1;
}

/// When a token ends, in seconds since 1970. What is beyond the year 2106 does not end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct End(u32);

impl End {
    const NEVER: Self = Self(u32::MAX);

    fn at(time: DateTime<Utc>) -> Self {
        // What ended before 1970 has ended by now.
        Self(u32::try_from(time.timestamp().max(0)).unwrap_or(u32::MAX))
    }
}

/// The server said that the token is not active.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) sent: Sent,
}

impl Known {
    pub(crate) fn sent(&self) -> Sent {
        match self {
            Self::Active(facts) => facts.sent,
            Self::Inactive(refused) => refused.sent,
        }
    }

    /// How old it is at `now`.
    #[inline]
    pub(crate) fn age(&self, now: Ticks) -> Age {
        self.sent().at.age(now)
    }
}

impl Facts {
    pub(crate) fn new(
        mut answer: Introspection,
        sent: Sent,
        own_end: Option<DateTime<Utc>>,
        jitter: u8,
        interner: &Interner,
    ) -> Self {
        // By the server's word or by the token's own, whichever comes first.
        let ends = answer.exp.into_iter().chain(own_end).map(End::at);
        let expires_at = ends.min().unwrap_or(End::NEVER);
        let (is_bound, nature) = (is_bound(&answer), nature(&answer));
        let jkt = take_jkt(&mut answer.cnf);
        let own = own_texts(&answer, jkt.as_deref());
        Self {
            sent,
            expires_at,
            passed: AtomicU64::new(sent.number),
            jitter,
            refreshing: AtomicBool::new(false),
            is_bound,
            nature,
            has_user: answer.uid.is_some() || answer.username.is_some(),
            own,
            nbf: Seconds::of(answer.nbf),
            exp: Seconds::of(answer.exp),
            iat: Seconds::of(answer.iat),
            common: interner.take(&mut answer),
            rest: Rest::take(&mut answer),
        }
    }

    /// What the server said, in full and equal to what it was made of.
    pub(crate) fn introspection(&self) -> Introspection {
        let [exp, iat, nbf] = self.times();
        let own = |text| self.own(text).map(str::to_owned);
        let common = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Introspection {
            active: self.nature != Nature::Inactive,
            scope: self.common.scope.clone(),
            client_id: common(&self.common.client_id),
            username: own(Own::Username),
            sub: own(Own::Sub),
            uid: own(Own::Uid),
            aud: Arc::clone(&self.common.aud),
            iss: common(&self.common.iss),
            jti: own(Own::Jti),
            exp,
            iat,
            nbf,
            token_type: common(&self.common.token_type),
            device_id: own(Own::DeviceId),
            sid: own(Own::Sid),
            cnf: self.cnf(),
            extra: self.extra_members(),
        }
    }

    fn own(&self, text: Own) -> Option<&str> {
        self.own.get(text as usize)
    }

    pub(crate) fn jti(&self) -> Option<&str> {
        self.own(Own::Jti)
    }

    pub(crate) fn sub(&self) -> Option<&str> {
        self.own(Own::Sub)
    }

    pub(crate) fn uid(&self) -> Option<&str> {
        self.own(Own::Uid)
    }

    pub(crate) fn username(&self) -> Option<&str> {
        self.own(Own::Username)
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.common.client_id.as_deref()
    }

    pub(crate) fn iss(&self) -> Option<&str> {
        self.common.iss.as_deref()
    }

    pub(crate) fn scope(&self) -> Option<&Scopes> {
        self.common.scope.as_ref()
    }

    pub(crate) fn aud(&self) -> &[String] {
        &self.common.aud
    }

    /// The text of a member that has no field of its own.
    pub(crate) fn extra(&self, name: &str) -> Option<&str> {
        self.members().find(|(own, _)| *own == name)?.1
    }

    /// The names of members without a field, and their texts, of those that are text.
    fn members(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let names = self.common.names.iter().map(|name| &**name);
        names.zip(self.own.iter().skip(Own::COUNT))
    }

    fn extra_members(&self) -> Map<String, Value> {
        let mut others = self.rest.iter().flat_map(|rest| &rest.values).cloned();
        let mut value = |text: Option<&str>| match text {
            Some(text) => text.into(),
            None => others.next().unwrap_or_default(), // there is one for each
        };
        self.members().map(|(name, text)| (name.to_owned(), value(text))).collect()
    }

    /// The key to which the token is bound, unless it is bound to a certificate as well (RFC 8705
    /// §3.1): half a proof is none.
    pub(crate) fn sole_jkt(&self) -> Option<&str> {
        let of_odd = || {
            let cnf = self.rest.as_ref()?.cnf()?;
            cnf.jkt.as_deref().filter(|_| !cnf.extra.contains_key("x5t#S256"))
        };
        self.own(Own::Jkt).or_else(of_odd)
    }

    fn cnf(&self) -> Option<Confirmation> {
        match self.own(Own::Jkt) {
            Some(jkt) => {
                Some(Confirmation { jkt: Some(jkt.to_owned()), ..Confirmation::default() })
            }
            None => self.rest.as_ref()?.cnf().cloned(),
        }
    }

    fn times(&self) -> Times {
        let elsewhere = self.rest.as_ref().map(|rest| rest.times()).unwrap_or_default();
        let [exp, iat, nbf] = elsewhere;
        let of = |here: Seconds, elsewhere: Option<_>| here.time().or(elsewhere);
        [of(self.exp, exp), of(self.iat, iat), of(self.nbf, nbf)]
    }

    /// Whether the token's time has come when it is `now`, in seconds since 1970.
    #[inline]
    pub(crate) fn has_begun(&self, now: i64) -> bool {
        match self.nbf.since_1970() {
            Some(begin) => now >= begin,
            None => !self.nbf.is_elsewhere() || self.has_begun_elsewhere(now),
        }
    }

    #[cold]
    fn has_begun_elsewhere(&self, now: i64) -> bool {
        let [_, _, nbf] = self.times();
        nbf.is_none_or(|begin| now >= begin.timestamp())
    }

    /// Whether the token itself has ended when it is `now`, in seconds since 1970.
    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.expires_at != End::NEVER && now >= i64::from(self.expires_at.0)
    }

    /// When the token ends, if it does.
    pub(crate) fn expires_at(&self) -> Option<DateTime<Utc>> {
        let end = Some(self.expires_at).filter(|end| *end != End::NEVER)?;
        DateTime::from_timestamp(i64::from(end.0), 0)
    }

    /// Whether these facts are known to pass the watermark `number` and all before it.
    pub(crate) fn has_passed(&self, number: u64) -> bool {
        self.passed.load(Ordering::Relaxed) >= number
    }

    /// Remembers that they pass. Never takes it back: watermarks only get larger.
    pub(crate) fn note_passed(&self, number: u64) {
        self.passed.fetch_max(number, Ordering::Relaxed);
    }

    /// Whether this check may start the early refresh: the first that asks. Each answer is
    /// refreshed early once; should that fail, the next check that needs a younger answer asks.
    pub(crate) fn claim_refresh(&self) -> bool {
        !self.refreshing.load(Ordering::Relaxed) && !self.refreshing.swap(true, Ordering::Relaxed)
    }
}

/// Whether a token is worth nothing without a proof.
fn is_bound(answer: &Introspection) -> bool {
    // Okta leaves open which of the two it sends for bound tokens; either will do.
    let is_dpop = |token_type: &String| token_type.eq_ignore_ascii_case("DPoP");
    answer.is_bound() || answer.token_type.as_ref().is_some_and(is_dpop)
}

fn nature(answer: &Introspection) -> Nature {
    match (answer.active, answer.is_access_token()) {
        (false, _) => Nature::Inactive,
        (true, true) => Nature::AccessToken,
        (true, false) => Nature::Other,
    }
}

fn own_texts(answer: &Introspection, jkt: Option<&str>) -> Texts {
    // In the order of their numbers.
    let own: [Option<&str>; Own::COUNT] = [
        answer.jti.as_deref(),
        answer.uid.as_deref(),
        answer.sub.as_deref(),
        answer.username.as_deref(),
        jkt,
        answer.device_id.as_deref(),
        answer.sid.as_deref(),
    ];
    Texts::new(own.into_iter().chain(answer.extra.values().map(Value::as_str)))
}

/// The thumbprint of a binding that says nothing else.
fn take_jkt(cnf: &mut Option<Confirmation>) -> Option<String> {
    let jkt = cnf.as_mut().filter(|cnf| cnf.extra.is_empty())?.jkt.take()?;
    *cnf = None;
    Some(jkt)
}

#[cfg(test)]
pub(crate) mod sample {
    //! Facts for the tests of the pure pieces.

    use super::*;
    use crate::clock::send_time::Timeline;
    use crate::clock::{Clock, SystemClock};
    use serde_json::json;

    pub(crate) fn introspection(members: Value) -> Introspection {
        let mut answer = json!({"active": true});
        for (name, value) in members.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        serde_json::from_value(answer).unwrap()
    }

    pub(crate) fn sent(number: u64) -> Sent {
        let now = SystemClock.monotonic();
        Sent { number, ..Timeline::new(now).sent(now) }
    }

    pub(crate) fn facts(answer: Introspection, sent: Sent, end: Option<DateTime<Utc>>) -> Facts {
        Facts::new(answer, sent, end, 0, &Interner::default())
    }

    pub(crate) fn active(number: u64) -> Known {
        Known::Active(Arc::new(facts(introspection(json!({})), sent(number), None)))
    }

    pub(crate) fn inactive(number: u64) -> Known {
        Known::Inactive(Refused { sent: sent(number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_two_ends_the_first_counts() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let facts = |exp: Value, own| {
            sample::facts(sample::introspection(json!({"exp": exp})), sample::sent(1), own)
        };
        for (exp, own) in
            [(json!(10), at(20)), (json!(20), at(10)), (json!(null), at(10)), (json!(10), None)]
        {
            let facts = facts(exp.clone(), own);
            for (now, expired) in [(9, false), (10, true), (11, true)] {
                assert_eq!(facts.has_expired(now), expired, "{exp} {own:?} {now}");
            }
            assert_eq!(facts.expires_at(), at(10), "{exp} {own:?}");
        }
        let (now, late) = (1_800_000_000, 99_999_999_999);
        assert!(facts(json!(-5), None).has_expired(now));
        assert!(!facts(json!(99_000_000_000_i64), None).has_expired(now));
        assert!(!facts(json!(null), None).has_expired(late));
        assert_eq!(facts(json!(null), None).expires_at(), None);
    }

    #[test]
    fn what_a_hit_looks_at_and_the_count_of_its_readers_fill_one_line_of_memory() {
        let counts = 2 * size_of::<usize>();
        assert!(counts + std::mem::offset_of!(Facts, own) <= 64);
        assert!(size_of::<Facts>() <= 80);
    }

    #[test]
    fn one_caller_refreshes() {
        let facts = sample::facts(sample::introspection(json!({})), sample::sent(1), None);
        assert!(facts.claim_refresh());
        assert!(!facts.claim_refresh());
    }
}
