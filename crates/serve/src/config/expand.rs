//! `${VAR}`, `${VAR:-default}`, `$$` and `file:PATH`, in texts that were parsed before: no value can
//! bring YAML of its own along.

use std::path::{Path, PathBuf};

use okta_introspect::Secret;
use okta_introspect_settings::Environment;
use zeroize::Zeroizing;

use super::faults::Faults;
use super::file::{read, shown, warn_if_others_read};
use super::tree::{Kind, Node, join};
use crate::error::Fault;

/// The longest file that `file:` reads, in bytes: a bundle of authorities has some 250 KB.
const MAX_FILE: u64 = 1024 * 1024;

/// The most bytes that `file:` reads in all.
const MAX_TOTAL: u64 = 16 * 1024 * 1024;

/// The members whose files nobody else should be able to read.
const SECRET: [&str; 6] =
    ["private_key", "client_secret", "key", "password", "secret", "previous_secret"];

/// Expands texts in place.
#[derive(Debug)]
pub(super) struct Expansion<'a> {
    environment: &'a Environment,
    config: &'a Path,
    folder: &'a Path,
    total: u64,
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
}

impl<'a> Expansion<'a> {
    /// `config` is the configuration file, from whose folder paths begin.
    pub(super) fn new(environment: &'a Environment, config: &'a Path, folder: &'a Path) -> Self {
        Self { environment, config, folder, total: 0, files: Vec::new() }
    }

    /// What systemd has handed over as the credential of this name, such as `private-key`; `None` if
    /// there is none.
    pub(super) fn credential(
        &mut self,
        name: &str,
        place: &str,
        faults: &mut Faults,
    ) -> Option<Secret> {
        let folder = self.environment.get("CREDENTIALS_DIRECTORY").filter(|it| !it.is_empty())?;
        let path = Path::new(folder).join(name);
        if !path.exists() {
            return None;
        }
        match self.file(&path, place, faults) {
            Ok(mut key) => Some(Secret::new(std::mem::take(&mut *key))),
            Err(fault) => {
                faults.error(place, fault);
                None
            }
        }
    }

    /// Expands every text of a value.
    pub(super) fn expand(&mut self, node: &mut Node, place: &str, faults: &mut Faults) {
        match &mut node.kind {
            Kind::Text(text) => match self.text(text, place, faults) {
                Ok(Some(expanded)) => {
                    node.kind = Kind::Text(expanded);
                    node.is_expanded = true;
                }
                Ok(None) => {}
                Err(fault) => faults.error(place, fault),
            },
            Kind::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.expand(item, &format!("{place}[{index}]"), faults);
                }
            }
            Kind::Map(members) => {
                for member in members {
                    self.expand(&mut member.node, &join(place, &member.name), faults);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }

    /// What a text stands for, if that is another one.
    fn text(
        &mut self,
        text: &str,
        place: &str,
        faults: &mut Faults,
    ) -> Result<Option<Zeroizing<String>>, Fault> {
        // Only what is written in the file itself can name a file; a variable's value cannot.
        match text.strip_prefix("file:") {
            Some(path) => {
                let path = self.variables(path)?;
                let path = path.trim();
                if path.is_empty() {
                    return Err(Fault::new("`file:` names no file").advise("write `file:PATH`"));
                }
                self.file(Path::new(path), place, faults).map(Some)
            }
            None if text.contains('$') => self.variables(text).map(Some),
            None => {
                if is_secret(place) {
                    warn_if_others_read(self.config, place, faults);
                }
                Ok(None)
            }
        }
    }

    fn variables(&self, text: &str) -> Result<Zeroizing<String>, Fault> {
        let mut expanded = Zeroizing::new(String::with_capacity(text.len()));
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            rest = match after.as_bytes().first() {
                Some(b'$') => {
                    expanded.push('$');
                    &after[1..]
                }
                Some(b'{') => {
                    let (inside, after) = after[1..].split_once('}').ok_or_else(|| {
                        Fault::new("`${` has no `}`").advise("write `$$` for a dollar")
                    })?;
                    expanded.push_str(&self.variable(inside)?);
                    after
                }
                // The end of a regular expression, for one.
                _ => {
                    expanded.push('$');
                    after
                }
            };
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The value of `VAR` or `VAR:-default`; an empty variable counts as none, as in a shell.
    fn variable(&self, inside: &str) -> Result<Zeroizing<String>, Fault> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) {
            return Err(Fault::new("`${…}` names no variable")
                .advise("write `${VAR}` or `${VAR:-default}`, and `$$` for a dollar"));
        }
        let value = self.environment.get(name);
        match (value.filter(|value| !value.is_empty()), default) {
            (Some(value), _) => match value.to_str() {
                Some(value) => Ok(Zeroizing::new(value.to_owned())),
                None => Err(Fault::new(format!("the variable {name} is not in UTF-8"))),
            },
            (None, Some(default)) => Ok(Zeroizing::new(default.to_owned())),
            (None, None) if value.is_some() => {
                Err(Fault::new(format!("the variable {name} is empty"))
                    .advise(format!("set it, or write `${{{name}:-default}}`")))
            }
            (None, None) => Err(Fault::new(format!("the variable {name} is not set"))
                .advise(format!("set it, or write `${{{name}:-default}}`"))),
        }
    }

    /// The content of a file, without the line break at its end.
    fn file(
        &mut self,
        path: &Path,
        place: &str,
        faults: &mut Faults,
    ) -> Result<Zeroizing<String>, Fault> {
        let path = self.folder.join(path);
        if is_secret(place) {
            warn_if_others_read(&path, place, faults);
        }
        let text = read(&path, MAX_FILE)?;
        self.total = self.total.saturating_add(text.len() as u64);
        if self.total > MAX_TOTAL {
            return Err(Fault::new("the files of the configuration have more than 16 MiB in all"));
        }
        let end = text.trim_end_matches(['\r', '\n']).len();
        if text[..end].trim().is_empty() {
            return Err(Fault::new(format!("the file {} is empty", shown(&path))));
        }
        self.files.push(path);
        Ok(Zeroizing::new(text[..end].to_owned()))
    }
}

fn is_secret(place: &str) -> bool {
    SECRET.contains(&place.rsplit('.').next().unwrap_or_default())
}

fn is_variable(name: &str) -> bool {
    name.len() <= 256
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
