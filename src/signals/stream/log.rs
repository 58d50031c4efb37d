//! What a leader reads.

use std::fmt;
use std::time::{Duration, Instant};

use crate::signals::signal::Signal;
use crate::support::boxed_future::BoxFuture;

/// A log of signals that one instance reads for all others.
///
/// [`SystemLog`](crate::signals::SystemLog) is one, and what it is given by
/// [`cursor_file`](crate::signals::SystemLogBuilder::cursor_file) does not count then.
///
/// # Example: a log in which nothing ever happens
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use okta_introspect::signals::{LogPage, SignalLog};
/// use okta_introspect::{BoxFuture, Clock, SystemClock};
///
/// #[derive(Debug, Default)]
/// struct Silence {
///     has_begun: bool,
/// }
///
/// impl SignalLog for Silence {
///     fn go_on_at(&mut self, cursor: Option<&[u8]>) {
///         self.has_begun = cursor.is_some();
///     }
///
///     fn next_page(&mut self) -> BoxFuture<'_, LogPage> {
///         let now = SystemClock.monotonic();
///         let mut page = LogPage::new(now + Duration::from_secs(2));
///         page.begins = !std::mem::replace(&mut self.has_begun, true);
///         page.cursor = Some(b"the end".to_vec());
///         page.covered_until = now.checked_sub(Duration::from_secs(1));
///         Box::pin(async { page })
///     }
/// }
/// ```
pub trait SignalLog: fmt::Debug + Send {
    /// Goes on behind the page with this cursor, which another instance may have read. Without
    /// one, and with one that cannot be gone on with, it begins anew.
    fn go_on_at(&mut self, cursor: Option<&[u8]>);

    /// Reads on. Called when the page before says that it is [due](LogPage::due).
    ///
    /// # Cancellation
    ///
    /// Dropping the future must be safe: nothing that it read may be lost to the next call.
    fn next_page(&mut self) -> BoxFuture<'_, LogPage>;
}

/// What a [`SignalLog`] gave. A log that fails gives a page without anything, and counts that itself.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::LogPage;
/// use okta_introspect::{Clock, SystemClock};
///
/// let nothing = LogPage::new(SystemClock.monotonic());
/// assert!(nothing.signals.is_empty() && nothing.covered_until.is_none());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogPage {
    /// What it tells.
    pub signals: Vec<Signal>,
    /// Whether it does not go on where the page before ended. What was to be told between the two may be lost.
    pub begins: bool,
    /// Why it begins, if that is because the log could not be gone on with.
    pub gap: Option<String>,
    /// Where the log goes on behind this page, at most 16 KiB of the log's own. `None` as long as it
    /// has not begun.
    pub cursor: Option<Vec<u8>>,
    /// All that happened up to then has been told with this page; `None` if there is more, or if
    /// that is not known. By the monotonic time of the clock of the [`Feed`](crate::signals::Feed).
    pub covered_until: Option<Instant>,
    /// Within so long it is to be covered further.
    pub covered_within: Duration,
    /// When to read on.
    pub due: Instant,
}

impl LogPage {
    /// A page that tells nothing.
    pub fn new(due: Instant) -> Self {
        Self {
            signals: Vec::new(),
            begins: false,
            gap: None,
            cursor: None,
            covered_until: None,
            covered_within: Duration::ZERO,
            due,
        }
    }
}
