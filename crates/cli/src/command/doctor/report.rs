//! Prints the findings.

use std::fmt::Write;

use anstyle::Style;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::text::one_line;

use super::finding::{Finding, Status};

/// The names are stable.
#[derive(Serialize)]
struct ReportJson<'a> {
    healthy: bool,
    verdict: String,
    checks: &'a [Finding],
}

pub(super) fn print(findings: &[Finding], json: bool, hints: bool) -> Result<(), Failure> {
    let healthy = count(findings, Status::Fail) == 0;
    if json {
        return output::json(&ReportJson { healthy, verdict: verdict(findings), checks: findings });
    }
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        add(&mut text, finding, width, hints);
    }
    if healthy {
        text.push_str(&verdict(findings));
    }
    // The verdict of a failed examination is the error on stderr.
    output::data(text.trim_end())
}

/// The result in one line.
pub(super) fn verdict(findings: &[Finding]) -> String {
    let (failed, warned) = (count(findings, Status::Fail), count(findings, Status::Warn));
    let first = findings.iter().find(|finding| finding.status == Status::Fail);
    match (first, warned) {
        (Some(first), _) => {
            let cause = first.cause.as_ref().unwrap_or(&first.seen);
            format!(
                "{failed} of {} checks failed; the first is {}: {cause}",
                findings.len(),
                first.check
            )
        }
        (None, 0) => "healthy: everything that was checked works".to_owned(),
        (None, _) => format!("it works, with {warned} to look at"),
    }
}

fn add(text: &mut String, finding: &Finding, width: usize, hints: bool) {
    let (style, word) = label(finding.status);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{style}{word:7}{style:#}  {:width$}  {}",
        finding.check,
        one_line(&finding.seen)
    );
    let hint = finding.hint.as_ref().filter(|_| hints);
    let lines = [("cause", finding.cause.as_ref()), ("cure", finding.cure.as_ref()), ("try", hint)];
    for (name, line) in lines {
        if let Some(line) = line {
            let _ = writeln!(text, "{:9}{:width$}  {name}: {}", "", "", one_line(line));
        }
    }
}

fn label(status: Status) -> (Style, &'static str) {
    match status {
        Status::Ok => (output::GOOD, "ok"),
        Status::Warn => (output::CAUTION, "warn"),
        Status::Fail => (output::BAD, "fail"),
        Status::Skipped => (Style::new(), "skipped"),
    }
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}
