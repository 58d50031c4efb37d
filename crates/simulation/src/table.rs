//! What came of all runs, by fault.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::record::Window;
use crate::run::Outcome;

/// What came of all runs, by fault. `Display` prints it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: BTreeMap<String, Row>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    checks: u64,
    unknown: u64,
    violations: u64,
    calls: u64,
    refused: u64,
    planned: [f64; 2],
    /// The largest ratio of calls to what is planned, in one run.
    worst: f64,
    lags: Vec<Duration>,
    untold_lag: Duration,
    recoveries: Vec<Duration>,
    /// How often the log was not heard again.
    unrecovered: u64,
    left_alone: u64,
}

impl Table {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        for window in &outcome.windows {
            self.rows.entry(window.name.clone()).or_default().add(window);
        }
    }

    /// All answers that the contract does not allow.
    pub fn violations(&self) -> u64 {
        self.rows.values().map(|row| row.violations).sum()
    }

    /// The largest ratio of calls to what is planned at most, in one window of one run.
    pub fn worst_ratio(&self) -> f64 {
        self.rows.values().map(|row| row.worst).fold(0.0, f64::max)
    }

    /// All lags, in order.
    pub(crate) fn lags(&self) -> BTreeMap<&str, Vec<Duration>> {
        let sorted = |lags: &[Duration]| {
            let mut lags = lags.to_vec();
            lags.sort_unstable();
            lags
        };
        self.rows.iter().map(|(name, row)| (&**name, sorted(&row.lags))).collect()
    }
}

impl Row {
    fn add(&mut self, window: &Window) {
        self.checks += window.all_checks();
        self.unknown += window.unknown;
        self.violations += window.violations;
        self.calls += window.calls;
        self.refused += window.refused;
        for (sum, part) in self.planned.iter_mut().zip(window.planned) {
            *sum += part;
        }
        self.worst = self.worst.max(window.calls as f64 / window.planned[0].max(1.0));
        self.lags.extend_from_slice(&window.lags);
        let untold = window.untold_lags.iter().copied().max().unwrap_or_default();
        self.untold_lag = self.untold_lag.max(untold);
        self.recoveries.extend(window.recovery);
        self.unrecovered += u64::from(window.recovery.is_none() && window.name != "start");
        self.left_alone += window.left_alone;
    }
}

/// Of a sorted list, in seconds.
fn quantile(sorted: &[Duration], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.saturating_sub(1)).map_or(0.0, Duration::as_secs_f64)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| fault | checks | no answer | violations | calls | planned: expected, most | worst ratio | \
             revocation lag p50, p99, max | not told: max | log heard again p50, max | left alone |\n\
             |---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for (name, row) in &self.rows {
            let (mut lags, mut recoveries) = (row.lags.clone(), row.recoveries.clone());
            lags.sort_unstable();
            recoveries.sort_unstable();
            let [lag_50, lag_99, lag_max] = [0.5, 0.99, 1.0].map(|part| quantile(&lags, part));
            let [heard, latest] = [0.5, 1.0].map(|part| quantile(&recoveries, part));
            let never = match row.unrecovered {
                0 => String::new(),
                times => format!(", {times} × not"),
            };
            writeln!(
                f,
                "| {name} | {} | {:.2} % | {} | {} (+{} refused) | {:.0}, {:.0} | {:.2} | \
                 {lag_50:.1} s, {lag_99:.1} s, {lag_max:.1} s | {:.1} s | {heard:.1} s, {latest:.1} s{never} | {} |",
                row.checks,
                row.unknown as f64 * 100.0 / row.checks.max(1) as f64,
                row.violations,
                row.calls,
                row.refused,
                row.planned[1],
                row.planned[0],
                row.worst,
                row.untold_lag.as_secs_f64(),
                row.left_alone,
            )?;
        }
        Ok(())
    }
}
