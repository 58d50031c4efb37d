//! The server: it knows the truth, has a rate limit, and fails.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use okta_introspect::checker::{Answered, SendTime, Upstream};
use okta_introspect::{
    BoxFuture, Clock, Error, ErrorKind, Introspection, Issuer, Remaining, Token,
};
use serde_json::json;

use crate::dice::Dice;
use crate::time::{EPOCH, InstanceClock, Moment};
use crate::truth::TokenId;
use crate::world::World;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OktaFaults {
    /// Which part of calls fails.
    pub(crate) errors: f64,
    /// How many calls a minute it takes.
    pub(crate) limit: u64,
    pub(crate) round_trip: (Duration, Duration),
}

impl OktaFaults {
    pub(crate) fn none(limit: u64) -> Self {
        let round_trip = (Duration::from_millis(40), Duration::from_millis(250));
        Self { errors: 0.0, limit, round_trip }
    }
}

/// Its window of one minute.
#[derive(Debug, Default)]
pub(crate) struct RateWindow {
    minute: u64,
    used: u64,
}

const MINUTE: u64 = 60_000_000_000;

impl RateWindow {
    /// Counts a call; what is left, or `None` if it is refused.
    fn take(&mut self, now: Moment, limit: u64) -> Option<u64> {
        let minute = now.0 / MINUTE;
        if minute != self.minute {
            (self.minute, self.used) = (minute, 0);
        }
        if self.used >= limit {
            return None;
        }
        self.used += 1;
        Some(limit - self.used)
    }

    fn ends(now: Moment) -> Moment {
        Moment((now.0 / MINUTE + 1) * MINUTE)
    }
}

/// The server as one instance calls it.
pub(crate) struct OktaLink {
    world: Arc<World>,
    issuer: Issuer,
    clock: InstanceClock,
    dice: Dice,
    /// What the last answer said of the rate limit, and until when that holds.
    known: Mutex<Option<(u64, u64, Moment)>>,
}

impl OktaLink {
    pub(crate) fn new(
        world: &Arc<World>,
        issuer: Issuer,
        clock: InstanceClock,
        dice: Dice,
    ) -> Self {
        let world = Arc::clone(world);
        Self { world, issuer, clock, dice, known: Mutex::new(None) }
    }

    async fn ask(&self, token: &Token) -> Result<Introspection, Error> {
        let (time, faults) = (&self.world.time, self.world.okta_faults());
        time.pass(self.dice.span(faults.round_trip) / 2).await;
        let answer = self.judge(token.expose(), faults);
        time.pass(self.dice.span(faults.round_trip) / 2).await;
        self.clock.going().await;
        answer
    }

    /// What the server does at one moment.
    fn judge(&self, token: &str, faults: OktaFaults) -> Result<Introspection, Error> {
        let now = self.world.time.now();
        if self.dice.chance(faults.errors) {
            self.world.with_record(|record| record.refused(now));
            return Err(Error::from_upstream(ErrorKind::Unreachable, "503", None));
        }
        let left = self.world.with_window(|window| window.take(now, faults.limit));
        let ends = RateWindow::ends(now);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((faults.limit, left.unwrap_or_default(), ends));
        if left.is_none() {
            self.world.with_record(|record| record.refused(now));
            let wait = ends.since(now);
            return Err(Error::from_upstream(ErrorKind::RateLimited, "429", Some(wait)));
        }
        self.world.with_record(|record| record.called(now));
        let token = TokenId::of_text(token);
        let is_active = |token| self.world.with_truth(|truth| truth.is_active(token, now));
        answer(token.filter(|token| is_active(*token)), now)
    }
}

/// What the server says: `sub` tells when it looked.
fn answer(token: Option<TokenId>, now: Moment) -> Result<Introspection, Error> {
    let said = match token {
        None => json!({ "active": false }),
        Some(token) => json!({
            "active": true,
            "sub": now.0.to_string(),
            "jti": token.jti(),
            "uid": format!("00u{}", token.place % 50),
            "username": "user@acme.example",
            "client_id": "0oa1",
            "scope": "orders.read",
            "token_type": "Bearer",
            "exp": EPOCH + 4 * 3600,
        }),
    };
    serde_json::from_value(said)
        .map_err(|_| Error::from_upstream(ErrorKind::Malformed, "no introspection", None))
}

impl Upstream for OktaLink {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let sent = send_time.record(self.clock.monotonic());
            Ok(Answered { introspection: self.ask(token).await?, sent })
        })
    }

    fn shared_as(&self) -> Option<String> {
        Some("0oa1".to_owned())
    }

    fn remaining(&self, _now: Instant) -> Option<Remaining> {
        let now = self.world.time.now();
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (limit, left, until) = known.filter(|(.., until)| now < *until)?;
        Some(Remaining::new(limit, left, until.since(now)))
    }
}

impl fmt::Debug for OktaLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OktaLink").finish_non_exhaustive()
    }
}
