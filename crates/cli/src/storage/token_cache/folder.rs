//! The user's cache folder, which may be emptied at any time.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::files::private;

/// No service token lives longer.
const OLDEST: TimeDelta = TimeDelta::days(1);

/// How the names of our files end.
pub(super) const ENDING: &str = "token";

/// `$XDG_CACHE_HOME/okta-introspect`, or else below where the system keeps caches.
pub(super) fn locate() -> Option<PathBuf> {
    let of_variable = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_system = || match () {
        () if cfg!(windows) => of_variable("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => home().map(|home| home.join("Library/Caches")),
        () => home().map(|home| home.join(".cache")),
    };
    let caches = of_variable("XDG_CACHE_HOME").or_else(of_system)?;
    Some(caches.join("okta-introspect"))
}

fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// Makes the folder if it is not there, and checks that it is this user's alone.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    private::make_folders(folder)?;
    match private::is_folder(folder) {
        true => Ok(()),
        false => Err(io::Error::other(
            "the cache folder is open to other users; take their rights to it away (chmod 700)",
        )),
    }
}

/// Removes tokens that have surely expired. A file that cannot be removed does no harm.
pub(super) fn remove_old(folder: &Path, now: DateTime<Utc>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.extension().is_some_and(|ending| ending == ENDING || ending == "draft");
        let written = fs::symlink_metadata(&path).and_then(|file| file.modified());
        if ours && written.is_ok_and(|time| now - DateTime::<Utc>::from(time) > OLDEST) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::{Clock, SystemClock};

    #[test]
    fn only_our_files_that_are_older_than_a_day_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.token", "b.1.draft", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let left = || fs::read_dir(folder.path()).unwrap().count();
        let now = SystemClock.now();
        remove_old(folder.path(), now + TimeDelta::hours(23));
        assert_eq!(left(), 3);
        remove_old(folder.path(), now + TimeDelta::hours(25));
        assert_eq!(left(), 1);
        assert!(folder.path().join("notes.txt").exists());
    }
}
