//! What an engine has to offer to be a second level.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::support::boxed_future::BoxFuture;

/// The longest value that is put or given out, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;

/// How many of a stream's latest entries are kept, or a few more.
pub const STREAM_LENGTH: usize = 100_000;

/// An engine that the instances of a service share: names and values that end by themselves, claims,
/// and a stream of entries in one order. Everything that it carries is sealed; it need not be trusted
/// with more than being there.
///
/// Each method is one round trip, and may take as long as it likes: callers give up by themselves.
/// Dropping a future must not break the store, and what was under way may be carried out or not.
///
/// # Errors
///
/// Every method fails with an [`Error::from_store`] where it is not known what became of the call.
/// An error never carries a name or a value.
///
/// # Example: whether an engine can be used
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::Error;
/// use okta_introspect::shared::SharedStore;
///
/// async fn keeps(store: &dyn SharedStore) -> Result<bool, Error> {
///     store.put("probe", b"sealed", Duration::from_secs(10)).await?;
///     Ok(store.get(&["probe"]).await?[0].as_deref() == Some(b"sealed"))
/// }
/// ```
pub trait SharedStore: fmt::Debug + Send + Sync {
    /// Tells the time by the store's clock, and to which scale that time belongs.
    ///
    /// The store keeps, under `name`, the current [`TimeScale`] and the latest time it has told on it.
    /// In one step it looks at its clock and makes `fresh` the current scale if there is none, if its
    /// clock shows an earlier time than it has told, or if `broken` is the current one. Otherwise the
    /// current one stays.
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>>;

    /// The values of these names, in their order, at most [`MAX_VALUE`] bytes each. What is not
    /// there, has ended or is longer is `None`.
    ///
    /// [`MAX_VALUE`]: crate::shared::MAX_VALUE
    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>>;

    /// Puts a value in place of whatever has this name, for so long.
    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Makes `owner` the owner of a name for so long, if nobody owns it. Whether that is so.
    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// Appends an entry to a stream, of which some [`STREAM_LENGTH`] latest are kept.
    ///
    /// [`STREAM_LENGTH`]: crate::shared::STREAM_LENGTH
    fn append<'a>(
        &'a self,
        stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>>;

    /// Reads entries behind a position, at most `max`, and waits up to `wait` if there is none.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>>;

    /// Takes or renews the lead for so long, if no other owner has it. The lead and what was
    /// [committed](Self::commit) with it are kept under `lead`, the cursor for longer than the lead.
    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>>;

    /// In one step, if the owner has the lead still: appends an entry, keeps the cursor with the lead,
    /// and renews the lead. Not if `behind`, the entry that this owner committed or took over from, is
    /// not in the stream any more: then the store has lost what it had taken.
    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>>;

    /// Gives the lead up, if this owner has it.
    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>>;
}

/// What a store's times are counted on, until its clock is set: times of one scale can be compared,
/// and those of two cannot. A random number.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::TimeScale;
///
/// assert_ne!(TimeScale([1; 16]), TimeScale([2; 16]));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimeScale(pub [u8; 16]);

/// A time by a store's clock.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::{StoreTime, TimeScale};
///
/// let time = StoreTime { micros: 1_796_000_000_000_000, scale: TimeScale([1; 16]) };
/// assert_eq!(time.micros / 1_000_000, 1_796_000_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StoreTime {
    /// Microseconds since 1970.
    pub micros: u64,
    /// The scale that it is on.
    pub scale: TimeScale,
}

/// What a store calls an entry of a stream: at most 64 bytes, and not to be understood by others.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::EntryId;
///
/// let id = EntryId::new("1796000000000-0");
/// assert_eq!(id.as_str(), "1796000000000-0");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EntryId(Box<str>);

impl EntryId {
    /// The store's own text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The same.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where reading begins.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::StreamPosition;
///
/// let an_hour = StreamPosition::Since(1_796_000_000_000 - 3_600_000);
/// assert_ne!(an_hour, StreamPosition::Latest);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamPosition {
    /// With the latest entry, which is read too, if there is one.
    Latest,
    /// With what was appended at this time or later: milliseconds since 1970, by the store's clock.
    Since(u64),
    /// Behind this entry.
    Behind(EntryId),
}

/// Some entries of a stream.
///
/// # Example: nothing new
///
/// ```
/// use okta_introspect::shared::StreamPage;
///
/// let page = StreamPage { entries: Vec::new(), is_continuous: true };
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamPage {
    /// In the order in which they were appended.
    pub entries: Vec<(EntryId, Vec<u8>)>,
    /// Whether the entry that reading began [behind](StreamPosition::Behind) was there still
    /// *after* these were read, so that none before them is missing. True for other positions.
    pub is_continuous: bool,
}

/// The lead of a fleet, as one instance strives for it.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::shared::Lead;
///
/// let lead = Lead {
///     name: "oi1:{acme.okta.com}:leader".to_owned(),
///     owner: "a random id".to_owned(),
///     ttl: Duration::from_secs(6),
/// };
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lead {
    /// Its name in the store.
    pub name: String,
    /// Who strives for it: an id of its own for each instance and start.
    pub owner: String,
    /// How long it lasts if it is not renewed.
    pub ttl: Duration,
}

/// Whether an instance has the lead.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::Leadership;
///
/// assert_ne!(Leadership::Another, Leadership::Own { cursor: None });
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leadership {
    /// It has. With what was last committed as the cursor, by whomever.
    Own {
        /// `None` if nothing was, or if it is lost.
        cursor: Option<Vec<u8>>,
    },
    /// Another has it.
    Another,
}

/// What came of a commit.
///
/// # Example
///
/// ```
/// use okta_introspect::shared::{Commit, EntryId};
///
/// assert_ne!(Commit::Done(EntryId::new("1-0")), Commit::Lost);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Commit {
    /// The entry is in the stream, and the cursor is kept.
    Done(EntryId),
    /// Another has the lead, or nobody. Nothing was done.
    NotLeader,
    /// The store has lost entries that it had taken. Nothing was done.
    Lost,
}

impl Error {
    /// Why a [`SharedStore`] could not do something. Keep names and values out of `what`.
    pub fn from_store(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self::new(kind, what)
    }
}
