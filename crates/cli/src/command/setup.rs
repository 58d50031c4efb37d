//! The settings of a command, and what its errors mean under them.

use std::path::Path;

use okta_introspect::{Error, ErrorKind};

use crate::failure::Failure;
use crate::files::{self, owner::is_readable_by_others};
use crate::input::public::holds_no_secret;
use crate::output;
use crate::settings::{Flags, Found, Layer, Origin, Settings, Source};
use crate::storage::runtime_folder::SandboxRecord;
use crate::text::{self, advice::for_command};

use super::{cures, running_sandbox};

/// Merges all sources below the flags; where nothing at all is configured, the running sandbox is
/// used. Notes say so, and when a file in the working folder decides which server is asked.
pub(super) fn settings(flags: impl Into<Flags>) -> Result<Settings, Failure> {
    let settings = keyless(flags)?;
    let origins = settings.origins();
    let key_file = origins.key_file.filter(|path| !is_public(path));
    // One file may hold both.
    let passphrase_file = origins.passphrase_file.filter(|path| Some(*path) != key_file);
    let secret_file = origins.secret_file;
    for (what, path) in
        [("key", key_file), ("passphrase", passphrase_file), ("client secret", secret_file)]
    {
        if let Some(path) = path {
            note_readers(what, path);
        }
    }
    Ok(settings)
}

/// Whether the file that was given for the key is a public one, which others may read. Only regular
/// files are looked into: what a pipe has given is gone.
fn is_public(path: &Path) -> bool {
    is_readable_by_others(path) && files::read(path).is_ok_and(|bytes| holds_no_secret(&bytes))
}

/// A note, if users besides the owner may read the file of a secret.
pub(super) fn note_readers(what: &str, path: &Path) {
    if is_readable_by_others(path) {
        let path = text::path(path);
        output::note(format_args!(
            "other users of this computer can read the {what}'s file: `chmod 600 {path}`"
        ));
    }
}

/// As [`settings`], for commands that use no key, or report on it.
pub(super) fn keyless(flags: impl Into<Flags>) -> Result<Settings, Failure> {
    let settings = Settings::gather(flags.into())?;
    settings.notes().for_each(output::note);
    if let Some((file, server)) = settings.server_of_working_folder() {
        output::note(format_args!(
            "{} in this folder decides which server is asked: {}",
            file.display(),
            text::setting(server),
        ));
    }
    match settings.are_none().then(running_sandbox::find).flatten() {
        Some(sandbox) => {
            output::note(format_args!(
                "nothing is configured: using the sandbox at {}",
                sandbox.issuer
            ));
            Ok(settings.or_else(sandbox))
        }
        None => Ok(settings),
    }
}

/// The failure that an error is. A sandbox that has ended is no trouble with the network.
pub(super) fn explain(settings: &Settings, error: Error) -> Failure {
    let kind = error.kind();
    let cure = cures::of(settings, &error);
    let failure = Failure::from(error);
    let failure = match cure {
        Some(cure) => failure.advise(for_command(&cure)),
        None => failure,
    };
    if settings.origins().server == Some(&Origin::Sandbox) && kind == ErrorKind::Unreachable {
        return failure.during("the sandbox is not running").advise(
            "start it with `okta-introspect sandbox`, or name an org with --issuer, --client-id and --key-file",
        );
    }
    match settings.proxy() {
        Ok(Some(proxy)) if failure.advice().contains("the proxy") => {
            let advice = format!("{} (from {})", failure.advice(), proxy.origin);
            failure.advise(advice)
        }
        _ => failure,
    }
}

impl From<SandboxRecord> for Layer {
    fn from(record: SandboxRecord) -> Self {
        fn found<T>(value: T) -> Option<Found<T>> {
            Some(Found::new(value, Origin::Sandbox))
        }
        Self {
            server: found(record.issuer),
            client_id: found(record.client_id),
            key: found(Source::File(record.key_file)),
            key_id: found(record.key_id),
            scopes: found(record.scopes.join(" ")),
            ca_file: record.ca_file.and_then(found),
            ..Self::default()
        }
    }
}
