//! How often a token is asked about.

use std::time::Duration;

use super::given::Plan;

/// How many calls there are.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::plan::Plan;
///
/// let calls = Plan::new(1000, Duration::from_secs(60)).estimate()?.calls;
/// assert!(calls.least <= calls.expected && calls.expected <= calls.most);
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calls {
    /// If every answer is used as long as it may be.
    pub least: f64,
    /// On average.
    pub expected: f64,
    /// No more than that, as long as the server answers. Calls that fail are made again by whoever needs
    /// an answer.
    pub most: f64,
}

/// A minute in seconds.
pub(super) const MINUTE: f64 = 60.0;

/// After which part of its time an answer is replaced, at the earliest and at the latest, if it is in
/// use then.
pub(super) struct Cycle {
    bound: Duration,
    first: f64,
    last: f64,
}

impl Cycle {
    /// As the checker does it: without refreshes ahead at the end, with them in a window before it
    /// that is half as wide where answers are extended.
    pub(super) fn of(plan: &Plan) -> Self {
        let bound = if plan.extends() { plan.extension_limit } else { plan.max_age };
        let (first, last) = match (plan.refresh_ahead, plan.extends()) {
            (false, _) => (1.0, 1.0),
            (true, false) => (0.9, 0.95),
            (true, true) => (0.95, 0.975),
        };
        Self { bound, first, last }
    }

    /// When an answer is replaced on average, in seconds. Of many instances that share one, the first
    /// does it, and the others see that.
    pub(super) fn mean(&self, plan: &Plan) -> f64 {
        let many = if plan.shared { plan.instances as f64 } else { 1.0 };
        self.at(self.first + (self.last - self.first) / (many + 1.0))
    }

    fn at(&self, part: f64) -> f64 {
        self.bound.as_secs_f64() * part
    }

    /// Calls a minute.
    pub(super) fn calls(&self, plan: &Plan) -> Calls {
        let askers = if plan.shared { 1.0 } else { plan.instances as f64 };
        let tokens = plan.tokens as f64;
        // A token is asked about at the first check after its answer is due.
        let wait = plan.checks.map_or(0.0, |checks| MINUTE * askers / checks);
        let every = |seconds: f64| tokens * askers * MINUTE / (seconds + wait);
        let most = tokens * askers * MINUTE / self.at(self.first) * races(plan);
        let checks = plan.checks.map_or(f64::INFINITY, |checks| tokens * checks);
        Calls {
            least: every(self.at(self.last)),
            expected: every(self.mean(plan)),
            most: most.min(checks),
        }
    }
}

/// How many calls for one token that instances share can be under way at once: the claim to ask for
/// it ends before a slow answer comes.
fn races(plan: &Plan) -> f64 {
    if plan.shared { 2.0 } else { 1.0 }
}

/// Calls when nothing is known of any token.
pub(super) fn cold(plan: &Plan) -> Calls {
    let tokens = plan.tokens as f64;
    if plan.shared {
        return Calls { least: tokens, expected: tokens, most: tokens * races(plan) };
    }
    // Rarely presented, a token comes to few instances before its answer would be due again.
    let instances = plan.instances as f64;
    let within = Cycle::of(plan).bound.as_secs_f64() / MINUTE;
    let seen = |checks: f64| instances * (1.0 - (-checks * within / instances).exp());
    let expected = tokens * plan.checks.map_or(instances, seen);
    Calls { least: tokens.min(expected), expected, most: tokens * instances }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::SignalMode;

    const BOUND: Duration = Duration::from_secs(30);

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1.0)
    }

    #[test]
    fn a_token_costs_a_call_for_each_bound_and_instance() {
        let mut plan = Plan { refresh_ahead: false, ..Plan::new(1000, BOUND) };
        for instances in [1, 10] {
            plan.instances = instances;
            let calls = plan.calls();
            for count in [calls.least, calls.expected, calls.most] {
                assert!(close(count, 2000.0 * instances as f64), "{calls:?}");
            }
        }
    }

    #[test]
    fn refreshes_ahead_cost_up_to_a_ninth_more() {
        let calls = Plan::new(1000, BOUND).calls();
        assert!(close(calls.least, 2000.0 / 0.95), "{calls:?}");
        assert!(close(calls.expected, 2000.0 / 0.925), "{calls:?}");
        assert!(close(calls.most, 2000.0 / 0.9), "{calls:?}");
    }

    #[test]
    fn instances_that_share_are_one_and_may_race() {
        let plan = Plan { instances: 9, shared: true, ..Plan::new(1000, BOUND) };
        let calls = plan.calls();
        assert!(close(calls.expected, 2000.0 / 0.905), "the first of ten: {calls:?}");
        assert!(close(calls.most, 2.0 * 2000.0 / 0.9), "{calls:?}");
        let alone = plan.estimate().unwrap().without_shared.unwrap();
        assert!(close(alone.expected, 9.0 * 2000.0 / 0.925), "{alone:?}");
    }

    #[test]
    fn a_token_that_is_rarely_presented_is_asked_about_at_most_each_time() {
        let plan = Plan { instances: 1000, checks: Some(6.0), ..Plan::new(10, BOUND) };
        let calls = plan.calls();
        assert!(close(calls.most, 60.0), "{calls:?}");
        assert!(calls.expected > 59.0 && calls.expected < 60.0, "{calls:?}");
        let shared = Plan { shared: true, ..plan }.calls();
        // Due after 27 s, and then presented within 10 s.
        assert!((shared.expected - 600.0 / 37.0).abs() < 0.1, "{shared:?}");
    }

    #[test]
    fn extended_answers_are_replaced_before_the_hard_bound() {
        let mut plan = Plan { signals: SignalMode::Extend, ..Plan::new(1000, BOUND) };
        assert!(close(plan.calls().most, 1000.0 / (5.0 * 0.95)), "{:?}", plan.calls());
        let without = plan.estimate().unwrap().without_signals.unwrap();
        assert!(close(without.most, 2000.0 / 0.9), "{without:?}");
        // What is told too late extends nothing.
        plan.interval = BOUND;
        assert!(close(plan.calls().most, 2000.0 / 0.9), "{:?}", plan.calls());
        assert_eq!(plan.estimate().unwrap().without_signals, None);
    }

    #[test]
    fn a_cold_start_asks_once_for_each_token_and_instance_that_sees_it() {
        let mut plan = Plan { instances: 100, ..Plan::new(10, BOUND) };
        assert_eq!(cold(&plan).expected, 1000.0);
        plan.checks = Some(2.0);
        assert!(cold(&plan).expected < 10.0 && cold(&plan).most == 1000.0, "{:?}", cold(&plan));
        plan.shared = true;
        assert_eq!(cold(&plan), Calls { least: 10.0, expected: 10.0, most: 20.0 });
    }
}
