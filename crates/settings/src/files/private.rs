//! Files and folders that belong to this user alone.

use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

#[cfg(unix)]
pub use user::id as user_id;
pub use user::name as user_name;

/// Makes a folder that its owner alone may enter, unless something has its name already.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match builder().create(path) {
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

/// As [`make_folder`], with its parents.
pub fn make_folders(path: &Path) -> io::Result<()> {
    builder().recursive(true).create(path)
}

fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are set where there are some"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Whether it is a folder, not a link to one, that this user owns and no other may enter.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|folder| folder.is_dir() && user::owns(&folder))
}

/// Whether it is a file, not a link to one, that this user owns and no other may read or write.
pub fn is_file(file: &Metadata) -> bool {
    file.is_file() && user::owns(file)
}

#[cfg(unix)]
mod user {
    //! The user of this process. The standard library has no safe call for it, but files have
    //! owners: `/proc/self`, and where there is none, the home folder.

    use std::fs::{self, Metadata};
    use std::os::unix::fs::MetadataExt;

    pub fn name() -> String {
        id().map_or_else(String::new, |id| id.to_string())
    }

    pub(super) fn owns(what: &Metadata) -> bool {
        what.mode() & 0o077 == 0 && id() == Some(what.uid())
    }

    /// The user's id; `None` if it cannot be told.
    pub fn id() -> Option<u32> {
        let process = fs::metadata("/proc/self");
        let owned = process.or_else(|_| fs::metadata(std::env::home_dir().unwrap_or_default()));
        owned.ok().map(|owned| owned.uid())
    }
}

#[cfg(not(unix))]
mod user {
    //! Elsewhere, temporary folders and caches belong to one user.

    use std::fs::Metadata;

    pub fn name() -> String {
        "user".to_owned()
    }

    pub(super) fn owns(_: &Metadata) -> bool {
        true
    }
}
