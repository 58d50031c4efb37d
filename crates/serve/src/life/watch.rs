//! Whether files have changed, by looking at them.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use openssl::sha::sha256;

/// Files that are looked at every now and then.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::life::Watch;
///
/// let watch = Watch::new(["/etc/okta-introspect/serve.yaml".into()]);
/// # let _ = watch;
/// ```
#[derive(Debug, Default)]
pub struct Watch {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// As it was when its content was last looked at.
    known: Stamp,
    /// As it was at the last look.
    seen: Stamp,
    /// `None` if it could not be read.
    content: Option<[u8; 32]>,
}

/// What tells that a file may have changed, without reading it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    /// Device and inode.
    identity: (u64, u64),
}

impl Watch {
    /// Looks at these files from now on; what they are now is no change. Reads them.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: paths.into_iter().map(File::new).collect() }
    }

    /// Looks at these files from now on. What is known of those before stays: one that has changed
    /// since the last look, such as while it was loaded, is a change at the next.
    pub(super) fn follow(&mut self, paths: Vec<PathBuf>) {
        let mut before = std::mem::take(&mut self.files);
        let file = |path: PathBuf| match before.iter().position(|file| file.path == path) {
            Some(known) => before.swap_remove(known),
            None => File::new(path),
        };
        self.files = paths.into_iter().map(file).collect();
    }

    /// Takes all files for known as they are now, since they are about to be loaded.
    pub(super) fn take_in(&mut self) {
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files.map(|file| File::new(file.path)).collect();
    }

    /// Whether the content of a file differs from that of the last look that said so.
    ///
    /// A file that was replaced, as editors and secret stores do it, is read at once; one that is
    /// written in place only when two looks have seen it alike, since it may be half written.
    pub(super) fn changed(&mut self) -> bool {
        // All of them are looked at, also behind one that has changed.
        let changed = self.files.iter_mut().filter_map(|file| file.changed().then_some(()));
        changed.count() > 0
    }
}

impl File {
    fn new(path: PathBuf) -> Self {
        let stamp = Stamp::of(&path);
        Self { content: digest(&path), path, known: stamp, seen: stamp }
    }

    fn changed(&mut self) -> bool {
        let now = Stamp::of(&self.path);
        let last = std::mem::replace(&mut self.seen, now);
        let replaced = now.identity != self.known.identity;
        if now == self.known || !(replaced || now == last) {
            return false;
        }
        self.known = now;
        let content = digest(&self.path);
        content != std::mem::replace(&mut self.content, content)
    }
}

impl Stamp {
    /// Of a file that is not there: zeros.
    fn of(path: &Path) -> Self {
        let found = fs::metadata(path);
        found.map_or(Self { modified: (0, 0), size: 0, identity: (0, 0) }, |found| Self {
            modified: (found.mtime(), found.mtime_nsec()),
            size: found.size(),
            identity: (found.dev(), found.ino()),
        })
    }
}

/// What is no regular file is not opened: a pipe would be waited for, and a device has no end.
fn digest(path: &Path) -> Option<[u8; 32]> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let (mut content, file) = (Vec::new(), fs::File::open(path).ok()?);
    file.take(MAX_LEN).read_to_end(&mut content).ok()?;
    Some(sha256(&content))
}

/// No file of a configuration is longer, in bytes.
const MAX_LEN: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_counts_at_once_and_only_if_its_content_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new([path.clone()]);
        assert!(!watch.changed());
        for (content, is_change) in [("two", true), ("two", false), ("one", true)] {
            fs::write(&new, content).unwrap();
            fs::rename(&new, &path).unwrap();
            assert_eq!(watch.changed(), is_change, "{content}");
            assert!(!watch.changed(), "said once");
        }
    }

    #[test]
    fn a_file_that_is_being_written_counts_when_it_has_come_to_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new([path.clone()]);
        let looks: Vec<bool> = ["ha", "half", "half and half"]
            .into_iter()
            .map(|content| {
                fs::write(&path, content).unwrap();
                watch.changed()
            })
            .collect();
        assert_eq!(looks, [false, false, false]);
        assert!(watch.changed());
        assert!(!watch.changed());
    }

    #[test]
    fn what_was_taken_in_is_no_change_and_what_comes_after_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new([path.clone()]);
        fs::write(&path, "two, and").unwrap();
        watch.take_in();
        assert!(!watch.changed() && !watch.changed());
        fs::write(&path, "two, and half").unwrap();
        watch.take_in();
        fs::write(&path, "two, and half of it").unwrap();
        assert!(watch.changed() || watch.changed());
        assert!(!watch.changed());
    }

    #[test]
    fn a_file_that_goes_and_comes_is_a_change_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        for path in [&path, &other] {
            fs::write(path, "one").unwrap();
        }
        let mut watch = Watch::new([path.clone(), other]);
        fs::remove_file(&path).unwrap();
        assert!(watch.changed());
        assert!(!watch.changed());
        fs::write(&path, "one").unwrap();
        assert!(watch.changed());
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_a_change_as_kubernetes_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let version = |name: &str, content: &str| {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("key"), content).unwrap();
            std::os::unix::fs::symlink(name, path("..data_tmp")).unwrap();
            fs::rename(path("..data_tmp"), path("..data")).unwrap();
        };
        version("..1", "one");
        std::os::unix::fs::symlink("..data/key", path("key")).unwrap();
        let mut watch = Watch::new([path("key")]);
        assert!(!watch.changed());
        version("..2", "two");
        fs::remove_dir_all(path("..1")).unwrap();
        assert!(watch.changed());
        assert!(!watch.changed());
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new([path.clone()]);
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        // It may have the inode of the file, and then it has to be seen twice.
        assert!(watch.changed() || watch.changed());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(!watch.changed() && !watch.changed(), "nothing to read is nothing to read");
    }
}
