//! Files: the configuration itself, and those that it names.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use okta_introspect_settings::files::owner::{OtherHand, other_hand};
use okta_introspect_settings::text::{self, BYTE_ORDER_MARK};
use zeroize::Zeroizing;

use super::faults::Faults;
use crate::error::Fault;

/// The longest configuration that is read, in bytes.
const MAX_CONFIGURATION: u64 = 1024 * 1024;

/// The text of the configuration itself. It decides whose tokens pass, so other users must not have
/// written it.
pub(super) fn configuration(path: &Path, faults: &mut Faults) -> Result<Zeroizing<String>, Fault> {
    let file = open(path)?;
    if let Some(hand) = other_hand(path, &file).map_err(|cause| unread(path, &cause))? {
        check_hand(hand, &shown(path), faults)?;
    }
    whole(file, path, MAX_CONFIGURATION)
}

/// Refuses what others can write to. Another owner is worth a word only: under sudo, and in a container
/// that has a file of the computer's, that is as it should be. Folders do not count: that of a ConfigMap
/// has the right for everybody to write to it, and cannot be written to.
fn check_hand(hand: OtherHand, shown: &str, faults: &mut Faults) -> Result<(), Fault> {
    let what = match hand {
        OtherHand::Writable => {
            let what =
                format!("the file {shown} can be written to by other users, so it decides nothing");
            return Err(Fault::new(what).advise(format!("look at it, then `chmod go-w {shown}`")));
        }
        OtherHand::Exchanged => {
            let what = format!("the file {shown} was exchanged while it was opened");
            return Err(Fault::new(what).advise("try again"));
        }
        OtherHand::Owner => "belongs to another user, who decides by it which tokens pass",
        OtherHand::Link => "is a link of another user's, who decides by it which tokens pass",
        OtherHand::FolderOwner | OtherHand::FolderWritable => return Ok(()),
    };
    let fault = Fault::new(format!("the file {shown} {what}"));
    faults.warn("", fault.advise("give it to root, or to the user of the sidecar"));
    Ok(())
}

/// A file's whole text; nothing of it is in the fault.
pub(super) fn read(path: &Path, max: u64) -> Result<Zeroizing<String>, Fault> {
    whole(open(path)?, path, max)
}

fn open(path: &Path) -> Result<File, Fault> {
    // Looked at before it is opened: opening a pipe waits for its writer.
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(Fault::new(format!("{} is not a regular file", shown(path))))
        }
        Ok(_) => File::open(path).map_err(|cause| unread(path, &cause)),
        Err(cause) => Err(unread(path, &cause)),
    }
}

fn whole(file: File, path: &Path, max: u64) -> Result<Zeroizing<String>, Fault> {
    // Reserved at once: a growing buffer would leave copies of a key behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|cause| unread(path, &cause))?;
    let wrong = |what: String| Err(Fault::new(format!("the file {} {what}", shown(path))));
    if bytes.len() as u64 > max {
        return wrong(format!("is longer than {} KiB", max / 1024));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.trim_start_matches(BYTE_ORDER_MARK).to_owned())),
        Err(_) => wrong("is not text in UTF-8".to_owned()),
    }
}

fn unread(path: &Path, cause: &io::Error) -> Fault {
    let shown = shown(path);
    match cause.kind() {
        ErrorKind::NotFound => {
            Fault::new(format!("there is no file {shown}")).advise("check its path")
        }
        kind => Fault::new(format!("the file {shown} cannot be read: {kind}"))
            .advise("check its path, and the right to read it"),
    }
}

/// A path for a message; a key that was written in place of its file's name is not shown.
pub(super) fn shown(path: &Path) -> String {
    text::path(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_owner_is_worth_a_word_and_what_others_write_is_refused() {
        let mut faults = Faults::default();
        for hand in [OtherHand::Writable, OtherHand::Exchanged] {
            assert!(check_hand(hand, "serve.yaml", &mut faults).is_err(), "{hand:?}");
        }
        for hand in [OtherHand::FolderOwner, OtherHand::FolderWritable] {
            assert_eq!(check_hand(hand, "serve.yaml", &mut faults), Ok(()), "{hand:?}");
        }
        assert_eq!(faults.into_parts(), (Vec::new(), Vec::new()));
        for (hand, expected) in [
            (
                OtherHand::Owner,
                "the file serve.yaml belongs to another user, who decides by it which tokens pass; give it to root, or to the user of the sidecar",
            ),
            (
                OtherHand::Link,
                "the file serve.yaml is a link of another user's, who decides by it which tokens pass; give it to root, or to the user of the sidecar",
            ),
        ] {
            let mut faults = Faults::default();
            assert_eq!(check_hand(hand, "serve.yaml", &mut faults), Ok(()));
            let (errors, warnings) = faults.into_parts();
            let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert_eq!((errors, warnings), (Vec::new(), vec![expected.to_owned()]));
        }
    }
}
