//! What is told of a rotation.

use std::path::Path;

use okta_introspect::SigningKey;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::text;

use super::files::Files;
use super::plan::{Situation, Step};
use super::registered::AppKeys;

/// What was done, or would be. The names are stable.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    app: String,
    dry_run: bool,
    key_file: String,
    previous_file: String,
    old_key_id: Option<String>,
    /// None before it is made.
    new_key_id: Option<String>,
    /// What was done by this run, or would be.
    steps: Vec<Step>,
    /// The app's keys, by now.
    keys: Vec<Key>,
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    id: String,
    key_id: Option<String>,
    status: &'static str,
    role: &'static str,
}

impl Report {
    pub(super) fn new(
        files: &Files,
        keys: &AppKeys<'_>,
        situation: &Situation,
        steps: Vec<Step>,
        dry_run: bool,
    ) -> Self {
        let id = |key: &SigningKey| {
            let registered = situation.entry(key).and_then(|entry| entry.key_id.clone());
            registered.or_else(|| key.public_jwk().key_id().map(str::to_owned))
        };
        let lines = match dry_run {
            true => steps.iter().map(|step| line(*step, files, situation, true)).collect(),
            false => Vec::new(),
        };
        Self {
            app: keys.client_id.to_owned(),
            dry_run,
            key_file: shown(&files.current),
            previous_file: shown(&files.previous),
            old_key_id: id(situation.old()),
            new_key_id: situation.new_key().and_then(id),
            steps,
            keys: keys_of(situation),
            lines,
        }
    }

    /// As JSON, or for people: the steps were told already, but for those that would be done.
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(self);
        }
        if self.dry_run {
            for key in &self.keys {
                let id = key.key_id.as_deref().map_or_else(|| "none".to_owned(), text::setting);
                output::data(format_args!("there: key {id}, {}, {}", key.status, key.role))?;
            }
            for line in &self.lines {
                output::data(line)?;
            }
        }
        Ok(())
    }
}

fn keys_of(situation: &Situation) -> Vec<Key> {
    let is = |key: Option<&SigningKey>, entry: &super::registered::Registered| {
        key.is_some_and(|key| entry.is(key))
    };
    let key = |entry: &super::registered::Registered| Key {
        id: entry.id.clone(),
        key_id: entry.key_id.clone(),
        status: if entry.is_active { "ACTIVE" } else { "INACTIVE" },
        role: match entry {
            entry if entry.is(&situation.current) => "in_use",
            entry if is(situation.next.as_ref(), entry) => "next",
            entry if is(situation.retiring.as_ref(), entry) => "old",
            _ => "other",
        },
    };
    situation.registered.iter().map(key).collect()
}

/// A step, as it was done or would be.
pub(super) fn line(step: Step, files: &Files, situation: &Situation, would: bool) -> String {
    let id = |key: Option<&SigningKey>| {
        let key = key.and_then(|key| {
            let registered = situation.entry(key).and_then(|entry| entry.key_id.clone());
            registered.or_else(|| key.public_jwk().key_id().map(str::to_owned))
        });
        key.map_or_else(
            || "an id of its own".to_owned(),
            |id| format!("the id {}", text::setting(&id)),
        )
    };
    let (old, new) = (id(Some(situation.old())), id(situation.new_key()));
    let what = match step {
        Step::Name => format!("write {old} into {}", shown(&files.current)),
        Step::Make => format!("make a key in {}", shown(&files.next)),
        Step::Register => format!("register it under {new}"),
        Step::Activate => format!("activate the key with {new}"),
        Step::Verify => "try whether the server takes it".to_owned(),
        Step::Switch => format!("put it into {}", shown(&files.current)),
        Step::Overlap => "let both keys be good for a while".to_owned(),
        Step::Deactivate => format!("deactivate the key with {old}"),
        Step::Delete => format!("delete the key with {old}"),
        Step::Finish => format!("keep the old key in {}", shown(&files.previous)),
    };
    format!("{}: {what}", if would { "to do" } else { "done" })
}

/// What was being done when a step failed.
pub(super) fn doing(step: Step) -> &'static str {
    match step {
        Step::Name => "the key file could not be written",
        Step::Make => "no new key could be made",
        Step::Register => "the new key could not be registered",
        Step::Activate => "the new key could not be activated",
        Step::Verify => "the new key could not be tried",
        Step::Switch => "the new key could not be put in place",
        Step::Overlap => "the wait was broken off",
        Step::Deactivate => "the old key could not be deactivated",
        Step::Delete => "the old key could not be deleted",
        Step::Finish => "the old key could not be put aside",
    }
}

fn shown(path: &Path) -> String {
    text::path(path)
}
