//! The store: what is asked of Redis, and how its replies are read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, MAX_VALUE, STREAM_LENGTH, SharedStore, StoreTime,
    StreamPage, StreamPosition, TimeScale,
};
use okta_introspect::{BoxFuture, Error, ErrorKind, Random};
use redis::{Pipeline, ServerErrorKind, Value};

use crate::cluster::{Cluster, Lane};
use crate::fault;
use crate::link::Link;
use crate::scripts::{self, Script};

/// The most entries that are read at once.
const MAX_ENTRIES: usize = 1000;

/// The most bytes of entries that are read at once, but for a first one that is longer.
const MAX_PAGE: usize = 1024 * 1024;

/// The longest that Redis is asked to wait for an entry: less than what makes a connection a silent
/// one.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The longest that anything is kept. Redis refuses times that its clock cannot count.
const LONGEST_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Redis or Valkey as what the instances of a service share. Cheap to clone: clones share the
/// connections.
///
/// Connects when first asked, and again whenever a connection is lost; needs a tokio runtime. All
/// names of one call must share a part in `{}`, as those of this library do. A value of no bytes is
/// as none.
///
/// # Example
///
/// ```no_run
/// use okta_introspect_redis::RedisStore;
///
/// # async fn example() -> Result<(), okta_introspect::Error> {
/// let store = RedisStore::builder("redis://localhost").build()?;
/// store.check().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    routes: Arc<Routes>,
    random: Arc<dyn Random>,
}

/// Which server has a name.
#[derive(Debug)]
pub(crate) enum Routes {
    One(Link),
    Cluster(Box<Cluster>),
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl RedisStore {
    pub(crate) fn new(routes: Routes, random: Arc<dyn Random>) -> Self {
        Self { routes: Arc::new(routes), random }
    }

    /// Connects and logs in, unless that is done, and asks for a name that is not there.
    ///
    /// # Errors
    ///
    /// [`Unreachable`](ErrorKind::Unreachable) and [`TimedOut`](ErrorKind::TimedOut) without a
    /// connection, [`ClientRefused`](ErrorKind::ClientRefused) for a wrong user or password,
    /// [`RequestRefused`](ErrorKind::RequestRefused) where the user may not read,
    /// [`Malformed`](ErrorKind::Malformed) of something that is not Redis,
    /// [`Configuration`](ErrorKind::Configuration) for files that cannot be read, for a service that
    /// sentinels do not know, and for a node of a cluster that is not named as one.
    pub async fn check(&self) -> Result<(), Error> {
        self.get(&["oi1:{check}:e:"]).await.map(drop)
    }

    async fn send(&self, name: &str, commands: &Pipeline, lane: Lane) -> Result<Vec<Value>, Error> {
        match (&*self.routes, lane) {
            (Routes::One(link), Lane::Shared) => link.send(commands).await,
            (Routes::One(link), Lane::Apart) => link.send_apart(commands).await,
            (Routes::Cluster(cluster), lane) => cluster.send(name.as_bytes(), commands, lane).await,
        }
    }

    /// Sends one command.
    async fn one(&self, name: &str, commands: &Pipeline) -> Result<Value, Error> {
        let reply = self.send(name, commands, Lane::Shared).await?.pop();
        accepted(reply.ok_or_else(fault::misshapen)?)
    }

    async fn script(
        &self,
        script: &Script,
        names: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Value, Error> {
        let mut commands = Pipeline::new();
        commands.add_command(script.call(names, arguments));
        let name = names.first().copied().unwrap_or_default();
        let reply = self.send(name, &commands, Lane::Shared).await?.pop();
        match reply.ok_or_else(fault::misshapen)? {
            reply if is_unknown_script(&reply) => {
                let mut commands = Pipeline::new();
                commands.add_command(script.call_with_text(names, arguments));
                self.one(name, &commands).await
            }
            reply => accepted(reply),
        }
    }

    /// A number that no other entry will have.
    fn nonce(&self) -> String {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes).to_string()
    }

    async fn time_on(
        &self,
        name: &str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> Result<StoreTime, Error> {
        let broken = broken.as_ref().map_or(&[][..], |scale| &scale.0);
        let reply = self.script(&scripts::TIME, &[name], &[&fresh.0, broken]).await?;
        time_of(reply).ok_or_else(fault::misshapen)
    }

    async fn values(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let Some(first) = names.first() else { return Ok(Vec::new()) };
        let mut commands = Pipeline::with_capacity(names.len());
        for name in names {
            // One byte more than is given out tells what is too long.
            commands.cmd("GETRANGE").arg(*name).arg(0).arg(MAX_VALUE);
        }
        let replies = self.send(first, &commands, Lane::Shared).await?;
        replies.into_iter().map(value_of).collect()
    }

    async fn put_value(&self, name: &str, value: &[u8], ttl: Duration) -> Result<(), Error> {
        within_bounds(value)?;
        let mut commands = Pipeline::new();
        commands.cmd("SET").arg(name).arg(value).arg("PX").arg(millis(ttl));
        self.one(name, &commands).await.map(drop)
    }

    async fn claim_name(&self, name: &str, owner: &str, ttl: Duration) -> Result<bool, Error> {
        let mut commands = Pipeline::new();
        commands.cmd("SET").arg(name).arg(owner).arg("NX").arg("PX").arg(millis(ttl));
        match self.one(name, &commands).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(fault::misshapen()),
        }
    }

    async fn append_entry(&self, stream: &str, entry: &[u8]) -> Result<EntryId, Error> {
        within_bounds(entry)?;
        let (length, nonce) = (STREAM_LENGTH.to_string(), self.nonce());
        let arguments = [length.as_bytes(), nonce.as_bytes(), entry];
        let reply = self.script(&scripts::APPEND, &[stream], &arguments).await?;
        id_of(reply).ok_or_else(fault::misshapen)
    }

    async fn read_entries(
        &self,
        stream: &str,
        from: &StreamPosition,
        max: usize,
        wait: Duration,
    ) -> Result<StreamPage, Error> {
        let (begin, at) = match from {
            StreamPosition::Latest => ("latest", String::new()),
            StreamPosition::Since(millis) => ("since", millis.to_string()),
            StreamPosition::Behind(id) if is_id(id) => ("behind", id.as_str().to_owned()),
            // What was never given out is not there.
            StreamPosition::Behind(_) => {
                return Ok(StreamPage { entries: Vec::new(), is_continuous: false });
            }
        };
        let max = max.clamp(1, MAX_ENTRIES).to_string();
        let (longest, most) = (MAX_VALUE.to_string(), MAX_PAGE.to_string());
        let arguments: [&[u8]; 5] = [begin, &at, &max, &longest, &most].map(str::as_bytes);
        let wait = wait.min(MAX_WAIT);
        let waited = match wait.is_zero() {
            true => None,
            false => self.wait_and_read(stream, from, wait, &arguments).await?,
        };
        let reply = match waited {
            Some(reply) => reply,
            None => self.script(&scripts::READ, &[stream], &arguments).await?,
        };
        page_of(reply).ok_or_else(fault::misshapen)
    }

    /// Waits for an entry, and reads in the same round trip. `None` if it is to be read without
    /// waiting: the script is not known, or an entry is longer than any of ours, which the script
    /// leaves out.
    async fn wait_and_read(
        &self,
        stream: &str,
        from: &StreamPosition,
        wait: Duration,
        arguments: &[&[u8]],
    ) -> Result<Option<Value>, Error> {
        let mut commands = Pipeline::with_capacity(2);
        let read = commands.cmd("XREAD").arg("COUNT").arg(1).arg("BLOCK").arg(millis(wait));
        read.arg("STREAMS").arg(stream).arg(last_before(from));
        commands.add_command(scripts::READ.call(&[stream], arguments));
        let replies = match self.send(stream, &commands, Lane::Apart).await {
            Ok(replies) => replies,
            Err(error) if error.kind() == ErrorKind::Malformed => return Ok(None),
            Err(error) => return Err(error),
        };
        match <[Value; 2]>::try_from(replies) {
            Ok([_, page]) if is_unknown_script(&page) => Ok(None),
            Ok([waited, page]) => {
                accepted(waited)?;
                accepted(page).map(Some)
            }
            Err(_) => Err(fault::misshapen()),
        }
    }

    async fn take_lead(&self, lead: &Lead) -> Result<Leadership, Error> {
        let (ttl, longest) = (millis(lead.ttl).to_string(), MAX_VALUE.to_string());
        let arguments = [lead.owner.as_bytes(), ttl.as_bytes(), longest.as_bytes()];
        let reply = self.script(&scripts::LEAD, &[&lead.name], &arguments).await?;
        leadership_of(reply).ok_or_else(fault::misshapen)
    }

    async fn commit_entry(
        &self,
        lead: &Lead,
        stream: &str,
        behind: Option<&EntryId>,
        entry: &[u8],
        cursor: &[u8],
    ) -> Result<Commit, Error> {
        within_bounds(entry)?;
        within_bounds(cursor)?;
        let behind = match behind {
            Some(id) if !is_id(id) => return Ok(Commit::Lost),
            Some(id) => id.as_str(),
            None => "",
        };
        let (ttl, length, nonce) =
            (millis(lead.ttl).to_string(), STREAM_LENGTH.to_string(), self.nonce());
        let arguments = [
            lead.owner.as_bytes(),
            ttl.as_bytes(),
            cursor,
            behind.as_bytes(),
            length.as_bytes(),
            nonce.as_bytes(),
            entry,
        ];
        let reply = self.script(&scripts::COMMIT, &[&lead.name, stream], &arguments).await?;
        commit_of(reply).ok_or_else(fault::misshapen)
    }
}

impl SharedStore for RedisStore {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        Box::pin(self.time_on(name, fresh, broken))
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        Box::pin(self.values(names))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.put_value(name, value, ttl))
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.claim_name(name, owner, ttl))
    }

    fn append<'a>(
        &'a self,
        stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>> {
        Box::pin(self.append_entry(stream, entry))
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        Box::pin(self.read_entries(stream, from, max, wait))
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(self.take_lead(lead))
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        Box::pin(self.commit_entry(lead, stream, behind, entry, cursor))
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let arguments = [lead.owner.as_bytes()];
            self.script(&scripts::RESIGN, &[&lead.name], &arguments).await.map(drop)
        })
    }
}

fn within_bounds(value: &[u8]) -> Result<(), Error> {
    match value.len() {
        0..=MAX_VALUE => Ok(()),
        _ => Err(Error::from_store(ErrorKind::Input, "a value is longer than is taken")),
    }
}

/// Whole milliseconds, at least one.
fn millis(time: Duration) -> u64 {
    // Less than ten years are less than 2^64 milliseconds.
    time.min(LONGEST_TTL).as_millis().max(1) as u64
}

/// The id behind which reading begins, for what waits.
fn last_before(from: &StreamPosition) -> String {
    match from {
        StreamPosition::Latest | StreamPosition::Since(0) => "0-0".to_owned(),
        StreamPosition::Since(millis) => format!("{}-{}", millis - 1, u64::MAX),
        StreamPosition::Behind(id) => id.as_str().to_owned(),
    }
}

/// Whether Redis may have given this id out: two numbers.
fn is_id(id: &EntryId) -> bool {
    let is_number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok();
    id.as_str().split_once('-').is_some_and(|(millis, count)| is_number(millis) && is_number(count))
}

fn accepted(reply: Value) -> Result<Value, Error> {
    match reply {
        Value::ServerError(error) => Err(fault::refused(&error)),
        reply => Ok(reply),
    }
}

fn is_unknown_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

/// A value. What has another type is none of ours, and must not hide the others.
fn value_of(reply: Value) -> Result<Option<Vec<u8>>, Error> {
    match reply {
        Value::BulkString(value) if value.is_empty() || value.len() > MAX_VALUE => Ok(None),
        Value::BulkString(value) => Ok(Some(value)),
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(None),
        other => accepted(other).and(Err(fault::misshapen())),
    }
}

fn time_of(reply: Value) -> Option<StoreTime> {
    let Value::Array(parts) = reply else { return None };
    let [Value::BulkString(scale), Value::BulkString(seconds), Value::BulkString(micros)] =
        &parts[..]
    else {
        return None;
    };
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    let micros = number(seconds)?.checked_mul(1_000_000)?.checked_add(number(micros)?)?;
    Some(StoreTime { micros, scale: TimeScale(scale.as_slice().try_into().ok()?) })
}

fn id_of(reply: Value) -> Option<EntryId> {
    let Value::BulkString(id) = reply else { return None };
    let id = EntryId::new(String::from_utf8(id).ok()?);
    is_id(&id).then_some(id)
}

fn page_of(reply: Value) -> Option<StreamPage> {
    let Value::Array(parts) = reply else { return None };
    let [Value::Int(is_there), Value::Array(entries)] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let entries = entries.into_iter().map(entry_of).collect::<Option<_>>()?;
    Some(StreamPage { entries, is_continuous: is_there == 1 })
}

fn entry_of(reply: Value) -> Option<(EntryId, Vec<u8>)> {
    let Value::Array(parts) = reply else { return None };
    let [id, Value::BulkString(entry)] = <[Value; 2]>::try_from(parts).ok()? else { return None };
    (entry.len() <= MAX_VALUE).then_some((id_of(id)?, entry))
}

fn leadership_of(reply: Value) -> Option<Leadership> {
    let Value::Array(mut parts) = reply else { return None };
    match (parts.first()?, parts.len()) {
        (Value::Int(0), 1) => Some(Leadership::Another),
        (Value::Int(1), 1) => Some(Leadership::Own { cursor: None }),
        (Value::Int(1), 2) => match parts.pop()? {
            Value::Nil => Some(Leadership::Own { cursor: None }),
            Value::BulkString(cursor) if cursor.len() <= MAX_VALUE => {
                Some(Leadership::Own { cursor: Some(cursor) })
            }
            _ => None,
        },
        _ => None,
    }
}

fn commit_of(reply: Value) -> Option<Commit> {
    let Value::Array(mut parts) = reply else { return None };
    let word = match parts.first()? {
        Value::BulkString(word) => word.clone(),
        _ => return None,
    };
    match (&word[..], parts.len()) {
        (b"not leader", 1) => Some(Commit::NotLeader),
        (b"lost", 1) => Some(Commit::Lost),
        (b"done", 2) => id_of(parts.pop()?).map(Commit::Done),
        _ => None,
    }
}
