//! Files that are replaced while they are in use: looked at when their content is wanted.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use openssl::sha::sha256;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::clock::{Clock, later};
use crate::error::{BoxError, redact};

/// A file that is followed without a thread or a timer of its own: it is looked at when somebody wants
/// its content, at most once in a while, and when what it said was refused.
///
/// What is no regular file, too long, or no good keeps what is known; that is told once in the log.
pub(crate) struct Followed {
    clock: Arc<dyn Clock>,
    interval: Duration,
    next: Mutex<Instant>,
    /// Held while the file is looked at after a refusal: of many refusals, the first one looks.
    gate: tokio::sync::Mutex<()>,
    look: Arc<Mutex<Look>>,
}

/// Takes the content of the file, if it is good.
type Take = dyn FnMut(&[u8]) -> Result<(), BoxError> + Send;

struct Look {
    path: PathBuf,
    what: &'static str,
    max_len: usize,
    /// As it was when it was last read.
    stamp: Option<Stamp>,
    content: Option<[u8; 32]>,
    /// Whether it was read once more after it had changed: two changes within one tick of the file
    /// system's clock have one time.
    is_settled: bool,
    is_faulty: bool,
    take: Box<Take>,
}

/// What tells, without reading it, that a file may have changed: another one is behind the name, as
/// after a rename or when a link leads elsewhere, or it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    identity: (u64, u64),
}

impl Followed {
    /// How often a file is looked at, unless something else is said: a mounted secret takes longer to
    /// arrive.
    pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

    /// Follows the file at `path`, of which `content` is known. `what` names it in the log; no more
    /// than `max_len` bytes are taken.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        path: &Path,
        what: &'static str,
        max_len: usize,
        content: &[u8],
        take: Box<Take>,
    ) -> Self {
        let look = Look {
            path: path.to_owned(),
            what,
            max_len,
            // Not that of now: it may have been replaced since it was read.
            stamp: None,
            content: Some(sha256(content)),
            is_settled: false,
            is_faulty: false,
            take,
        };
        let next = Mutex::new(later(clock.monotonic(), Self::DEFAULT_INTERVAL));
        let (gate, look) = (tokio::sync::Mutex::new(()), Arc::new(Mutex::new(look)));
        Self { clock, interval: Self::DEFAULT_INTERVAL, next, gate, look }
    }

    pub(crate) fn set_clock(&mut self, clock: Arc<dyn Clock>) {
        self.clock = clock;
        self.set_interval(self.interval);
    }

    pub(crate) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
        let next = later(self.clock.monotonic(), interval);
        *self.next.get_mut().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Looks at the file if it is time to; others go on with what is known meanwhile.
    pub(crate) async fn look_if_due(&self) {
        if self.is_due() {
            self.look(false).await;
        }
    }

    /// Looks at the file because what it said was refused, unless another refusal was there first and
    /// `is_replaced` says that it is another one by now. Gives whether it is.
    pub(crate) async fn look_after_refusal(&self, is_replaced: impl Fn() -> bool) -> bool {
        if is_replaced() {
            return true;
        }
        let _gate = self.gate.lock().await;
        if !is_replaced() {
            self.look(true).await;
        }
        is_replaced()
    }

    fn is_due(&self) -> bool {
        let now = self.clock.monotonic();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now >= *next;
        if is_due {
            *next = later(now, self.interval);
        }
        is_due
    }

    /// Files may be on a disk that is slow, so they are looked at beside the runtime, if there is one.
    async fn look(&self, reads: bool) {
        let look = Arc::clone(&self.look);
        let work = move || look.lock().unwrap_or_else(PoisonError::into_inner).run(reads);
        match Handle::try_current() {
            // It fails only if the runtime ends.
            Ok(runtime) => drop(runtime.spawn_blocking(work).await),
            Err(_) => work(),
        }
    }
}

impl Look {
    fn run(&mut self, reads: bool) {
        match self.changed(reads) {
            Ok(None) => {}
            Ok(Some(content)) => match (self.take)(&content) {
                Ok(()) => self.is_faulty = false,
                Err(cause) => self.tell(&*cause),
            },
            Err(cause) => self.tell(&cause),
        }
    }

    /// The content, if it is not the one that was last read. `reads` does not trust the stamp.
    fn changed(&mut self, reads: bool) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let stamp = match Stamp::of(&self.path) {
            Ok(stamp) => stamp,
            Err(cause) => {
                (self.stamp, self.content) = (None, None);
                return Err(cause);
            }
        };
        let is_known = self.stamp == Some(stamp);
        if is_known && self.is_settled && !reads {
            return Ok(None);
        }
        (self.stamp, self.is_settled) = (Some(stamp), is_known);
        let content = read(&self.path, self.max_len).inspect_err(|_| self.content = None)?;
        let digest = sha256(&content);
        let is_new = self.content.replace(digest) != Some(digest);
        Ok(is_new.then_some(content))
    }

    /// Tells what is wrong, once until it is good again. Neither says what is in it.
    fn tell(&mut self, cause: &(dyn std::error::Error + 'static)) {
        if std::mem::replace(&mut self.is_faulty, true) {
            return;
        }
        let (what, path) = (self.what, redact::path(&self.path));
        tracing::error!(%path, %cause, "the file of the {what} has changed and is no good; what was there before stays in use");
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        // A pipe would be waited for, and a device has no end.
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let (modified, size) = (found.modified().ok(), found.len());
        Ok(Self { modified, size, identity: identity(&found) })
    }
}

/// Device and inode.
#[cfg(unix)]
fn identity(file: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;

    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// A regular file that is not longer than `max_len`, whole.
pub(crate) fn read(path: &Path, max_len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    Stamp::of(path)?;
    // Room for a key at once: a buffer that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(16 * 1024));
    File::open(path)?.take(max_len as u64 + 1).read_to_end(&mut content)?;
    match content.len() > max_len {
        true => Err(io::Error::other(format!("it is longer than {max_len} bytes"))),
        false => Ok(content),
    }
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed").field("interval", &self.interval).finish_non_exhaustive()
    }
}
