//! What a check found.

use std::error::Error as _;

use okta_introspect::Error;
use serde::Serialize;

use crate::command::cures;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::advice::for_command;

use super::hints;

/// The outcome of one check. The names are stable.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// What was checked: `issuer`, `token okta.users.read`, …
    pub(super) check: String,
    pub(super) status: Status,
    pub(super) seen: String,
    /// The likely cause, if something is wrong.
    pub(super) cause: Option<String>,
    /// What to do about it.
    pub(super) cure: Option<String>,
    /// Where or with which command to do it.
    pub(super) hint: Option<String>,
    /// What a refusal is about; empty for other findings.
    #[serde(skip)]
    about: String,
    #[serde(skip)]
    pub(super) exit: Exit,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// It works, but not as it should.
    Warn,
    Fail,
    Skipped,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, seen)
    }

    pub(super) fn skipped(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(check, Status::Skipped, why)
    }

    pub(super) fn warn(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, seen)
    }

    /// What proves that the server cannot be relied on.
    pub(super) fn failed(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, seen)
    }

    /// A setting that cannot be used.
    pub(super) fn failure(check: impl Into<String>, failure: impl Into<Failure>) -> Self {
        let (check, failure) = (check.into(), failure.into());
        let cure = Some(failure.advice()).filter(|advice| !advice.is_empty());
        Self {
            cure: cure.map(str::to_owned),
            hint: hints::for_check(&check).map(str::to_owned),
            exit: failure.exit(),
            ..Self::new(check, Status::Fail, failure.what())
        }
    }

    /// A call that failed.
    pub(super) fn error(check: impl Into<String>, error: &Error) -> Self {
        let failure = Self::new(check, Status::Fail, error.to_string());
        let exit = error.kind().into();
        match error.diagnosis() {
            Some(diagnosis) => Self {
                cause: Some(match &diagnosis.sent {
                    Some(sent) => {
                        format!("{} (we sent {}: {sent})", diagnosis.cause, diagnosis.about)
                    }
                    None => diagnosis.cause.to_owned(),
                }),
                cure: Some(for_command(&diagnosis.cure).into_owned()),
                hint: hints::for_cause(&diagnosis.about).map(str::to_owned),
                about: diagnosis.about.clone(),
                exit,
                ..failure
            },
            None => Self {
                cause: innermost(error),
                cure: Some(for_command(error.advice()).into_owned())
                    .filter(|advice| !advice.is_empty()),
                exit,
                ..failure
            },
        }
    }

    /// The same finding with the cure for a sandbox, where there is no Admin Console.
    pub(super) fn in_sandbox(self) -> Self {
        match cures::in_sandbox(&self.about) {
            Some(cure) => Self { cure: Some(cure.to_owned()), hint: None, ..self },
            None => self,
        }
    }

    /// The same finding with the scope that was probably meant: one that the server names, or one of
    /// Okta's.
    pub(super) fn with_scope_meant(self, named: &[String]) -> Self {
        let scope = self.check.strip_prefix("token ").filter(|_| self.about == "scope");
        let meant = scope.and_then(|scope| {
            cures::nearest_of(scope, named.iter().cloned()).or_else(|| cures::nearest(scope))
        });
        match meant {
            Some(meant) => {
                let cure = self.cure.as_deref().unwrap_or("see the app's scopes");
                Self { cure: Some(format!("did you mean {meant}? Else {cure}")), ..self }
            }
            None => self,
        }
    }

    /// The same finding as a warning.
    pub(super) fn into_warning(self) -> Self {
        Self { status: Status::Warn, ..self }
    }

    pub(super) fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    pub(super) fn cure(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn new(check: impl Into<String>, status: Status, seen: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            status,
            seen: seen.into(),
            cause: None,
            cure: None,
            hint: None,
            about: String::new(),
            exit: Exit::Unknown,
        }
    }
}

/// The cause behind all others.
fn innermost(error: &Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}
