//! What comes of a plan, for people and for machines.

use std::time::Duration;

use okta_introspect::plan::{Advice, Calls, Estimate, Fit, Lag, LogLoad, Plan, StoreLoad};
use serde::Serialize;

use crate::text::human;

/// The names are stable. Calls are calls a minute, but for `cold`, which are so many at once.
#[derive(Serialize)]
pub(super) struct PlanJson {
    fits: &'static str,
    calls: CallsJson,
    room: f64,
    refused: f64,
    without_signals: Option<CallsJson>,
    without_shared: Option<CallsJson>,
    cold: CallsJson,
    warm_up_ms: u64,
    log: Option<LogJson>,
    lag_ms: LagJson,
    store: Option<StoreJson>,
    advice: Vec<AdviceJson>,
}

#[derive(Serialize)]
struct CallsJson {
    least: f64,
    expected: f64,
    most: f64,
}

#[derive(Serialize)]
struct LogJson {
    calls: f64,
    fits: bool,
}

#[derive(Serialize)]
struct LagJson {
    median: u64,
    p99: u64,
    bound: u64,
    unsaid: u64,
}

#[derive(Serialize)]
struct StoreJson {
    operations_per_second: f64,
    bytes: u64,
}

#[derive(Serialize)]
struct AdviceJson {
    what: &'static str,
    text: String,
    calls: Option<f64>,
}

pub(super) fn json(estimate: &Estimate) -> PlanJson {
    PlanJson {
        fits: estimate.fit.as_str(),
        calls: estimate.calls.into(),
        room: rounded(estimate.room),
        refused: (estimate.refused * 1000.0).round() / 1000.0,
        without_signals: estimate.without_signals.map(Into::into),
        without_shared: estimate.without_shared.map(Into::into),
        cold: estimate.cold.into(),
        warm_up_ms: millis(estimate.warm_up),
        log: estimate.log.map(|LogLoad { calls, fits }| LogJson { calls: rounded(calls), fits }),
        lag_ms: estimate.lag.into(),
        store: estimate.store.map(|StoreLoad { operations, bytes }| StoreJson {
            operations_per_second: rounded(operations),
            bytes,
        }),
        advice: estimate.advice.iter().map(|advice| (*advice).into()).collect(),
    }
}

impl From<Calls> for CallsJson {
    fn from(calls: Calls) -> Self {
        let [least, expected, most] = [calls.least, calls.expected, calls.most].map(rounded);
        Self { least, expected, most }
    }
}

impl From<Lag> for LagJson {
    fn from(lag: Lag) -> Self {
        let [median, p99, bound, unsaid] = [lag.median, lag.p99, lag.bound, lag.unsaid].map(millis);
        Self { median, p99, bound, unsaid }
    }
}

impl From<Advice> for AdviceJson {
    fn from(advice: Advice) -> Self {
        let calls = advice.calls().map(rounded);
        Self { what: advice.as_str(), text: advice.to_string(), calls }
    }
}

pub(super) fn text(plan: &Plan, estimate: &Estimate) -> String {
    let mut lines = vec![
        ("calls", calls(&estimate.calls)),
        (
            "room",
            format!(
                "{} a minute, {} % of {}",
                count(estimate.room),
                plan.share_percent,
                plan.limit
            ),
        ),
        ("fits", fit(estimate)),
    ];
    if let Some(without) = &estimate.without_signals {
        lines.push(("without signals", calls(without)));
    }
    if let Some(without) = &estimate.without_shared {
        lines.push(("without shared store", calls(without)));
    }
    lines.push(("cold start", cold(estimate)));
    if let Some(log) = &estimate.log {
        let verdict = if log.fits { "within" } else { "more than" };
        let calls = count(log.calls);
        lines.push((
            "log",
            format!("{calls} calls a minute, {verdict} its limit of {}", plan.log_limit),
        ));
    }
    lines.push(("revocation seen", lag(&estimate.lag)));
    if let Some(store) = &estimate.store {
        let (operations, megabytes) = (count(store.operations), store.bytes.div_ceil(1 << 20));
        lines.push(("shared store", format!("{operations} operations a second, {megabytes} MiB")));
    }
    let lines = human::aligned(lines);
    let advice: String =
        estimate.advice.iter().map(|advice| line(*advice, estimate.room)).collect();
    match advice.is_empty() {
        true => format!("{}{lines}", title(plan)),
        false => format!("{}{lines}\nwhat would help{advice}", title(plan)),
    }
}

fn line(advice: Advice, room: f64) -> String {
    match advice.calls().is_some_and(|calls| calls > room) {
        true => format!("\n  {advice}, which is not enough"),
        false => format!("\n  {advice}"),
    }
}

fn title(plan: &Plan) -> String {
    let instances = match (plan.instances, plan.shared) {
        (1, _) => "one instance".to_owned(),
        (many, true) => format!("{many} instances that share"),
        (many, false) => format!("{many} instances"),
    };
    format!("{} tokens, answers up to {} old, {instances}", plan.tokens, span(plan.max_age))
}

fn calls(calls: &Calls) -> String {
    let [least, expected, most] = [calls.least, calls.expected, calls.most].map(count);
    format!("{expected} a minute, at least {least} and at most {most}")
}

fn fit(estimate: &Estimate) -> String {
    match estimate.fit {
        Fit::Always => "yes".to_owned(),
        Fit::Usually => "usually: not the most that there can be".to_owned(),
        _ => format!("no: {:.0} % of the calls are refused", estimate.refused * 100.0),
    }
}

fn cold(estimate: &Estimate) -> String {
    let (calls, took) =
        (count(estimate.cold.expected), human::duration(estimate.warm_up.as_secs()));
    match estimate.warm_up.as_secs() {
        0..60 => format!("{calls} calls, within a minute"),
        _ => format!("{calls} calls, {took} within the room"),
    }
}

fn lag(lag: &Lag) -> String {
    let [median, p99, bound, unsaid] = [lag.median, lag.p99, lag.bound, lag.unsaid].map(span);
    let all = format!("half after {median}, 99 in 100 after {p99}, all after {bound}");
    match lag.unsaid > lag.bound {
        true => format!("{all}; {unsaid} if the log does not tell"),
        false => all,
    }
}

/// To one decimal where that says something.
fn span(span: Duration) -> String {
    match span.as_secs() {
        0..10 => format!("{} s", rounded(span.as_secs_f64())),
        10..120 => format!("{:.0} s", span.as_secs_f64()),
        seconds => human::duration(seconds),
    }
}

fn count(count: f64) -> String {
    if count < 10.0 { rounded(count).to_string() } else { format!("{count:.0}") }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
