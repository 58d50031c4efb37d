//! The second level: a call looks into the store that instances share, and claims the right to ask,
//! before it asks the server.
//!
//! What is found there is dated by the store, never later than it was asked for, and held against
//! the bounds of all that wait and against what was declared invalid here, as an answer of the server
//! is. A store that fails costs its budget, and then the server is asked as if there were none.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::checker::CheckerConfig;
use crate::checker::cache::facts::Known;
use crate::checker::call::{Call, Looked};
use crate::checker::second_level::SecondLevel;
use crate::clock::later;
use crate::oauth::introspect::Introspection;
use crate::shared::{Answer, CLAIM, Claim, EntryName};

/// The pauses between looks while another instance asks begin with this, and double.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// A store that says nothing is tried again, after about so long each time. What holds it up for a
/// moment does so for many instances, and all of them would ask.
const HELD_UP: [Duration; 2] = [Duration::from_millis(80), Duration::from_millis(160)];

/// Of what a check can wait, so many parts are one that it waits for another instance.
const PARTS: u32 = 3;

impl Call {
    /// Looks for an answer until there is one, this call is the one that is to ask, or it has waited
    /// long enough for another that is.
    pub(super) async fn look(&self, level: &SecondLevel) -> Looked {
        let Some(name) = level.name(&self.passed.token) else {
            return Looked::Nothing;
        };
        let (begun, mut pause) = (self.now(), FIRST_PAUSE);
        let (mut has_let_be, mut held_up) = (false, HELD_UP.iter());
        loop {
            if self.demand.is_for_now() {
                return Looked::Nothing;
            }
            let (looked_at, wait_left) = (self.now(), self.wait_left());
            if let Some(known) = self.look_once(level, &name, wait_left).await {
                return Looked::Found(known);
            }
            let used = self.now().saturating_duration_since(looked_at);
            let claim = level.claim(&self.inner.clock, &name, wait_left, used).await;
            let (now, patience) = (self.now(), self.patience(begun));
            match claim {
                Claim::Granted => return Looked::Nothing,
                Claim::Unanswered => {
                    let next = held_up.next().map(|pause| later(now, self.jittered(*pause)));
                    match next.filter(|next| *next < patience) {
                        Some(next) => self.pause(next).await,
                        None => return Looked::Nothing,
                    }
                }
                Claim::Taken if self.demand.is_awaited() => {
                    if now >= patience {
                        return Looked::Nothing;
                    }
                    self.pause(patience.min(later(now, self.jittered(pause)))).await;
                    pause = LONGEST_PAUSE.min(2 * pause);
                }
                Claim::Taken if !has_let_be => {
                    // Nobody waits: the other instance refreshes it for this one too.
                    has_let_be = true;
                    self.pause(later(now, CLAIM)).await;
                }
                Claim::Taken if self.demand.close() => return Looked::LetBe,
                Claim::Taken => {}
            }
        }
    }

    /// Puts an answer of the server where the others find it.
    pub(super) fn share(&self, level: &SecondLevel, answer: &Introspection, asked_at: Instant) {
        let ttl = self.ttl(answer);
        let name = level.name(&self.passed.token);
        if let (Some(name), false) = (name, ttl.is_zero()) {
            level.put(&self.inner.clock, &name, answer, asked_at, ttl);
        }
    }

    /// For how long an answer can be of use to anybody.
    fn ttl(&self, answer: &Introspection) -> Duration {
        let config = &self.inner.config;
        if !answer.active {
            return config.inactive_max_age.min(config.max_age_limit);
        }
        let longest = config.max_age_limit.saturating_add(config.stale_if_error);
        let ends = answer.exp.into_iter().chain(self.passed.own_end).min();
        let left = ends.map(|end| (end - self.inner.clock.now()).to_std().unwrap_or_default());
        left.map_or(longest, |left| left.min(longest))
    }

    async fn look_once(
        &self,
        level: &SecondLevel,
        name: &EntryName,
        wait_left: Duration,
    ) -> Option<Known> {
        let found = OnceLock::new();
        let takes = |answer: &Answer| self.takes(answer, &found);
        level.look(&self.inner.clock, name, wait_left, takes).await?;
        found.into_inner()
    }

    /// Takes an answer from the store, if it does for all that wait. One that is too old for them
    /// is remembered all the same: the server may fail.
    fn takes(&self, answer: &Answer, found: &OnceLock<Known>) -> bool {
        let Some(known) = self.dated(answer) else { return false };
        if !self.demand.take(&known) {
            self.inner.flights.learn(self.key, &known, &self.inner.cache);
            return false;
        }
        if let Known::Inactive(refused) = &known {
            self.note_end(refused.sent);
        }
        found.set(known).is_ok()
    }

    /// What is known by an answer from the store, if that tells more than is known here.
    fn dated(&self, answer: &Answer) -> Option<Known> {
        let (inner, asked_at) = (&self.inner, answer.asked_at);
        let age = self.now().checked_duration_since(asked_at)?;
        let longest = inner.config.max_age_limit.saturating_add(CheckerConfig::MAX_STALE_IF_ERROR);
        if age > longest || inner.timeline.instant(inner.timeline.ticks(asked_at)) != asked_at {
            return None;
        }
        // Its number is one of now, although it was asked for earlier: before the look at what was
        // declared invalid, so that whatever is not seen there has a later one.
        let sent = inner.timeline.sent(asked_at);
        let is_known = |cached: Known| cached.sent().at >= sent.at;
        if inner.cache.get(self.key).is_some_and(is_known) {
            return None;
        }
        let known = self.known(answer.introspection.clone(), sent);
        let invalid = inner.watermarks.invalidated_since(&self.about(), &known, asked_at);
        (!invalid).then_some(known)
    }

    fn now(&self) -> Instant {
        self.inner.clock.monotonic()
    }

    fn wait_left(&self) -> Duration {
        self.demand.deadline().saturating_duration_since(self.now())
    }

    /// Until when this call waits for another instance.
    fn patience(&self, begun: Instant) -> Instant {
        later(begun, self.demand.deadline().saturating_duration_since(begun) / PARTS)
    }

    /// Half of a pause, up to half more than it.
    fn jittered(&self, pause: Duration) -> Duration {
        (pause / 2).saturating_add(pause.mul_f64(self.inner.random.fraction()))
    }

    /// Waits, until it becomes urgent at most.
    async fn pause(&self, until: Instant) {
        tokio::select! {
            biased;
            () = self.inner.clock.sleep_until(until) => {}
            () = self.demand.is_urgent() => {}
        }
    }
}
