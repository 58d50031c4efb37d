//! Whether another user of this computer could have written a file.

use std::fs::File;
use std::io;
use std::path::Path;

/// Why the content of a file may be another user's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherHand {
    /// The file belongs to another user.
    Owner,
    /// The name is a link that another user has made.
    Link,
    /// The group, or everybody, may write to the file.
    Writable,
    /// The folder belongs to another user, and with it the names of its files.
    FolderOwner,
    /// Everybody may put another file in its place.
    FolderWritable,
    /// The name stood for another file while this one was opened.
    Exchanged,
}

/// Looks for the hand of another user in the `file` that was opened at `path`; `None` if only this
/// user, or root, can have written it.
///
/// What was opened is looked at, not what the name stands for by now.
#[cfg(unix)]
pub fn other_hand(path: &Path, file: &File) -> io::Result<Option<OtherHand>> {
    use std::os::unix::fs::MetadataExt;

    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const WRITABLE_BY_ALL: u32 = 0o002;
    /// In such a folder, only its owner can replace a file.
    const STICKY: u32 = 0o1000;

    let own = super::private::user_id();
    // Root can do everything anyway, and owns what images of containers are made of.
    let trusted = |owner: u32| owner == 0 || Some(owner) == own;
    let (name, opened) = (path.symlink_metadata()?, file.metadata()?);
    if !trusted(name.uid()) {
        return Ok(Some(if name.is_symlink() { OtherHand::Link } else { OtherHand::Owner }));
    }
    if !name.is_symlink() && (name.dev(), name.ino()) != (opened.dev(), opened.ino()) {
        return Ok(Some(OtherHand::Exchanged));
    }
    if !trusted(opened.uid()) {
        return Ok(Some(OtherHand::Owner));
    }
    if opened.mode() & WRITABLE_BY_OTHERS != 0 {
        return Ok(Some(OtherHand::Writable));
    }
    // Where a link leads to counts as well as where it stands. A folder of the user's group is
    // taken: what its members could put there belongs to them, and is refused above.
    for folder in [folder_of(path), folder_of(&path.canonicalize()?)] {
        let folder = folder.metadata()?;
        if !trusted(folder.uid()) {
            return Ok(Some(OtherHand::FolderOwner));
        }
        if folder.mode() & (WRITABLE_BY_ALL | STICKY) == WRITABLE_BY_ALL {
            return Ok(Some(OtherHand::FolderWritable));
        }
    }
    Ok(None)
}

#[cfg(unix)]
fn folder_of(path: &Path) -> std::path::PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => ".".into(),
    }
}

/// Elsewhere, rights are lists that the standard library does not read.
#[cfg(not(unix))]
pub fn other_hand(_: &Path, _: &File) -> io::Result<Option<OtherHand>> {
    Ok(None)
}

/// Whether users besides the owner may read the file.
#[cfg(unix)]
pub fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
}

/// Other systems have no mode bits.
#[cfg(not(unix))]
pub fn is_readable_by_others(_: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn hand(path: &Path) -> Option<OtherHand> {
        other_hand(path, &File::open(path).unwrap()).unwrap()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_its_owners_alone_if_nobody_else_can_write_or_replace_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("okta.yaml");
        fs::write(&path, "").unwrap();
        for (file_mode, folder_mode, expected) in [
            (0o600, 0o700, None),
            (0o644, 0o755, None),
            (0o644, 0o775, None),
            (0o664, 0o755, Some(OtherHand::Writable)),
            (0o646, 0o755, Some(OtherHand::Writable)),
            (0o644, 0o777, Some(OtherHand::FolderWritable)),
            (0o644, 0o1777, None),
        ] {
            mode(&path, file_mode);
            mode(folder.path(), folder_mode);
            assert_eq!(hand(&path), expected, "{file_mode:o} {folder_mode:o}");
        }
    }

    #[test]
    fn a_link_is_judged_by_the_file_and_the_folder_to_which_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let (shared, link) = (folder.path().join("shared"), folder.path().join("okta.yaml"));
        fs::create_dir(&shared).unwrap();
        fs::write(shared.join("file"), "").unwrap();
        mode(&shared.join("file"), 0o644);
        symlink(shared.join("file"), &link).unwrap();
        assert_eq!(hand(&link), None);
        mode(&shared, 0o777);
        assert_eq!(hand(&link), Some(OtherHand::FolderWritable));
        mode(&shared.join("file"), 0o666);
        assert_eq!(hand(&link), Some(OtherHand::Writable));
    }

    #[test]
    fn a_file_that_was_exchanged_while_it_was_opened_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "").unwrap();
        fs::write(&other, "").unwrap();
        let opened = File::open(&path).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(other_hand(&path, &opened).unwrap(), Some(OtherHand::Exchanged));
    }
}
