//! What to change where calls do not fit.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use super::calls::Calls;
use super::given::Plan;
use crate::checker::SignalMode;

/// A change that would help, with the calls a minute to be expected then. `Display` says it to people.
///
/// # Example
///
/// ```
/// use okta_introspect::plan::Advice;
///
/// let advice = Advice::RaiseLimit(2400);
/// assert_eq!(advice.to_string(), "have the rate limit raised to 2400 calls a minute for this app");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// Let the instances share a store.
    Share {
        /// Calls a minute then.
        calls: f64,
    },
    /// Let signals extend answers.
    Extend {
        /// Calls a minute then.
        calls: f64,
    },
    /// Both, where neither alone makes enough room.
    ShareAndExtend {
        /// Calls a minute then.
        calls: f64,
    },
    /// Let signals extend answers for longer, where no smaller change makes enough room.
    ExtendTo {
        /// The shortest hard bound that fits.
        limit: Duration,
        /// Whether the instances are to share a store, too.
        share: bool,
    },
    /// Allow older answers: the shortest bound that fits.
    RaiseMaxAge(Duration),
    /// Allow extended answers to be older: the shortest hard bound that fits.
    RaiseExtensionLimit(Duration),
    /// Ask Okta for a higher limit, or take more of it for this app: calls a minute.
    RaiseLimit(u64),
    /// Ask the log less often, or share the stream: the shortest interval within its limit.
    RaiseInterval(Duration),
    /// Signals come later than answers get too old, so that none is ever extended: a `max_age` above
    /// this one lets them.
    OutliveSignals(Duration),
}

/// The longest span that a plan has room for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn on(plan: &Plan, calls: Calls, room: f64) -> Vec<Advice> {
    let mut advice = Vec::new();
    if plan.signals == SignalMode::Extend && plan.max_age <= plan.signals_within() {
        advice.push(Advice::OutliveSignals(plan.signals_within()));
    }
    if calls.expected > room {
        advice.extend(less(plan, room));
    }
    advice.extend(interval(plan));
    advice
}

/// What makes for fewer calls, the fewest first, and then what makes room.
fn less(plan: &Plan, room: f64) -> Vec<Advice> {
    let now = plan.calls().expected;
    let with = |shared, signals| Plan { shared, signals, ..plan.clone() };
    let shares = !plan.shared && plan.instances > 1;
    let extends = !plan.extends() && with(plan.shared, SignalMode::Extend).extends();
    let mut changes = Vec::new();
    if extends {
        let calls = with(plan.shared, SignalMode::Extend).calls().expected;
        changes.push(Advice::Extend { calls });
    }
    if shares {
        changes.push(Advice::Share { calls: with(true, plan.signals).calls().expected });
    }
    if shares && extends && changes.iter().all(|change| change.calls() > Some(room)) {
        let calls = with(true, SignalMode::Extend).calls().expected;
        changes.push(Advice::ShareAndExtend { calls });
    }
    changes.retain(|change| change.calls() < Some(now));
    changes.sort_by(|a, b| a.calls().partial_cmp(&b.calls()).unwrap_or(Ordering::Equal));
    if extends && changes.iter().all(|change| change.calls() > Some(room)) {
        let plan = with(plan.shared || shares, SignalMode::Extend);
        let limit = shortest(room, |limit| Plan { extension_limit: limit, ..plan.clone() });
        changes.extend(limit.map(|limit| Advice::ExtendTo { limit, share: shares }));
    }
    changes.extend(longer(plan, room));
    let limit = now * 100.0 / f64::from(plan.share_percent);
    changes.push(Advice::RaiseLimit(limit.ceil() as u64)); // the cast saturates
    changes
}

/// What the bound in force would have to be.
fn longer(plan: &Plan, room: f64) -> Option<Advice> {
    match plan.extends() {
        true => shortest(room, |bound| Plan { extension_limit: bound, ..plan.clone() })
            .map(Advice::RaiseExtensionLimit),
        false => {
            shortest(room, |bound| Plan { max_age: bound, ..plan.clone() }).map(Advice::RaiseMaxAge)
        }
    }
}

/// The shortest bound with which a plan fits, to the second.
fn shortest(room: f64, with: impl Fn(Duration) -> Plan) -> Option<Duration> {
    let fits = |seconds| with(Duration::from_secs(seconds)).calls().expected <= room;
    let (mut low, mut high) = (1, LONGEST.as_secs());
    if !fits(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { high = middle } else { low = middle + 1 }
    }
    Some(Duration::from_secs(high))
}

fn interval(plan: &Plan) -> Option<Advice> {
    let log = plan.log().filter(|log| !log.fits)?;
    let seconds = plan.interval.as_secs_f64() * log.calls / plan.log_limit as f64;
    Some(Advice::RaiseInterval(Duration::from_secs(seconds.ceil() as u64))) // the cast saturates
}

impl Advice {
    /// A name for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Share { .. } => "share",
            Self::Extend { .. } => "extend",
            Self::ShareAndExtend { .. } => "share_and_extend",
            Self::ExtendTo { .. } => "extend_to",
            Self::RaiseMaxAge(_) => "raise_max_age",
            Self::RaiseExtensionLimit(_) => "raise_extension_limit",
            Self::RaiseLimit(_) => "raise_limit",
            Self::RaiseInterval(_) => "raise_interval",
            Self::OutliveSignals(_) => "outlive_signals",
        }
    }

    /// Calls a minute to be expected then, where it is about that.
    pub fn calls(self) -> Option<f64> {
        match self {
            Self::Share { calls } | Self::Extend { calls } | Self::ShareAndExtend { calls } => {
                Some(calls)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share { calls } => {
                write!(f, "let the instances share a store: {calls:.0} calls a minute")
            }
            Self::Extend { calls } => {
                write!(f, "let signals extend answers: {calls:.0} calls a minute")
            }
            Self::ShareAndExtend { calls } => write!(
                f,
                "let the instances share a store, and signals extend answers: {calls:.0} calls a \
                 minute"
            ),
            Self::ExtendTo { limit, share } => {
                let limit = Span(*limit);
                match share {
                    true => write!(
                        f,
                        "let the instances share a store, and signals extend answers up to {limit}"
                    ),
                    false => write!(f, "let signals extend answers up to {limit}"),
                }
            }
            Self::RaiseMaxAge(bound) => write!(f, "allow answers to be {} old", Span(*bound)),
            Self::RaiseExtensionLimit(bound) => {
                write!(f, "allow extended answers to be {} old", Span(*bound))
            }
            Self::RaiseLimit(limit) => {
                write!(f, "have the rate limit raised to {limit} calls a minute for this app")
            }
            Self::RaiseInterval(interval) => write!(
                f,
                "ask the log every {} s, or let one instance ask it for all over a shared store",
                interval.as_secs()
            ),
            Self::OutliveSignals(bound) => write!(
                f,
                "allow answers to be older than {} s, or ask the log more often: signals come too \
                 late to extend any",
                bound.as_secs_f64()
            ),
        }
    }
}

/// Whole seconds, in hours, minutes and what is left.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
        let texts: Vec<_> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        f.write_str(&texts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(plan: &Plan) -> Vec<&'static str> {
        plan.estimate().unwrap().advice.into_iter().map(Advice::as_str).collect()
    }

    fn plan() -> Plan {
        Plan { instances: 100, ..Plan::new(1000, Duration::from_secs(30)) }
    }

    #[test]
    fn nothing_is_advised_where_all_fits() {
        assert!(names(&Plan::new(10, Duration::from_secs(30))).is_empty());
    }

    #[test]
    fn the_most_effective_comes_first() {
        // With a hundred instances, extension leaves a tenth of the calls, and sharing a hundredth.
        let all = ["share_and_extend", "share", "extend", "raise_max_age", "raise_limit"];
        assert_eq!(names(&plan()), all);
        let two = Plan { instances: 2, ..plan() };
        assert_eq!(names(&two), ["extend", "share", "raise_max_age", "raise_limit"]);
    }

    #[test]
    fn the_bound_that_is_advised_is_the_shortest_that_fits() {
        for plan in [plan(), Plan { signals: SignalMode::Extend, interval: MINUTE, ..plan() }] {
            let estimate = plan.estimate().unwrap();
            let bound = estimate.advice.iter().find_map(|advice| match advice {
                Advice::RaiseMaxAge(bound) => Some(*bound),
                _ => None,
            });
            let bound = bound.unwrap();
            let with = |max_age| Plan { max_age, ..plan.clone() }.calls().expected;
            let plan_fits = with(bound) <= estimate.room;
            assert!(plan_fits && with(bound - SECOND) > estimate.room, "{bound:?}");
        }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_fits_within_no_bound_gets_no_bound() {
        let huge = Plan { instances: 1_000_000, ..plan() };
        assert_eq!(names(&huge), ["share_and_extend", "share", "extend", "raise_limit"]);
    }

    #[test]
    fn where_no_change_alone_is_enough_the_one_that_is_is_reckoned() {
        let many = Plan { instances: 40, limit: 2000, ..Plan::new(20_000, 30 * SECOND) };
        let estimate = many.estimate().unwrap();
        let calls = |advice: &Advice| advice.calls().is_none_or(|calls| calls > estimate.room);
        assert!(estimate.advice.iter().all(calls), "{:?}", estimate.advice);
        for (plan, shares) in [
            (many.clone(), true),
            (Plan { shared: true, ..many.clone() }, false),
            (Plan { instances: 1, ..many.clone() }, false),
        ] {
            let estimate = plan.estimate().unwrap();
            let found = estimate.advice.iter().find_map(|advice| match advice {
                Advice::ExtendTo { limit, share } => Some((*limit, *share)),
                _ => None,
            });
            let (limit, share) = found.unwrap();
            assert_eq!(share, shares);
            let with = |limit| Plan {
                shared: plan.shared || share,
                signals: SignalMode::Extend,
                extension_limit: limit,
                ..plan.clone()
            };
            assert!(with(limit).calls().expected <= estimate.room);
            assert!(with(limit - SECOND).calls().expected > estimate.room);
        }
        assert!(!names(&Plan { tokens: 100, ..many }).contains(&"extend_to"));
    }

    #[test]
    fn spans_are_told_in_the_units_that_they_have() {
        for (seconds, text) in [(1, "1 s"), (60, "1 min"), (3600, "1 h"), (28_829, "8 h 29 s")] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn each_instance_that_reads_the_log_counts_against_its_limit() {
        let plan = Plan { tokens: 1, signals: SignalMode::Purge, ..plan() };
        let estimate = plan.estimate().unwrap();
        assert_eq!(estimate.advice, [Advice::RaiseInterval(Duration::from_secs(100))]);
        assert!(names(&Plan { shared: true, ..plan }).is_empty());
    }

    #[test]
    fn signals_that_come_too_late_are_told() {
        let plan = Plan { signals: SignalMode::Extend, ..Plan::new(1, 3 * SECOND) };
        assert_eq!(names(&plan), ["outlive_signals"]);
        assert!(names(&Plan { max_age: 4 * SECOND, ..plan }).is_empty());
    }
}
