//! What came of runs, in a file: a line for each, so that runs of several processes, and of days, are one
//! table.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::run::Outcome;

/// The runs in a folder, all of one configuration.
#[derive(Debug)]
pub struct Runs {
    path: PathBuf,
    setting: Setting,
}

/// What runs of one table have in common.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Setting {
    instances: usize,
    seconds: u64,
    checks: f64,
}

#[derive(Deserialize, Serialize)]
struct Line {
    setting: Setting,
    outcome: Outcome,
}

impl Runs {
    /// The runs in this folder, which is made.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>, config: &Config) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let (instances, seconds) = (config.instances, config.length.as_secs());
        let setting = Setting { instances, seconds, checks: config.checks };
        Ok(Self { path: folder.join("runs.jsonl"), setting })
    }

    /// All that came to an end, by their seeds.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and if it has something else, or runs of another configuration.
    pub fn read(&self) -> io::Result<Vec<Outcome>> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let lines = text.lines().enumerate().map(|(at, line)| self.outcome(at + 1, line));
        let mut outcomes = lines.collect::<io::Result<Vec<_>>>()?;
        outcomes.sort_by_key(|outcome| outcome.seed);
        outcomes.dedup_by_key(|outcome| outcome.seed);
        Ok(outcomes)
    }

    fn outcome(&self, number: usize, line: &str) -> io::Result<Outcome> {
        let wrong = |why: String| {
            let path = self.path.display();
            io::Error::new(ErrorKind::InvalidData, format!("line {number} of {path} {why}"))
        };
        let line: Line = serde_json::from_str(line)
            .map_err(|error| wrong(format!("is no run; remove it: {error}")))?;
        if line.setting != self.setting {
            let (is, wanted) = (line.setting, self.setting);
            return Err(wrong(format!("is a run of {is:?}, not {wanted:?}; give another folder")));
        }
        Ok(line.outcome)
    }

    /// Adds one, in one piece, beside what other processes add.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&self, outcome: &Outcome) -> io::Result<()> {
        let line = Line { setting: self.setting, outcome: outcome.clone() };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&text)
    }
}
