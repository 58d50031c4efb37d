//! The findings so far.

use crate::command::cures;
use crate::settings::Settings;

use super::finding::{Finding, Status};

/// One run of all checks.
pub(super) struct Examination<'a> {
    pub(super) settings: &'a Settings,
    pub(super) findings: Vec<Finding>,
    /// The scopes that the server's metadata names.
    pub(super) scopes_of_server: Vec<String>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, findings: Vec::new(), scopes_of_server: Vec::new() }
    }

    pub(super) fn found(&mut self, finding: Finding) {
        let finding = match cures::is_sandbox(self.settings) {
            true => finding.in_sandbox(),
            false => finding,
        };
        self.findings.push(finding.with_scope_meant(&self.scopes_of_server));
    }

    /// Checks that cannot be made, because of the first that failed.
    pub(super) fn skip(&mut self, checks: &[&str]) {
        let why = match self.findings.iter().find(|finding| finding.status == Status::Fail) {
            Some(failed) => format!("because of what `{}` says", failed.check),
            None => "there is nothing to check".to_owned(),
        };
        for check in checks {
            self.found(Finding::skipped(*check, &why));
        }
    }
}
