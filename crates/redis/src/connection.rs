//! One connection: opened, with bounds on what comes, and given up when nothing does.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use okta_introspect::{Clock, Deadline, Error, ErrorKind, Secret};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, RedisError, Value};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::address::Host;
use crate::credentials::Credentials;
use crate::fault;
use crate::guard::{Guarded, Health};
use crate::tls::handshake_fault;

/// How often it is looked whether a connection is silent.
const TICK: Duration = Duration::from_secs(1);

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) credentials: Credentials,
    pub(crate) database: u32,
    /// For all of it: the name, TCP, TLS and the first answer.
    pub(crate) connect_timeout: Duration,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("is_tls", &self.tls.is_some())
            .field("credentials", &self.credentials)
            .field("database", &self.database)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// A connection that many calls share, or that one has for itself. Closed when the last handle is
/// dropped.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    host: Host,
    calls: MultiplexedConnection,
    health: Arc<Health>,
    driver: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("host", &self.0.host).finish_non_exhaustive()
    }
}

/// A connection that is not kept open.
pub(crate) struct WeakConnection(Weak<Inner>);

impl WeakConnection {
    pub(crate) fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}

/// Completes when a connection has ended, however.
pub(crate) struct Ended(oneshot::Receiver<()>);

impl Ended {
    pub(crate) async fn wait(self) {
        // Nothing is ever sent.
        let _ = self.0.await;
    }
}

impl Connection {
    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sends commands together; the replies are in their order, refusals among them.
    pub(crate) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, Error> {
        let mut calls = self.0.calls.clone();
        let replies = calls.send_packed_commands(commands, 0, commands.len()).await;
        replies.map_err(|error| self.lost(&error))
    }

    pub(crate) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }

    fn lost(&self, error: &RedisError) -> Error {
        fault::lost(&self.0.host, self.0.health.ending(), error)
    }
}

impl Dialer {
    /// Opens a connection and logs in.
    pub(crate) async fn dial(&self, host: &Host) -> Result<(Connection, Ended), Error> {
        let password = self.credentials.password()?;
        // Bounded where it is set.
        let deadline = self.clock.monotonic() + self.connect_timeout;
        match Deadline::new(&*self.clock, deadline).before(self.open(host, password)).await {
            Some(opened) => opened,
            None => {
                let hint = if self.tls.is_some() { "; it may not speak TLS" } else { "" };
                let what = format!("{host} did not answer within {:?}{hint}", self.connect_timeout);
                Err(Error::from_store(ErrorKind::TimedOut, what))
            }
        }
    }

    async fn open(
        &self,
        host: &Host,
        password: Option<Secret>,
    ) -> Result<(Connection, Ended), Error> {
        let unreachable = |why: &str| {
            Error::from_store(ErrorKind::Unreachable, format!("no connection to {host}: {why}"))
        };
        let stream = TcpStream::connect((host.name.as_str(), host.port))
            .await
            .map_err(|error| unreachable(&error.to_string()))?;
        // Small commands must not wait for each other's acknowledgements.
        stream.set_nodelay(true).map_err(|error| unreachable(&error.to_string()))?;
        let Some(tls) = &self.tls else {
            return self.log_in(host, stream, password).await;
        };
        let name = ServerName::try_from(host.name.clone())
            .map_err(|_| unreachable("its name cannot stand in a certificate"))?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await
            .map_err(|error| unreachable(handshake_fault(&error)))?;
        self.log_in(host, stream, password).await
    }

    async fn log_in<S>(
        &self,
        host: &Host,
        stream: S,
        password: Option<Secret>,
    ) -> Result<(Connection, Ended), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, ended) = self.start(host, stream).await?;
        let mut commands = Pipeline::new();
        if let Some(password) = password {
            let command = commands.cmd("AUTH");
            if let Some(username) = &self.credentials.username {
                command.arg(username);
            }
            command.arg(password.expose());
        }
        if self.database != 0 {
            commands.cmd("SELECT").arg(self.database);
        }
        commands.cmd("PING");
        for reply in connection.send(&commands).await? {
            if let Value::ServerError(error) = reply {
                return Err(fault::refused(&error));
            }
        }
        Ok((connection, ended))
    }

    async fn start<S>(&self, host: &Host, stream: S) -> Result<(Connection, Ended), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let health = Arc::new(Health::default());
        let stream = Guarded::new(stream, Arc::clone(&health));
        // Logging in is done above, and callers have time limits of their own.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (calls, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|error| fault::lost(host, health.ending(), &error))?;
        let (end, ended) = oneshot::channel();
        let silence = silence(Arc::clone(&self.clock), Arc::clone(&health));
        let task = tokio::spawn(async move {
            // Dropped with the task, which may also be aborted.
            let _end: oneshot::Sender<()> = end;
            tokio::select! {
                () = driver => {}
                () = silence => {}
            }
        });
        let driver = task.abort_handle();
        let inner = Inner { host: host.clone(), calls, health, driver };
        Ok((Connection(Arc::new(inner)), Ended(ended)))
    }
}

/// Completes when nothing has come for some ticks although something is due.
async fn silence(clock: Arc<dyn Clock>, health: Arc<Health>) {
    while !health.is_silent() {
        // A limit, not a wait that anybody wants.
        let mut tick = Deadline::new(&*clock, clock.monotonic() + TICK);
        tick.before(pending::<()>()).await;
    }
}
