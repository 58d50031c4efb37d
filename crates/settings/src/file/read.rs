//! Finding and reading a settings file, unless another user could have written it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::owner::{OtherHand, other_hand};

use crate::environment::{Environment, HOME_FILE};
use crate::error::SettingsError;
use crate::found::Place;

/// The longest settings file read, in bytes: the same limit as in Okta's Python SDK.
const MAX_LEN: u64 = 1024 * 1024;

impl Place {
    /// The settings files that may lie here; the first that exists is read.
    pub(super) fn candidates(self, environment: &Environment) -> Vec<PathBuf> {
        match self {
            Self::WorkingFolder => {
                let names = ["okta.yaml", ".okta.yaml"];
                names.into_iter().filter_map(|name| environment.in_folder(name)).collect()
            }
            Self::Home => environment.in_home(HOME_FILE).into_iter().collect(),
            Self::Named => Vec::new(),
        }
    }
}

/// The text of the file; `None` if it does not exist.
pub(crate) fn text(path: &Path, place: Place) -> Result<Option<Zeroizing<String>>, SettingsError> {
    // Looked at before it is opened: opening a pipe waits for its writer.
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        return Err(fault(path, "is not a regular file").advise("replace it, or remove it"));
    }
    match File::open(path).and_then(|file| read(path, place, file)) {
        Ok(text) => text.map(Some),
        Err(cause) if cause.kind() == ErrorKind::NotFound && path.is_symlink() => {
            Err(fault(path, "is a link that leads to no file").advise("mend it, or remove it"))
        }
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) if cause.kind() == ErrorKind::InvalidData => {
            Err(fault(path, "is not text").advise(
                "check that it is a settings file in UTF-8; `iconv -f UTF-16 -t UTF-8` converts from UTF-16",
            ))
        }
        Err(cause) => Err(fault(path, "cannot be read")
            .because(&cause)
            .advise("give this user the right to read it, or remove it")),
    }
}

fn read(
    path: &Path,
    place: Place,
    file: File,
) -> io::Result<Result<Zeroizing<String>, SettingsError>> {
    if let Some(hand) = other_hand(path, &file)?.filter(|hand| counts(*hand, place)) {
        return Ok(Err(refusal(path, hand)));
    }
    let mut text = Zeroizing::new(String::new());
    let length = file.take(MAX_LEN + 1).read_to_string(&mut text)?;
    Ok(match length as u64 > MAX_LEN {
        true => Err(fault(path, "is longer than 1 MiB").advise("check that it is a settings file")),
        false => Ok(text),
    })
}

/// The home folder is named by the user's own environment, and a file's name by the user, so that the
/// owner may be another one, as under sudo; what others can write to decides nothing all the same.
fn counts(hand: OtherHand, place: Place) -> bool {
    place == Place::WorkingFolder || hand == OtherHand::Writable
}

fn refusal(path: &Path, hand: OtherHand) -> SettingsError {
    let shown = path.display();
    let (what, cure) = match hand {
        OtherHand::Owner => (
            "belongs to another user",
            "work in another folder, or put a file of your own in its place".to_owned(),
        ),
        OtherHand::Link => (
            "is a link that another user has made",
            "work in another folder, or put a file of your own in its place".to_owned(),
        ),
        OtherHand::Writable => {
            ("can be written to by other users", format!("look at it, then `chmod go-w {shown}`"))
        }
        OtherHand::FolderOwner => (
            "is in a folder that belongs to another user",
            "work in a folder of your own".to_owned(),
        ),
        OtherHand::FolderWritable => (
            "is in a folder that every user can write to",
            "look at it, then take the right to write to its folder away (chmod o-w)".to_owned(),
        ),
        OtherHand::Exchanged => ("was exchanged while it was opened", "try again".to_owned()),
    };
    fault(path, &format!("{what}, so it decides nothing")).advise(cure)
}

pub(crate) fn fault(path: &Path, what: &str) -> SettingsError {
    SettingsError::new(format!("the settings file {} {what}", path.display()))
}
