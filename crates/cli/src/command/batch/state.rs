//! The progress of a run, from which another run can go on.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files::{self, Exclusive};
use crate::text;

/// The progress of a run. Written after each line of output, so that a run that is killed loses
/// nothing: the questions that were under way are asked again.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Progress {
    /// How many lines of the input are answered.
    pub(super) lines: u64,
    /// The fingerprint of the last answered token, by which the input is recognised.
    pub(super) last: Option<String>,
    pub(super) active: u64,
    pub(super) inactive: u64,
    /// Lines without a token.
    pub(super) unusable: u64,
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

    /// The progress of an earlier run; none if the file does not exist.
    pub(super) fn load(&self) -> Result<Progress, Failure> {
        self.file.lock().map_err(|cause| self.unusable("cannot be used", &cause))?;
        match files::read(&self.path) {
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
    }
}
