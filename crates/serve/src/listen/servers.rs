//! All listeners of the process, and their common end.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use okta_introspect::{Clock, Deadline};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::{self, Phase, Service, Shared, reached};
use super::limits::{Limits, later};
use super::pulse::Pulse;
use super::socket::Socket;
use super::stream::Stream;
use super::tls::Tls;
use super::unix::SocketFile;
use crate::caller::Peer;
use crate::error::Fault;
use crate::metrics::{ListenerMetrics, Metrics, Refusal};

/// All listeners of the process: they share one limit of connections, and they end together.
///
/// Dropping it ends everything at once; [`close`](Self::close) does it gracefully.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use hyper::body::Incoming;
/// use okta_introspect::SystemClock;
/// use okta_introspect_serve::listen::{Limits, Servers, Socket};
/// use okta_introspect_serve::metrics::Metrics;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), okta_introspect_serve::Fault> {
/// let servers = Servers::new(Limits::default(), Arc::new(SystemClock), Metrics::new([]));
/// let socket = Socket::tcp("127.0.0.1:0".parse().unwrap())?;
/// servers.serve("authz", socket, None, |_: Request<Incoming>, _| async {
///     Response::new(Full::new(Bytes::from_static(b"hello\n")))
/// })?;
/// servers.close();
/// servers.finished().await;
/// # Ok(())
/// # }
/// ```
pub struct Servers {
    limits: Limits,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    draining: Arc<AtomicBool>,
    connections: Arc<Semaphore>,
    files: Mutex<Vec<SocketFile>>,
}

impl Servers {
    /// No listener yet.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(bounded(limits.connections))),
            limits,
            clock,
            metrics,
            phase: watch::Sender::new(Phase::Serving),
            draining: Arc::default(),
            files: Mutex::default(),
        }
    }

    /// Serves the connections of a socket from now on. Must be called within a tokio runtime.
    ///
    /// HTTP/1.1 and HTTP/2 are spoken on the same port: with TLS by ALPN, without it by the first
    /// bytes, as clients of gRPC do it. `name` is the label of the metrics.
    ///
    /// # Errors
    ///
    /// With TLS on a unix socket, which would be of no use.
    pub fn serve(
        &self,
        name: &str,
        socket: Socket,
        tls: Option<Arc<Tls>>,
        service: impl Service,
    ) -> Result<(), Fault> {
        let most = self.limits.connections_per_listener;
        self.serve_at_most(name, socket, tls, most, service)
    }

    /// As [`serve`](Self::serve), for at most so many connections.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn serve_at_most(
        &self,
        name: &str,
        socket: Socket,
        tls: Option<Arc<Tls>>,
        connections: usize,
        service: impl Service,
    ) -> Result<(), Fault> {
        if tls.is_some() && socket.address().is_none() {
            return Err(Fault::new(format!("the listener {name} has TLS on a unix socket"))
                .advise("its permissions say who may connect; leave tls out"));
        }
        let shared = Arc::new(Shared {
            service,
            tls,
            limits: self.limits,
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.listener(name),
            http: connection::http(&self.limits),
            draining: Arc::clone(&self.draining),
        });
        let acceptor = Acceptor {
            room: Room {
                all: Arc::clone(&self.connections),
                own: Arc::new(Semaphore::new(bounded(connections))),
                metrics: Arc::clone(&shared.metrics),
            },
            shared,
            name: name.to_owned(),
        };
        self.files().extend(socket.file().cloned());
        tokio::spawn(acceptor.run(socket, self.phase.subscribe()));
        Ok(())
    }

    /// The files of the unix sockets that this process made and serves.
    pub(crate) fn socket_files(&self) -> Vec<SocketFile> {
        self.files().clone()
    }

    fn files(&self) -> MutexGuard<'_, Vec<SocketFile>> {
        // A list is whole at any moment.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the peers to take further requests elsewhere: from now on each answer of HTTP/1.1 has
    /// `Connection: close`. Everything is still served.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Accepts no connection any more, and closes those that are open after what they are doing, on
    /// HTTP/2 with `GOAWAY`.
    pub fn close(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            *phase = Phase::Closing.max(*phase);
            serving
        });
    }

    /// Waits until there is neither a listener nor a connection.
    pub async fn finished(&self) {
        self.phase.closed().await;
    }

    /// Ends what is still open.
    pub fn end(&self) {
        self.phase.send_replace(Phase::Ended);
    }

    /// How many connections are open, on all listeners.
    pub fn connections(&self) -> usize {
        bounded(self.limits.connections).saturating_sub(self.connections.available_permits())
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers")
            .field("limits", &self.limits)
            .field("phase", &*self.phase.borrow())
            .finish_non_exhaustive()
    }
}

/// Accepts the connections of one listener.
struct Acceptor<S> {
    shared: Arc<Shared<S>>,
    room: Room,
    name: String,
}

/// How many connections there may be.
struct Room {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    metrics: Arc<ListenerMetrics>,
}

/// The place of one connection.
type Place = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Room {
    /// A place, or which limit is reached.
    fn place(&self) -> Result<Place, Refusal> {
        let own = Arc::clone(&self.own).try_acquire_owned().map_err(|_| Refusal::ListenerLimit)?;
        let one = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Refusal::TotalLimit)?;
        Ok((own, one))
    }
}

impl<S: Service> Acceptor<S> {
    async fn run(self, socket: Socket, mut phase: watch::Receiver<Phase>) {
        let mut pause = Pause::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = reached(&mut phase, Phase::Closing) => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = Pause::default();
                    self.admit(stream, peer, phase.clone());
                }
                // The peer went away while it waited for its acceptance.
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    let length = pause.next(&self.name, &error);
                    let end = later(self.shared.clock.monotonic(), length);
                    let closing = reached(&mut phase, Phase::Closing);
                    // If the end comes meanwhile, the next turn sees it.
                    let _ = Deadline::new(&*self.shared.clock, end).before(closing).await;
                }
            }
        }
    }

    /// Serves a connection in a task of its own, or closes it at once if there are too many.
    fn admit(&self, stream: Stream, peer: Peer, phase: watch::Receiver<Phase>) {
        let place = match self.room.place() {
            Ok(place) => place,
            Err(reason) => return self.room.metrics.refused(reason),
        };
        let pulse = Arc::new(Pulse::new(Arc::clone(&self.shared.clock)));
        let open = self.room.metrics.open();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let _held = (place, open);
            connection::serve(shared, stream, peer, pulse, phase).await;
        });
    }
}

/// The pause after an error that the next attempt would have again, such as too many open files:
/// twice as long each time, and logged once.
#[derive(Debug, Default)]
struct Pause(u32);

impl Pause {
    fn next(&mut self, listener: &str, error: &io::Error) -> Duration {
        if self.0 == 0 {
            tracing::error!(listener, %error, "connections cannot be accepted; trying again");
        }
        let length = Duration::from_millis(10 << self.0.min(7));
        self.0 = self.0.saturating_add(1);
        length.min(Duration::from_secs(1))
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

/// Semaphores have an upper end.
fn bounded(connections: usize) -> usize {
    connections.min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_after_an_error_grows_to_a_second() {
        let error = io::Error::from_raw_os_error(24);
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..10).map(|_| pause.next("authz", &error).as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
        assert!(!is_of_the_peer(&error));
        assert!(is_of_the_peer(&io::Error::from(ErrorKind::ConnectionAborted)));
    }
}
