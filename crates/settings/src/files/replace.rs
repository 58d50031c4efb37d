//! The one way in which a file of ours is written: whole, or not at all.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use okta_introspect::{Clock, SystemClock};
use zeroize::Zeroizing;

/// Replaces a file, or makes it, in one step: a program that reads it meanwhile finds the old one or
/// the new one, also after a loss of power. A link in its place is replaced, not followed.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let draft = Draft::write(path, content, readers)?;
    fs::rename(&draft.path, path)?;
    drop(draft);
    sync_name(path);
    Ok(())
}

/// Gives a file the name of another one of its folder, in whose place it is then, in one step that a
/// loss of power does not undo.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_name(to);
    Ok(())
}

/// Whose eyes a file is for.
#[derive(Clone, Copy, Debug)]
pub enum Readers {
    /// Its owner's.
    Owner,
    /// Those of all whom the umask permits.
    All,
}

/// A file that only one process at a time may replace, from the first look at it to the end.
#[derive(Debug)]
pub struct Exclusive {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    held: RefCell<Option<Held>>,
    is_recoverable: bool,
}

/// The file as it is now, locked; the lock ends with it.
#[derive(Debug)]
struct Held {
    file: File,
    /// How long it is, and when it was written to the disk, if this process has written it.
    written: Option<(usize, Instant)>,
}

/// How much of a file tells it from others, in bytes.
const MAX_MARKED: u64 = 1024 * 1024;

/// How long new content may wait for the disk. Waiting for the disk each time would make a long
/// batch several times as long; a process that is killed loses nothing in any case.
const MAX_UNSYNCED: Duration = Duration::from_secs(1);

impl Exclusive {
    pub fn new(path: &Path) -> Self {
        Self::by(Arc::new(SystemClock), path)
    }

    fn by(clock: Arc<dyn Clock>, path: &Path) -> Self {
        Self { path: path.to_owned(), clock, held: RefCell::new(None), is_recoverable: false }
    }

    /// A file whose new content must not get lost if the process is killed: [`recover`](Self::recover)
    /// finds it.
    pub fn recoverable(path: &Path) -> Self {
        let mut file = Self::new(path);
        file.is_recoverable = true;
        file
    }

    /// Takes up, under the lock, what a killed process was about to replace the file by, and removes
    /// what else such processes have left. `is_whole` tells whether content is complete.
    pub fn recover(&self, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        let Some(replaced) = self.mark() else { return Ok(()) };
        for left in Draft::left_for(&self.path) {
            // What is no file of ours is nobody's content, and goes or stays as the system decides.
            let is_file = fs::symlink_metadata(&left).is_ok_and(|found| found.is_file());
            let is_for_this = Draft::replaces(&left, &self.path, &replaced);
            if is_file && is_for_this && is_whole(&Zeroizing::new(fs::read(&left)?)) {
                let file = File::open(&left)?;
                lock(&file)?;
                fs::rename(&left, &self.path)?;
                sync_name(&self.path);
                *self.held.borrow_mut() = Some(Held { file, written: None });
                // All others are older: the file is another one now.
                return self.recover(is_whole);
            }
        }
        Draft::left_for(&self.path).iter().for_each(|left| drop(fs::remove_file(left)));
        Ok(())
    }

    /// What tells the content of the locked file from others, without telling it; for
    /// [`recoverable`](Self::recoverable) files.
    fn mark(&self) -> Option<String> {
        if !self.is_recoverable {
            return None;
        }
        let held = self.held.borrow();
        let mut file = &held.as_ref()?.file;
        let mut content = Zeroizing::new(Vec::new());
        file.seek(SeekFrom::Start(0)).ok()?;
        file.take(MAX_MARKED).read_to_end(&mut content).ok()?;
        let hash = openssl::sha::sha256(&content);
        Some(hash[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Locks the file, if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`] if another process has it.
    pub fn lock(&self) -> io::Result<()> {
        self.held.take();
        refuse_devices(&self.path)?;
        loop {
            let file = match File::open(&self.path) {
                Ok(file) => file,
                Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
                Err(cause) => return Err(cause),
            };
            lock(&file)?;
            // Another process may have replaced it before it was locked.
            if is_at(&file, &self.path) {
                *self.held.borrow_mut() = Some(Held { file, written: None });
                return Ok(());
            }
        }
    }

    /// Whether [`replace`](Self::replace) can be done with content of this length: writes as much beside
    /// the file, and removes it again.
    pub fn try_replace(&self, length: usize) -> io::Result<()> {
        if self.path.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        // Under the same name, which may be too long.
        let (mark, content) = (self.mark(), vec![b'\n'; length]);
        Draft::marked(mark.as_deref(), &self.path, &content, Readers::Owner).map(drop)
    }

    /// As [`replace`], for its owner's eyes, but that a loss of power may bring back the content of a
    /// second ago. A file that has appeared since [`lock`](Self::lock) is another process's.
    pub fn replace(&self, content: &[u8]) -> io::Result<()> {
        let mark = self.mark();
        let mut held = self.held.borrow_mut();
        if let Some(Held { file, written: Some((length, at)) }) = &mut *held
            && content.len() >= *length
            && self.clock.monotonic().saturating_duration_since(*at) < MAX_UNSYNCED
        {
            // One write, which covers the old content.
            file.seek(SeekFrom::Start(0))?;
            *length = content.len();
            return file.write_all(content);
        }
        let draft = Draft::marked(mark.as_deref(), &self.path, content, Readers::Owner)?;
        // Locked before it has its name, so that there is no moment without a lock.
        lock(&draft.file)?;
        match &*held {
            Some(old) => {
                keep_owner(&old.file, &draft.file);
                fs::rename(&draft.path, &self.path)?;
            }
            // Unlike a rename, this fails if the name is taken.
            None => fs::hard_link(&draft.path, &self.path).map_err(taken)?,
        }
        sync_name(&self.path);
        let written = Some((content.len(), self.clock.monotonic()));
        *held = Some(Held { file: draft.file.try_clone()?, written });
        Ok(())
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(Held { file, written: Some(_) }) = &*self.held.borrow() {
            // What it holds is there; only a loss of power could take it back.
            let _ = sync(file);
        }
    }
}

/// Gives the new file to the owner and the group of the old one, where this user may: what root
/// replaces is still its owner's. Others cannot give files away, and own what they write.
#[cfg(unix)]
fn keep_owner(old: &File, new: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};

    if let (Ok(old), Ok(now)) = (old.metadata(), new.metadata())
        && (old.uid(), old.gid()) != (now.uid(), now.gid())
    {
        let _ = fchown(new, Some(old.uid()), Some(old.gid()));
    }
}

/// Elsewhere, the folder decides whose a file is.
#[cfg(not(unix))]
fn keep_owner(_: &File, _: &File) {}

/// Waits until the disk has the file's name.
fn sync_name(path: &Path) {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        // A file system that cannot do it has nothing to be told.
        let _ = File::open(folder.unwrap_or_else(|| Path::new("."))).and_then(|it| sync(&it));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Waits until the disk has the file.
fn sync(file: &File) -> io::Result<()> {
    #[cfg(all(test, unix))]
    tests::note(file);
    file.sync_all()
}

/// A device such as `/dev/null`, or a pipe, is left in its place, also behind a link: a rename would
/// put a file there, for every program of this computer. It is not opened either. Of folders, the
/// system says what they are.
fn refuse_devices(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            Err(io::Error::other("it is not a regular file"))
        }
        _ => Ok(()),
    }
}

fn taken(cause: io::Error) -> io::Error {
    match cause.kind() {
        ErrorKind::AlreadyExists => in_use(),
        _ => cause,
    }
}

fn in_use() -> io::Error {
    io::Error::new(ErrorKind::WouldBlock, "another run is using it")
}

/// A file system without locks has none.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(in_use()),
        Err(TryLockError::Error(cause)) if cause.kind() != ErrorKind::Unsupported => Err(cause),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), path.metadata()) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

/// Elsewhere, an open file cannot be replaced.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// The new content of a file, beside it and under another name; removed unless it was kept.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    /// Writes it to the disk. Its name is random, and not one that is there: nobody can have put a
    /// link in its place.
    fn write(target: &Path, content: &[u8], readers: Readers) -> io::Result<Self> {
        Self::marked(None, target, content, readers)
    }

    /// As [`write`](Self::write), under a name that tells what content it replaces.
    fn marked(
        mark: Option<&str>,
        target: &Path,
        content: &[u8],
        readers: Readers,
    ) -> io::Result<Self> {
        refuse_devices(target)?;
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random)?;
        let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
        let mut draft = OsString::from(".");
        draft.push(name);
        if let Some(mark) = mark {
            draft.push(format!(".{mark}"));
        }
        draft.push(format!(".{:016x}.draft", u64::from_ne_bytes(random)));
        let path = target.with_file_name(draft);
        let mut open = OpenOptions::new();
        open.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if let Readers::Owner = readers {
            std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
        }
        #[cfg(not(unix))]
        let _ = readers;
        let mut draft = Self { file: open.open(&path)?, path };
        draft.file.write_all(content)?;
        sync(&draft.file)?;
        Ok(draft)
    }

    /// The drafts of a file that are there.
    fn left_for(target: &Path) -> Vec<PathBuf> {
        let folder = target.parent().filter(|folder| *folder != Path::new(""));
        let all =
            fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).into_iter().flatten().flatten();
        let own = all.filter(|file| Self::middle(&file.file_name(), target).is_some());
        own.map(|file| target.with_file_name(file.file_name())).collect()
    }

    /// Whether a draft was made to replace content of this mark.
    fn replaces(draft: &Path, target: &Path, mark: &str) -> bool {
        let middle = draft.file_name().and_then(|name| Self::middle(name, target));
        middle.is_some_and(|middle| middle.split_once('.').is_some_and(|(of, _)| of == mark))
    }

    /// What stands in the name of a draft of this file between the file's name and the end: the mark, if
    /// it has one, and what is random.
    fn middle(name: &OsStr, target: &Path) -> Option<String> {
        let rest = name.as_encoded_bytes().strip_prefix(b".")?;
        let rest = rest.strip_prefix(target.file_name()?.as_encoded_bytes())?;
        let middle = rest.strip_prefix(b".")?.strip_suffix(b".draft")?;
        let is_hex = |part: &str, digits| {
            part.len() == digits && part.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        let middle = str::from_utf8(middle).ok()?;
        let is_ours = match middle.split_once('.') {
            Some((mark, random)) => is_hex(mark, 32) && is_hex(random, 16),
            None => is_hex(middle, 16),
        };
        is_ours.then(|| middle.to_owned())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is none.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::process::Command;

    use okta_introspect::ManualClock;

    use super::*;

    thread_local! {
        static SYNCED: RefCell<Vec<Synced>> = const { RefCell::new(Vec::new()) };
    }

    /// A file that was written to the disk, as it was by then.
    #[derive(Debug)]
    struct Synced {
        inode: u64,
        length: u64,
        /// Where the system tells it.
        name: Option<PathBuf>,
    }

    pub(super) fn note(file: &File) {
        let found = file.metadata().unwrap();
        let name = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok();
        let synced = Synced { inode: found.ino(), length: found.len(), name };
        SYNCED.with_borrow_mut(|all| all.push(synced));
    }

    /// Checks that the content of a file was written to the disk while it had another name, and then
    /// the name; or neither.
    #[track_caller]
    fn assert_synced(path: &Path, is_synced: bool) {
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        match &SYNCED.take()[..] {
            [] => assert!(!is_synced, "nothing was written to the disk"),
            [content, name] => {
                assert!(is_synced);
                assert_eq!(content.inode, inode(path));
                assert_eq!(content.length, fs::metadata(path).unwrap().len());
                assert!(content.name.as_ref().is_none_or(|name| name != path), "{content:?}");
                assert_eq!(name.inode, inode(path.parent().unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_content_of_a_file_and_then_its_name_go_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("settings");
        for content in ["four", "longer"] {
            replace(&path, content.as_bytes(), Readers::Owner).unwrap();
            assert_synced(&path, true);
        }
    }

    #[test]
    fn what_one_process_writes_is_on_the_disk_after_a_second_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("state");
        let clock = ManualClock::new(std::time::SystemTime::UNIX_EPOCH.into());
        let state = Exclusive::by(Arc::new(clock.clone()), &path);
        state.lock().unwrap();
        for (later, content, is_synced) in [
            (0, "1", true),
            (999, "22", false),
            (0, "333", false),
            (1, "4444", true),
            (0, "55555", false),
        ] {
            clock.advance(Duration::from_millis(later));
            state.replace(content.as_bytes()).unwrap();
            assert_synced(&path, is_synced);
        }
        drop(state);
        let synced = SYNCED.take();
        assert_eq!(synced.iter().map(|file| file.length).collect::<Vec<_>>(), [5]);
        assert_eq!(synced[0].inode, fs::metadata(&path).unwrap().ino());
    }

    #[test]
    fn a_file_is_replaced_whole_and_private_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("state"), folder.path().join("precious"));
        fs::write(&precious, "old").unwrap();
        symlink(&precious, &path).unwrap();
        for content in ["a", "bc"] {
            replace(&path, content.as_bytes(), Readers::Owner).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "old");
        assert_eq!(names(folder.path()), ["precious", "state"]);
    }

    #[test]
    fn what_cannot_be_replaced_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"x", Readers::All).is_err());
        assert_eq!(names(folder.path()), ["state"]);
    }

    #[test]
    fn what_is_no_file_is_neither_opened_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink(&pipe, &link).unwrap();
        for path in [pipe, link] {
            let before = fs::symlink_metadata(&path).unwrap().file_type();
            for refused in [
                replace(&path, b"x", Readers::Owner),
                Exclusive::new(&path).replace(b"x"),
                Exclusive::new(&path).lock(), // Opening a pipe would wait for its writer.
            ] {
                assert_eq!(refused.unwrap_err().to_string(), "it is not a regular file");
            }
            assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), before);
        }
        assert_eq!(names(folder.path()), ["link", "pipe"]);
    }

    #[test]
    fn whether_a_file_can_be_replaced_is_tried_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::write(&path, "old").unwrap();
        Exclusive::new(&path).try_replace(16).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        for impossible in [folder.path().to_owned(), folder.path().join("no/state")] {
            assert!(Exclusive::new(&impossible).try_replace(16).is_err(), "{impossible:?}");
        }
        assert_eq!(names(folder.path()), ["state"]);
    }

    #[test]
    fn what_a_killed_process_was_about_to_write_is_recovered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let is_whole = |content: &[u8]| content.ends_with(b"\n");
        #[allow(clippy::mem_forget)] // nothing is tidied up where a process is killed
        let leave = |mark: Option<&str>, content: &[u8]| {
            std::mem::forget(Draft::marked(mark, &path, content, Readers::Owner).unwrap());
        };
        let mark_of = |content: &str| {
            fs::write(&path, content).unwrap();
            let file = Exclusive::recoverable(&path);
            file.lock().unwrap();
            file.mark().unwrap()
        };
        let (other, mark) = (mark_of("other\n"), mark_of("1\n"));
        for (drafts, expected) in [
            (&[(Some(&*mark), "2\n"), (Some(&*mark), "3"), (Some(&*other), "4\n")][..], "2\n"),
            (&[(Some(&*mark), "2")], "1\n"),
            (&[(Some(&*other), "2\n"), (None, "3\n")], "1\n"),
        ] {
            fs::write(&path, "1\n").unwrap();
            fs::write(folder.path().join(".state.mine.draft"), "").unwrap();
            drafts.iter().for_each(|(mark, content)| leave(*mark, content.as_bytes()));
            let file = Exclusive::recoverable(&path);
            file.lock().unwrap();
            file.recover(is_whole).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
            assert_eq!(names(folder.path()), [".state.mine.draft", "state"]);
            // It is as locked as before.
            let second = Exclusive::new(&path);
            assert_eq!(second.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
            file.replace(b"5\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
        }
    }

    #[test]
    fn one_process_at_a_time_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (first, late) = (Exclusive::new(&path), Exclusive::new(&path));
        first.lock().unwrap();
        late.lock().unwrap();
        first.replace(b"1").unwrap();
        // It began before there was a file, as the first did.
        assert_eq!(late.replace(b"2").unwrap_err().kind(), ErrorKind::WouldBlock);
        for content in ["2", "34", "5", ""] {
            first.replace(content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            let second = Exclusive::new(&path);
            assert_eq!(second.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        drop(first);
        let second = Exclusive::new(&path);
        second.lock().unwrap();
        second.replace(b"4").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "4");
        assert_eq!(names(folder.path()), ["state"]);
    }
}
