//! What all connections share.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::tls::ServerIdentity;
use crate::faults::gate::Gate;
use crate::faults::queue::FaultQueue;
use crate::model::recorded::RecordedRequest;
use crate::world::World;

/// How long a client may take to send a request, its head and its body each.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What looks on while requests are answered.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

type Observe = dyn Fn(&RecordedRequest) + Send + Sync;

impl Observer {
    pub(crate) fn new(observe: impl Fn(&RecordedRequest) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    pub(crate) fn tell(&self, record: &RecordedRequest) {
        if let Some(observe) = &self.0 {
            observe(record);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

/// A server at its address: the world that it serves, and the faults with which it does.
pub(crate) struct Server {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
    /// Its identity to clients that speak TLS; `None` is plain HTTP.
    pub(crate) identity: Option<ServerIdentity>,
    /// Where faults keep requests waiting.
    pub(crate) gate: Gate,
    pub(crate) observer: Observer,
    faults: Mutex<FaultQueue>,
    under_way: Arc<AtomicUsize>,
    panicked: AtomicBool,
}

impl Server {
    pub(crate) fn new(
        address: SocketAddr,
        identity: Option<ServerIdentity>,
        world: World,
        observer: Observer,
    ) -> Self {
        Self {
            world,
            address,
            identity,
            gate: Gate::new(),
            observer,
            faults: Mutex::default(),
            under_way: Arc::default(),
            panicked: AtomicBool::new(false),
        }
    }

    /// The faults to come. Never held across an await.
    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultQueue> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request as under way until the guard is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.under_way))
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether answering a request has ever panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// Takes note that answering a request has panicked.
    pub(crate) fn note_panic(&self) {
        self.panicked.store(true, Ordering::Relaxed);
    }

    /// The address under which clients call, by its number.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// The base URL for a request with this `Host`: as the client called it, if the name is one
    /// of this server's, and the own address otherwise. The client's own word is not enough to
    /// make an `aud` right.
    pub(crate) fn base_for(&self, host: Option<&str>) -> String {
        let localhost = format!("localhost:{}", self.address.port());
        match host {
            Some(host) if host.eq_ignore_ascii_case(&localhost) => {
                format!("{}://{localhost}", self.scheme())
            }
            _ => self.base(),
        }
    }

    fn scheme(&self) -> &'static str {
        if self.identity.is_some() { "https" } else { "http" }
    }
}

/// A request that is under way, until it is dropped.
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
