//! Whether a request may go out now: there is a place among those in flight, its rate window has
//! room, and its endpoint is not left alone.

pub(crate) mod bucket;
pub(crate) mod circuit;
pub(crate) mod rate_window;
pub(crate) mod rate_windows;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::{Clock, Deadline};
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::wire::admission::circuit::{Circuit, CircuitConfig, Pass};
use crate::wire::admission::rate_window::{Hold, RateWindow, Slot, Statement};
use crate::wire::admission::rate_windows::{Key, RateWindows};
use crate::wire::rate_limit::{RateLimit, Remaining};

/// What a user chose about admission.
#[derive(Clone, Debug)]
pub(crate) struct AdmissionConfig {
    pub(crate) max_in_flight: usize,
    pub(crate) circuit: CircuitConfig,
    pub(crate) windows: RateWindows,
}

impl AdmissionConfig {
    /// Thirty-two; see [`Client::DEFAULT_MAX_IN_FLIGHT`](crate::Client::DEFAULT_MAX_IN_FLIGHT).
    pub(crate) const DEFAULT_MAX_IN_FLIGHT: usize = 32;

    const MAX_IN_FLIGHT: usize = 10_000;

    fn check(&self) -> Result<(), Error> {
        self.circuit.check()?;
        if (1..=Self::MAX_IN_FLIGHT).contains(&self.max_in_flight) {
            return Ok(());
        }
        let what = format!("{} requests cannot be under way at once", self.max_in_flight);
        Err(Error::configuration(what)
            .advise("choose a number from 1 to 10,000; 32 is the default"))
    }
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            max_in_flight: Self::DEFAULT_MAX_IN_FLIGHT,
            circuit: CircuitConfig::default(),
            windows: RateWindows::default(),
        }
    }
}

/// Admits the requests of one client.
pub(crate) struct Admission {
    config: AdmissionConfig,
    issuer: Issuer,
    client_id: String,
    clock: Arc<dyn Clock>,
    /// A permit for each request that may be in flight.
    in_flight: Semaphore,
    /// What limits the management APIs that have been called.
    apis: Mutex<HashMap<String, Arc<EndpointLimits>>>,
}

/// What limits the requests to one endpoint besides the number in flight.
#[derive(Debug)]
pub(crate) struct EndpointLimits {
    /// That of the endpoint's bucket, which other endpoints share.
    window: Arc<RateWindow>,
    circuit: Circuit,
}

impl EndpointLimits {
    /// What the server said last about its rate limit.
    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        self.window.latest()
    }

    /// What is left of it now.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Remaining> {
        self.window.remaining(now)
    }
}

impl Admission {
    /// More APIs than any program calls; beyond, their circuits begin anew.
    const MAX_APIS: usize = 256;

    pub(crate) fn new(
        config: AdmissionConfig,
        issuer: Issuer,
        client_id: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        config.check()?;
        let in_flight = Semaphore::new(config.max_in_flight);
        Ok(Self { config, issuer, client_id, clock, in_flight, apis: Mutex::default() })
    }

    /// What limits the requests to one endpoint. Each call gives a circuit of its own, and the one
    /// window of the endpoint's bucket.
    pub(crate) fn endpoint(&self, method: &Method, url: &Url) -> EndpointLimits {
        let key = Key {
            origin: url.origin().ascii_serialization(),
            client_id: self.client_id.clone(),
            bucket: bucket::bucket(&self.issuer, method, url),
        };
        let window = self.config.windows.of(key);
        EndpointLimits { window, circuit: Circuit::new(self.config.circuit.clone()) }
    }

    /// What limits the requests to a management API, the same for all that call it.
    pub(crate) fn api(&self, method: &Method, url: &Url) -> Arc<EndpointLimits> {
        let name = bucket::api(method, url);
        let mut apis = self.apis.lock().unwrap_or_else(PoisonError::into_inner);
        if apis.len() >= Self::MAX_APIS && !apis.contains_key(&name) {
            apis.clear();
        }
        Arc::clone(apis.entry(name).or_insert_with(|| Arc::new(self.endpoint(method, url))))
    }

    /// Waits for a place among the requests in flight while there is room in the endpoint's rate
    /// window, and takes both, unless the endpoint is left alone. Places go first come, first
    /// served; a request that waits for a window holds none, since other endpoints may have room.
    pub(crate) async fn admit<'a>(
        &'a self,
        limits: &'a EndpointLimits,
        deadline: &mut Deadline<'_>,
    ) -> Result<Admitted<'a>, NotAdmitted> {
        loop {
            // The semaphore is never closed.
            let place = deadline.before(self.in_flight.acquire()).await.and_then(Result::ok);
            let place = place.ok_or(NotAdmitted::TooManyInFlight)?;
            let now = self.clock.monotonic();
            let returned = limits.window.returned();
            let hold = match limits.window.try_take(now) {
                Ok(slot) => {
                    let pass = limits.circuit.admit(now).map_err(NotAdmitted::LeftAlone)?;
                    return Ok(Admitted { pass, slot, _place: place });
                }
                Err(hold) => hold,
            };
            drop(place);
            match hold {
                Hold::Until(end) if end > deadline.at() => {
                    return Err(NotAdmitted::WindowUsedUp(end - now));
                }
                Hold::Until(end) => self.clock.sleep_until(end).await,
                Hold::ForAnswers => {
                    let came = deadline.before(returned).await;
                    came.ok_or(NotAdmitted::WindowUsedUp(Duration::ZERO))?;
                }
            }
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The right to have one request in flight. Dropped without a word, as when its call is
/// cancelled, it gives back what it took and says nothing about the server.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    pass: Pass<'a>,
    slot: Slot,
    _place: SemaphorePermit<'a>,
}

impl Admitted<'_> {
    /// An answer came, with what it stated about the rate limit.
    pub(crate) fn answered(self, now: Instant, is_failure: bool, statement: Option<Statement>) {
        // Before the place is given back: the next request is to find circuit and window as they
        // are now.
        match is_failure {
            true => self.pass.failed(now),
            false => self.pass.answered(),
        }
        self.slot.answered(now, statement);
    }

    /// No answer came.
    pub(crate) fn failed(self, now: Instant) {
        self.pass.failed(now);
    }
}

/// Why a request was not admitted in time.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// As many requests as may be were in flight all along.
    TooManyInFlight,
    /// The rate window is used up for so long yet.
    WindowUsedUp(Duration),
    /// The endpoint keeps failing; the next probe is so far off.
    LeftAlone(Duration),
}

impl NotAdmitted {
    pub(crate) fn into_error(self, path: &str) -> Error {
        match self {
            Self::TooManyInFlight => {
                Error::new(ErrorKind::TimedOut, format!("{path} was not called: others came first"))
                    .advise("call less at once, allow more time, or raise `max_in_flight`")
            }
            Self::WindowUsedUp(wait) => {
                let what = format!("{path} allows no more requests for now");
                Error::new(ErrorKind::RateLimited, what)
                    .advise("wait, or request less")
                    .retry_in(Some(wait))
            }
            Self::LeftAlone(wait) => {
                let what =
                    format!("{path} has failed too often in a row and is left alone for now");
                Error::new(ErrorKind::ServerFailed, what)
                    .advise("wait for the next probe")
                    .retry_in(Some(wait))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use chrono::DateTime;

    const MINUTE: Duration = Duration::from_secs(60);

    fn admission(clock: &ManualClock) -> (Admission, [EndpointLimits; 2]) {
        let config = AdmissionConfig { max_in_flight: 1, ..AdmissionConfig::default() };
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let clock = Arc::new(clock.clone());
        let admission = Admission::new(config, issuer, "0oa1".to_owned(), clock).unwrap();
        let limits = ["token", "introspect"].map(|name| {
            let url = Url::parse(&format!("https://acme.okta.com/oauth2/v1/{name}")).unwrap();
            admission.endpoint(&Method::POST, &url)
        });
        (admission, limits)
    }

    /// The window is used up for a minute.
    fn use_up(limits: &EndpointLimits, now: Instant) {
        let reset = DateTime::from_timestamp(60, 0).unwrap();
        let stated = RateLimit { limit: 600, remaining: 0, reset };
        limits.window.try_take(now).unwrap().answered(now, Some((stated, MINUTE)));
    }

    #[test_support::test]
    async fn a_request_that_gets_no_place_in_time_says_so_and_takes_nothing() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let (admission, [limits, _]) = admission(&clock);
        let mut deadline = Deadline::new(&clock, clock.monotonic());
        let first = admission.admit(&limits, &mut deadline).await.unwrap();
        let second = admission.admit(&limits, &mut deadline).await;
        assert!(matches!(second, Err(NotAdmitted::TooManyInFlight)));
        drop(first);
        assert!(admission.admit(&limits, &mut deadline).await.is_ok());
    }

    #[test_support::test]
    async fn a_request_that_waits_for_a_window_leaves_its_place_to_others() {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let (admission, [full, free]) = admission(&clock);
        let now = clock.monotonic();
        use_up(&full, now);
        let (mut late, mut early) =
            (Deadline::new(&clock, now + MINUTE), Deadline::new(&clock, now));
        let held_back =
            async { admission.admit(&full, &mut late).await.map(|_| clock.monotonic()) };
        let other = async {
            let taken = admission.admit(&free, &mut early).await.map(|_| clock.monotonic());
            clock.step(1).await;
            taken
        };
        let (held_back, other) = tokio::join!(held_back, other);
        assert_eq!((held_back.unwrap(), other.unwrap()), (now + MINUTE, now));
    }

    #[test_support::test]
    async fn what_a_window_or_a_circuit_refuses_takes_no_place() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let (admission, [full, failing]) = admission(&clock);
        let now = clock.monotonic();
        use_up(&full, now);
        let mut deadline = Deadline::new(&clock, now);
        for _ in 0..2 {
            let refused = admission.admit(&full, &mut deadline).await;
            assert!(matches!(refused, Err(NotAdmitted::WindowUsedUp(MINUTE))), "{refused:?}");
        }
        for _ in 0..10 {
            admission.admit(&failing, &mut deadline).await.unwrap().failed(now);
        }
        for _ in 0..2 {
            let refused = admission.admit(&failing, &mut deadline).await;
            assert!(matches!(refused, Err(NotAdmitted::LeftAlone(_))), "{refused:?}");
        }
        assert_eq!(admission.in_flight.available_permits(), 1);
    }
}
