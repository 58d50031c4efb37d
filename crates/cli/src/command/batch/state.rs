//! The progress of a run, from which another run can go on.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Exclusive};
use crate::text;

use super::line::{Outcome, Record};

/// The progress of a run. Written after each line of output, so that a run that is killed loses
/// nothing: the questions that were under way are asked again. Every line is counted once.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Progress {
    /// How many lines of the input are done.
    pub(super) lines: u64,
    /// The mark of the last of them, by which the input is recognised.
    pub(super) last: Option<String>,
    pub(super) active: u64,
    pub(super) inactive: u64,
    /// Tokens about which the server has no verdict.
    #[serde(default)]
    pub(super) unknown: u64,
    /// Tokens about which the server refused the question.
    #[serde(default)]
    pub(super) refused: u64,
    /// Lines without a token.
    pub(super) unusable: u64,
    /// Blank lines.
    #[serde(default)]
    pub(super) blank: u64,
}

impl Progress {
    /// Counts a line that is done.
    pub(super) fn add(&mut self, record: &Record) {
        (self.lines, self.last) = (record.line, Some(record.mark.clone()));
        self.count(record.outcome);
    }

    /// Counts what came of a line.
    pub(super) fn count(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Active => &mut self.active,
            Outcome::Inactive | Outcome::Untaken => &mut self.inactive,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Refused => &mut self.refused,
            Outcome::Unusable => &mut self.unusable,
            Outcome::Blank => &mut self.blank,
        };
        // The file may hold any number.
        *count = count.saturating_add(1);
    }

    /// What is wrong if there was nothing to ask about, and nothing to complain of either.
    pub(super) fn emptiness(&self) -> Option<&'static str> {
        match (self.exit(), self) {
            (Exit::Usage, Self { unusable: 0, blank: 0, .. }) => Some("the batch has no line"),
            (Exit::Usage, Self { unusable: 0, .. }) => Some("the batch has blank lines only"),
            _ => None,
        }
    }

    /// The exit code: the worst that came of a line, in the order 4, 3, 1, 2, 0. That a token is
    /// inactive is worth more than that a line had none. Where no line asked about a token, nothing
    /// is well: the command before may have failed.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self { refused: 1.., .. } => Exit::Refused,
            Self { unknown: 1.., .. } => Exit::Unknown,
            Self { inactive: 1.., .. } => Exit::Denied,
            Self { unusable: 1.., .. } | Self { active: 0, .. } => Exit::Usage,
            _ => Exit::Done,
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.lines == 1 { "line" } else { "lines" };
        write!(f, "{} {noun}: {} active, {} inactive", self.lines, self.active, self.inactive)?;
        for (count, what) in [
            (self.unknown, "without a verdict"),
            (self.refused, "refused"),
            (self.unusable, "without a token"),
            (self.blank, "blank"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// The file of a run's progress.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Two runs that write to one file would each lose what the other has done.
    file: Exclusive,
}

impl StateFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: Exclusive::new(path) }
    }

    /// The progress of an earlier run; none if the file does not exist or is empty.
    pub(super) fn load(&self) -> Result<Progress, Failure> {
        self.file.lock().map_err(|cause| self.unusable("cannot be used", &cause))?;
        match files::read(&self.path) {
            Ok(json) if json.trim_ascii().is_empty() => Ok(Progress::default()),
            Ok(json) => serde_json::from_slice(&json).map_err(|_| {
                self.fault("is none")
                    .advise("name the file that an earlier run wrote, or a new one")
            }),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Progress::default()),
            Err(cause) => Err(self
                .fault("cannot be read")
                .because(&cause)
                .advise("name the file that an earlier run wrote, or a new one")),
        }
    }

    /// Replaces the file in one step: a run that is killed leaves the old or the new one.
    pub(super) fn save(&self, progress: &Progress) -> Result<(), Failure> {
        let json = serde_json::to_string(progress).map_err(io::Error::from);
        json.and_then(|json| self.file.replace(format!("{json}\n").as_bytes()))
            .map_err(|cause| self.unusable("cannot be written", &cause))
    }

    fn unusable(&self, what: &str, cause: &io::Error) -> Failure {
        self.fault(what).because(cause).advise(match cause.kind() {
            ErrorKind::WouldBlock => "wait for the other run, or give each its own --resume file",
            ErrorKind::Other => "name the file that an earlier run wrote, or a new one",
            _ => "check that its folder exists and may be written to",
        })
    }

    fn fault(&self, what: &str) -> Failure {
        Failure::usage(format!("the state file {what}: {}", text::path(&self.path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_nothing_is_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(&folder.path().join("state.json"));
        assert_eq!(file.load().unwrap(), Progress::default());
        let progress = Progress { lines: 7, last: Some("x".to_owned()), ..Progress::default() };
        file.save(&progress).unwrap();
        assert_eq!(file.load().unwrap(), progress);
        std::fs::write(folder.path().join("state.json"), "nonsense").unwrap();
        assert!(file.load().is_err());
        for empty in ["", "\n"] {
            std::fs::write(folder.path().join("state.json"), empty).unwrap();
            assert_eq!(file.load().unwrap(), Progress::default());
        }
        let old = r#"{"lines":3,"last":null,"active":1,"inactive":2,"unusable":0}"#;
        std::fs::write(folder.path().join("state.json"), old).unwrap();
        assert_eq!(file.load().unwrap().to_string(), "3 lines: 1 active, 2 inactive");
    }

    #[test]
    fn the_exit_code_is_the_worst_that_came_of_a_line() {
        use Outcome::{Active, Blank, Inactive, Refused, Unknown, Unusable};
        let mut progress = Progress::default();
        for (outcome, exit) in [
            (Blank, Exit::Usage),
            (Active, Exit::Done),
            (Unusable, Exit::Usage),
            (Inactive, Exit::Denied),
            (Unknown, Exit::Unknown),
            (Refused, Exit::Refused),
        ] {
            progress.count(outcome);
            assert_eq!(progress.exit(), exit, "{outcome:?}");
        }
        progress.lines = 6;
        let told = "6 lines: 1 active, 1 inactive, 1 without a verdict, 1 refused, 1 without a token, 1 blank";
        assert_eq!(progress.to_string(), told);
    }
}
