//! What came of a run.

use std::time::Duration;

use okta_introspect::checker::AnswerSource;
use serde::{Deserialize, Serialize};

use crate::config::Kind;
use crate::time::Moment;

/// An answer that the contract does not allow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Violation {
    /// The seed of the run, which happens again with it.
    pub seed: u64,
    /// When, in true time of the run.
    pub at: Moment,
    /// Which instance.
    pub instance: usize,
    /// What is wrong.
    pub what: String,
}

/// A part of a run: one fault, what is before it, and what is after it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Window {
    /// Which fault.
    pub name: String,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    /// For how long the second level is not to be counted on.
    pub(crate) alone: Duration,
    /// Checks of each kind.
    pub(crate) checks: [u64; Kind::ALL.len()],
    /// Checks that were told nothing.
    pub unknown: u64,
    /// Answers "active", by their sources in the order of their names.
    pub sources: [u64; AnswerSource::NAMES.len()],
    /// Answers "inactive".
    pub inactive: u64,
    /// Calls to the server, but for those that it refused.
    pub calls: u64,
    /// Calls that it refused, or that failed.
    pub refused: u64,
    /// How many calls there can be by the arithmetic of `plan`, and how many are to be expected.
    pub planned: [f64; 2],
    /// Answers that the contract does not allow.
    pub violations: u64,
    /// How long after each revocation of which the log tells the token was last let in.
    pub lags: Vec<Duration>,
    /// The same of those of which it does not.
    pub untold_lags: Vec<Duration>,
    /// How long after the end of the fault all instances heard the log again.
    pub recovery: Option<Duration>,
    /// How often a look was left out although the store was well for two leases.
    pub left_alone: u64,
    /// Tokens that were new, tokens that a signal named, and how often everything was asked about
    /// again.
    pub(crate) new_tokens: u64,
    pub(crate) named: u64,
    pub(crate) gaps: u64,
}

impl Window {
    /// All checks.
    pub fn all_checks(&self) -> u64 {
        self.checks.iter().sum()
    }
}

/// Ages are counted in so many steps of [`AGE_STEP`].
pub(crate) const AGES: usize = 720;

pub(crate) const AGE_STEP: Duration = Duration::from_millis(500);

/// Calls are counted in steps of this.
pub(crate) const CALL_STEP: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) windows: Vec<Window>,
    pub(crate) violations: Vec<Violation>,
    /// Calls in each step.
    pub(crate) calls: Vec<u64>,
    /// How often answers of an age were given, for each source.
    pub(crate) ages: Vec<[u64; AnswerSource::NAMES.len()]>,
    /// Of all answers, to tell one run from another.
    pub(crate) digest: u64,
}

/// So many violations are told one by one.
const TOLD: usize = 20;

impl Record {
    pub(crate) fn new() -> Self {
        Self { ages: vec![[0; AnswerSource::NAMES.len()]; AGES], ..Self::default() }
    }

    pub(crate) fn begin(&mut self, name: &str, now: Moment) {
        self.end(now);
        self.windows.push(Window { name: name.to_owned(), from: now, ..Window::default() });
    }

    pub(crate) fn end(&mut self, now: Moment) {
        if let Some(window) = self.windows.last_mut() {
            window.to = now;
        }
    }

    pub(crate) fn window(&mut self) -> &mut Window {
        if self.windows.is_empty() {
            self.begin("start", Moment::default());
        }
        let last = self.windows.len() - 1;
        &mut self.windows[last]
    }

    pub(crate) fn called(&mut self, now: Moment) {
        self.window().calls += 1;
        let step = (now.seconds() / CALL_STEP.as_secs_f64()) as usize;
        if self.calls.len() <= step {
            self.calls.resize(step + 1, 0);
        }
        self.calls[step] += 1;
    }

    pub(crate) fn refused(&mut self, _now: Moment) {
        self.window().refused += 1;
    }

    pub(crate) fn yes(&mut self, source: AnswerSource, age: Duration) {
        let names = AnswerSource::NAMES.iter();
        let source = names.clone().position(|name| *name == source.as_str()).unwrap_or_default();
        self.window().sources[source] += 1;
        let step = (age.as_nanos() / AGE_STEP.as_nanos()) as usize;
        self.ages[step.min(AGES - 1)][source] += 1;
    }

    pub(crate) fn violated(&mut self, violation: Violation) {
        self.window().violations += 1;
        if self.violations.len() < TOLD {
            self.violations.push(violation);
        }
    }

    pub(crate) fn digest(&mut self, words: &[u64]) {
        for word in words {
            self.digest = (self.digest ^ word).wrapping_mul(0x0100_0000_01B3).rotate_left(23);
        }
    }
}
