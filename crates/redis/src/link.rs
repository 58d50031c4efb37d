//! The connections to one server, made anew when they are lost.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use okta_introspect::{Error, ErrorKind, Random};
use redis::{Pipeline, Value};
use tokio::sync::watch;

use crate::address::Host;
use crate::connection::{Connection, Dialer, Ended};
use crate::fault;
use crate::lock::lock;
use crate::sentinel::Sentinels;

/// The longest that the next attempt waits after a connection was lost; doubled with each failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest that any waits.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Connections for waiting that are kept for the next call.
const MAX_IDLE: usize = 4;

/// How the server is found.
#[derive(Debug)]
pub(crate) enum Place {
    Fixed(Host),
    Sentinel(Sentinels),
}

/// A server, and the connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dialer: Dialer,
    random: Arc<dyn Random>,
    place: Place,
    state: Mutex<State>,
    /// Connections that wait for nothing at the moment.
    idle: Mutex<Vec<Connection>>,
}

type Attempt = watch::Receiver<Option<Result<Connection, Error>>>;

/// The connection that short calls share.
#[derive(Debug)]
enum State {
    Up(Connection),
    Connecting(Attempt),
    Down { failures: u32, until: Option<Instant>, error: Option<Error> },
}

impl Link {
    pub(crate) fn new(dialer: Dialer, random: Arc<dyn Random>, place: Place) -> Self {
        let state = State::Down { failures: 0, until: None, error: None };
        let (state, idle) = (Mutex::new(state), Mutex::default());
        Self(Arc::new(Inner { dialer, random, place, state, idle }))
    }

    /// Sends commands over the connection that all share.
    pub(crate) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, Error> {
        let connection = self.connection().await?;
        // Known here first, and here alone where the runtime that connected has ended.
        let replies = connection.send(commands).await.inspect_err(|_| self.0.lost(&connection))?;
        self.judge(&connection, &replies);
        Ok(replies)
    }

    /// Sends commands that wait over a connection that no other call has meanwhile. It is closed if
    /// this is dropped before they are answered.
    pub(crate) async fn send_apart(&self, commands: &Pipeline) -> Result<Vec<Value>, Error> {
        // Paces attempts, and says what is known.
        let shared = self.connection().await?;
        let idle = lock(&self.0.idle).pop();
        if let Some(connection) = idle.filter(|idle| idle.host() == shared.host())
            && let Ok(replies) = connection.send(commands).await
        {
            self.keep(connection, &replies);
            return Ok(replies);
        }
        let (connection, _) = self.0.dialer.dial(shared.host()).await?;
        let replies = connection.send(commands).await?;
        self.judge(&shared, &replies);
        self.keep(connection, &replies);
        Ok(replies)
    }

    fn keep(&self, connection: Connection, replies: &[Value]) {
        let mut idle = lock(&self.0.idle);
        if idle.len() < MAX_IDLE && !is_useless(replies) {
            idle.push(connection);
        }
    }

    /// Gives a connection up on which the server says that it cannot serve.
    fn judge(&self, connection: &Connection, replies: &[Value]) {
        if is_useless(replies) {
            self.0.lost(connection);
        }
    }

    /// The connection that all share. Made by a task of its own: calls that give up soon must not
    /// end each attempt.
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        let mut attempt = match self.0.ready()? {
            Ready::Now(connection) => return Ok(connection),
            Ready::Soon(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => {
                Err(Error::from_store(ErrorKind::Unreachable, "an attempt to connect was given up"))
            }
        }
    }
}

enum Ready {
    Now(Connection),
    Soon(Attempt),
}

impl Inner {
    /// A connection or an attempt at one, which is begun if it is time.
    fn ready(self: &Arc<Self>) -> Result<Ready, Error> {
        let mut state = lock(&self.state);
        let failures = match &*state {
            State::Up(connection) => return Ok(Ready::Now(connection.clone())),
            State::Connecting(attempt) if attempt.has_changed().is_ok() => {
                return Ok(Ready::Soon(attempt.clone()));
            }
            // Its runtime has ended.
            State::Connecting(_) => 0,
            State::Down { failures, until, error } => {
                let now = self.dialer.clock.monotonic();
                if until.is_some_and(|until| now < until) {
                    return Err(error.clone().unwrap_or_else(fault::misshapen));
                }
                *failures
            }
        };
        let (result, attempt) = watch::channel(None);
        *state = State::Connecting(attempt.clone());
        tokio::spawn(connect(Arc::downgrade(self), failures, result));
        Ok(Ready::Soon(attempt))
    }

    async fn dial(&self) -> Result<(Connection, Ended), Error> {
        match &self.place {
            Place::Fixed(host) => self.dialer.dial(host).await,
            Place::Sentinel(sentinels) => self.dialer.dial(&sentinels.master().await?).await,
        }
    }

    /// Down after so many failures: for how long at random, since all instances notice at once.
    fn down(&self, failures: u32, error: Error) -> State {
        let longest = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
        let wait = longest.mul_f64(self.random.fraction());
        let until = Some(self.dialer.clock.monotonic() + wait);
        State::Down { failures, until, error: Some(error) }
    }

    fn lost(&self, lost: &Connection) {
        lock(&self.idle).clear();
        let mut state = lock(&self.state);
        if matches!(&*state, State::Up(current) if current.is(lost)) {
            let what = format!("the connection to {} was lost", lost.host());
            *state = self.down(0, Error::from_store(ErrorKind::Unreachable, what));
        }
    }
}

/// Connects, tells those who wait, and stays until the connection is lost.
async fn connect(
    link: Weak<Inner>,
    failures: u32,
    result: watch::Sender<Option<Result<Connection, Error>>>,
) {
    let Some(inner) = link.upgrade() else { return };
    let (connection, ended) = match inner.dial().await {
        Ok(opened) => opened,
        Err(error) => {
            *lock(&inner.state) = inner.down(failures.saturating_add(1), error.clone());
            result.send_replace(Some(Err(error)));
            return;
        }
    };
    *lock(&inner.state) = State::Up(connection.clone());
    drop(inner);
    result.send_replace(Some(Ok(connection.clone())));
    drop(result);
    // Neither the link nor the connection is kept by this.
    let lost = connection.downgrade();
    drop(connection);
    ended.wait().await;
    if let (Some(inner), Some(lost)) = (link.upgrade(), lost.upgrade()) {
        inner.lost(&lost);
    }
}

/// Whether a server says that it cannot serve, so that another may be asked for.
fn is_useless(replies: &[Value]) -> bool {
    replies
        .iter()
        .any(|reply| matches!(reply, Value::ServerError(error) if fault::is_of_the_server(error)))
}
