//! Where the log goes on, kept in a file, so that a program that was killed loses nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where the log goes on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    version: u32,
    /// The origin of the org.
    pub(super) org: String,
    /// What was asked for: a link answers no other question.
    pub(super) filter: String,
    /// The link to the next page, as the server gave it.
    pub(super) next: String,
    /// When it was last known to be good, by the server's clock.
    pub(super) read_at: DateTime<Utc>,
}

impl Cursor {
    const VERSION: u32 = 1;

    /// The longest cursor that is read, in bytes.
    const MAX_LEN: u64 = 64 * 1024;

    pub(super) fn new(org: &str, filter: &str, next: &str, read_at: DateTime<Utc>) -> Self {
        let (org, filter, next) = (org.to_owned(), filter.to_owned(), next.to_owned());
        Self { version: Self::VERSION, org, filter, next, read_at }
    }
}

/// Why a file holds no cursor that can be gone on with.
#[derive(Debug, thiserror::Error)]
pub(super) enum CursorFault {
    #[error("is no regular file")]
    NotRegular,
    #[error("is another user's, or can be written by others")]
    Exposed,
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("holds no cursor of this program")]
    Foreign,
}

impl CursorFault {
    /// The reason in counts and logs.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NotRegular => "cursor_not_regular",
            Self::Exposed => "cursor_exposed",
            Self::Unreadable(_) => "cursor_unreadable",
            Self::Foreign => "cursor_foreign",
        }
    }
}

/// Reads a cursor; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Cursor>, CursorFault> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CursorFault::Unreadable(error)),
        Ok(metadata) if !metadata.is_file() => return Err(CursorFault::NotRegular),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(CursorFault::Unreadable)?;
    let metadata = file.metadata().map_err(CursorFault::Unreadable)?;
    if !metadata.is_file() {
        return Err(CursorFault::NotRegular);
    }
    if is_exposed(&metadata) {
        return Err(CursorFault::Exposed);
    }
    let mut text = Vec::new();
    let read = file.take(Cursor::MAX_LEN.saturating_add(1)).read_to_end(&mut text);
    let len = read.map_err(CursorFault::Unreadable)?;
    if len as u64 > Cursor::MAX_LEN {
        return Err(CursorFault::Foreign);
    }
    let cursor: Cursor = serde_json::from_slice(&text).map_err(|_| CursorFault::Foreign)?;
    if cursor.version != Cursor::VERSION {
        return Err(CursorFault::Foreign);
    }
    Ok(Some(cursor))
}

/// Writes a cursor, so that the file holds the old one or the new one, whatever happens.
pub(super) fn write(path: &Path, cursor: &Cursor) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
        }
        _ => {}
    }
    let new = beside(path);
    let written = write_new(&new, cursor).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // Nothing is left of what did not become the cursor. That may fail as well.
        let _ = fs::remove_file(&new);
        return written;
    }
    sync_folder(path)
}

fn write_new(path: &Path, cursor: &Cursor) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    // Created new: what somebody puts there meanwhile is not followed.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&serde_json::to_vec(cursor)?)?;
    file.sync_all()
}

/// The name of the file while it is written.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Makes the new name last.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Folders cannot be opened there.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether other users can write to the file, and so decide where the log goes on.
#[cfg(unix)]
fn is_exposed(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let trusted = [rustix::process::geteuid().as_raw(), 0];
    metadata.mode() & 0o022 != 0 || !trusted.contains(&metadata.uid())
}

#[cfg(not(unix))]
fn is_exposed(_: &fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn cursor(next: &str) -> Cursor {
        Cursor::new("https://acme.okta.com", "f", next, DateTime::UNIX_EPOCH)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_was_written_is_read_and_only_its_owner_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        assert_eq!(read(&path).unwrap(), None);
        for next in ["a", "b"] {
            write(&path, &cursor(next)).unwrap();
            assert_eq!(read(&path).unwrap(), Some(cursor(next)));
        }
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_left_of_an_earlier_write_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("cursor"), folder.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, beside(&path)).unwrap();
        write(&path, &cursor("a")).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!((read(&path).unwrap(), mode(&path)), (Some(cursor("a")), 0o600));
    }

    #[test]
    fn a_file_that_others_can_write_decides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        for (bits, is_read) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            write(&path, &cursor("a")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            let read = read(&path);
            assert_eq!(read.is_ok(), is_read, "{bits:o}");
            assert!(is_read || matches!(read, Err(CursorFault::Exposed)), "{bits:o}");
        }
    }

    /// Only root can give files away; for others this looks at nothing.
    #[test]
    fn a_file_of_another_user_decides_nothing() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        write(&path, &cursor("a")).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        assert!(matches!(read(&path), Err(CursorFault::Exposed)));
        // What replaces it is this user's own.
        write(&path, &cursor("b")).unwrap();
        assert_eq!(read(&path).unwrap(), Some(cursor("b")));
    }

    #[test]
    fn what_is_no_regular_file_is_neither_read_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        write(&target, &cursor("a")).unwrap();
        symlink(&target, &link).unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [link.as_path(), &pipe, folder.path(), Path::new("/dev/null")] {
            assert!(matches!(read(path), Err(CursorFault::NotRegular)), "{}", path.display());
            assert!(write(path, &cursor("b")).is_err(), "{}", path.display());
        }
        assert_eq!(read(&target).unwrap(), Some(cursor("a")));
    }

    #[test]
    fn what_is_no_cursor_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        let good = serde_json::to_string(&cursor("a")).unwrap();
        let with_more = good.replacen('{', r#"{"more":1,"#, 1);
        let later = good.replace(r#""version":1"#, r#""version":2"#);
        for text in [
            "",
            "x",
            "{}",
            "[]",
            &good[1..],
            &good[..9],
            &with_more,
            &later,
            &format!("{good}{good}"),
        ] {
            fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(CursorFault::Foreign)), "{text}");
        }
        for (len, is_read) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
            let padded = format!("{}{good}", " ".repeat(len - good.len()));
            fs::write(&path, padded).unwrap();
            assert_eq!(read(&path).is_ok(), is_read, "{len}");
        }
    }
}
