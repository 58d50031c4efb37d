//! Prints the findings.

use std::collections::HashSet;

use anstyle::Style;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::text::one_line;
use crate::text::wrap::wrapped;

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
    let names = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut page = Page { text: String::new(), names, columns: output::stdout_width(), hints };
    let mut fingerprints = HashSet::new();
    for finding in findings {
        page.add(finding, &mut fingerprints);
    }
    let mut text = page.text;
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

/// The findings as text, one below the other.
struct Page {
    text: String,
    /// How wide the column with the names of the checks is.
    names: usize,
    /// The width of the terminal; elsewhere each finding is one line.
    columns: Option<usize>,
    hints: bool,
}

/// How wide the column with the states is, and what is between columns.
const STATES: usize = 7;
const GAP: usize = 2;

impl Page {
    fn add(&mut self, finding: &Finding, fingerprints: &mut HashSet<String>) {
        let (style, word) = label(finding.status);
        let (check, names) = (&finding.check, self.names);
        let seen = shortened(&one_line(&finding.seen), fingerprints);
        let line = self.wrapped(&format!("{word:STATES$}  {check:names$}  {seen}"), 0);
        // The state is as long with its style as without.
        self.text.push_str(&format!("{style}{}{style:#}{}\n", &line[..STATES], &line[STATES..]));
        let hint = finding.hint.as_ref().filter(|_| self.hints);
        let lines =
            [("cause", finding.cause.as_ref()), ("cure", finding.cure.as_ref()), ("try", hint)];
        for (name, line) in lines {
            let Some(line) = line else { continue };
            let line = shortened(&one_line(line), fingerprints);
            let line = format!("{:STATES$}  {:names$}  {name}: {line}", "", "");
            let line = self.wrapped(&line, GAP);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Lines after the first hang below the third column.
    fn wrapped(&self, line: &str, further: usize) -> String {
        let indent = STATES + GAP + self.names + GAP + further;
        self.columns.map_or_else(|| line.to_owned(), |columns| wrapped(line, columns, indent))
    }
}

/// The text with each fingerprint that was there before cut to its beginning.
fn shortened(text: &str, known: &mut HashSet<String>) -> String {
    let word = |word: &str| {
        let fingerprint = word.trim_end_matches([',', ')', ';', '.']);
        if !is_fingerprint(fingerprint) || known.insert(fingerprint.to_owned()) {
            return word.to_owned();
        }
        format!("{}…{}", &fingerprint[..8], &word[fingerprint.len()..])
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Whether the text is Base64 of SHA-256, as thumbprints are.
fn is_fingerprint(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
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
