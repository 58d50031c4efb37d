//! How late a revocation is seen.

use std::time::Duration;

use super::calls::Cycle;
use super::given::Plan;
use crate::checker::SignalMode;

/// How late an instance sees that a token was revoked elsewhere. A check that has to wait for the server
/// ends later than it began, by its timeout at most; that comes on top.
///
/// # Example: signals are what makes it short
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::checker::SignalMode;
/// use okta_introspect::plan::Plan;
///
/// let mut plan = Plan::new(1000, Duration::from_secs(30));
/// let without = plan.estimate()?.lag;
/// plan.signals = SignalMode::Purge;
/// assert!(plan.estimate()?.lag.p99 < without.median);
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lag {
    /// Of half of them.
    pub median: Duration,
    /// Of 99 in 100.
    pub p99: Duration,
    /// Of all, also if no signal comes in time: `max_age`; and where answers are extended, `max_age` and
    /// how late the log tells.
    pub bound: Duration,
    /// Of what ends without an event in the log, such as when an assignment is removed. More than
    /// `bound` only where answers are extended.
    pub unsaid: Duration,
}

pub(super) fn of(plan: &Plan) -> Lag {
    let told = plan.max_age.saturating_add(plan.log_lag).min(plan.extension_limit);
    let (bound, unsaid) = match plan.extends() {
        true => (told, plan.extension_limit),
        false => (plan.max_age, plan.max_age),
    };
    let seen = Seen::of(plan);
    Lag { median: seen.after(0.5), p99: seen.after(0.01), bound, unsaid }
}

/// What can bring the news to an instance, in seconds: its own next question, which comes at a random
/// moment of its cycle, or the log, which is asked at a random moment of its interval. The earlier counts.
struct Seen {
    cycle: f64,
    log: Option<(f64, f64)>,
}

impl Seen {
    fn of(plan: &Plan) -> Self {
        let log = (plan.log_lag.as_secs_f64(), plan.interval.as_secs_f64());
        let log = Some(log).filter(|_| plan.signals != SignalMode::Off);
        Self { cycle: Cycle::of(plan).mean(plan), log }
    }

    /// Which part of revocations is not seen after so long.
    fn unseen(&self, seconds: f64) -> f64 {
        let own = 1.0 - seconds / self.cycle;
        let told = self.log.map_or(1.0, |(lag, interval)| 1.0 - (seconds - lag) / interval);
        own.clamp(0.0, 1.0) * told.clamp(0.0, 1.0)
    }

    /// After how long no more than this part is unseen.
    fn after(&self, part: f64) -> Duration {
        let (mut low, mut high) = (0.0, self.cycle);
        for _ in 0..64 {
            let middle = f64::midpoint(low, high);
            match self.unseen(middle) > part {
                true => low = middle,
                false => high = middle,
            }
        }
        // To the millisecond; at most a day.
        Duration::from_millis((high * 1000.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(lag: Lag) -> [u128; 4] {
        [lag.median, lag.p99, lag.bound, lag.unsaid].map(|span| span.as_millis())
    }

    fn plan() -> Plan {
        Plan { refresh_ahead: false, ..Plan::new(1000, Duration::from_secs(30)) }
    }

    #[test]
    fn without_signals_it_is_a_random_part_of_the_bound() {
        assert_eq!(millis(of(&plan())), [15_000, 29_700, 30_000, 30_000]);
    }

    #[test]
    fn with_signals_it_is_the_log_s_own_and_a_random_part_of_the_interval() {
        let plan = Plan { signals: SignalMode::Purge, ..plan() };
        let lag = of(&plan);
        // Half of the interval, a little less for what is asked about anyway.
        assert!((1_850..2_000).contains(&lag.median.as_millis()), "{lag:?}");
        assert!((2_900..3_000).contains(&lag.p99.as_millis()), "{lag:?}");
        assert_eq!(millis(lag)[2..], [30_000, 30_000]);
    }

    #[test]
    fn what_is_extended_ends_at_the_hard_bound_if_nothing_is_said() {
        let plan = Plan { signals: SignalMode::Extend, ..plan() };
        assert_eq!(millis(of(&plan))[2..], [31_000, 300_000]);
        let late = Plan { interval: Duration::from_secs(60), ..plan };
        assert_eq!(millis(of(&late))[2..], [30_000, 30_000], "nothing is extended");
    }
}
