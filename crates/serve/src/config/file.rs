//! Files: the configuration itself, and those that it names.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::faults::Faults;
use crate::error::Fault;

/// A file's whole text; nothing of it is in the fault.
pub(super) fn read(path: &Path, max: u64) -> Result<Zeroizing<String>, Fault> {
    let shown = shown(path);
    let failed = |cause: std::io::Error| {
        let kind = cause.kind();
        match kind {
            ErrorKind::NotFound => {
                Fault::new(format!("there is no file {shown}")).advise("check its path")
            }
            _ => Fault::new(format!("the file {shown} cannot be read: {kind}"))
                .advise("check its path, and the right to read it"),
        }
    };
    // Looked at before it is opened: opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Fault::new(format!("{shown} is not a regular file")));
    }
    // Reserved at once: a growing buffer would leave copies of a key behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let file = File::open(path).map_err(failed)?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(Fault::new(format!("the file {shown} is longer than {} KiB", max / 1024)));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned())),
        Err(_) => Err(Fault::new(format!("the file {shown} is not text in UTF-8"))),
    }
}

/// A path for a message; a key that was written in place of its file's name is not shown.
pub(super) fn shown(path: &Path) -> String {
    okta_introspect_settings::text::path(path)
}

/// Says so if every user of the computer can read a file.
pub(super) fn warn_if_others_read(path: &Path, place: &str, faults: &mut Faults) {
    if others_can_read(path) {
        faults.warn(
            place,
            Fault::new(format!("every user of this computer can read {}", shown(path)))
                .advise("chmod o-r"),
        );
    }
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(path).is_ok_and(|file| file.mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}
