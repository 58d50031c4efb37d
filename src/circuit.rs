//! The circuit breaker: a server that keeps failing is left alone, but for one probe at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// When a failing server is left alone.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitConfig {
    /// After how many failed attempts in a row calls fail at once. A failure is no answer, or a
    /// status of 500 and above; a refusal is an answer. `None` turns the breaker off. Default: 10.
    pub failures: Option<u32>,
    /// How long calls fail at once before one is let through as a probe. Default: five seconds.
    pub probe_after: Duration,
}

impl CircuitConfig {
    /// Never leaves the server alone: for programs that make a few calls and end.
    pub fn off() -> Self {
        Self { failures: None, ..Self::default() }
    }
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self { failures: Some(10), probe_after: Duration::from_secs(5) }
    }
}

/// Counts failures in a row.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    config: CircuitConfig,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// While open: when the next probe may go out.
    probe_at: Option<Instant>,
    probing: bool,
}

impl Circuit {
    pub(crate) fn new(config: CircuitConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, state: Arc::default() }
    }

    /// Lets an attempt through, or says how long to wait for the next probe.
    pub(crate) fn admit(&self) -> Result<Admission, Duration> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let probe = match state.probe_at {
            None => false,
            Some(at) if now < at => return Err(at - now),
            // Somebody is finding out; a moment later it will be known.
            Some(_) if state.probing => return Err(self.config.probe_after),
            Some(_) => true,
        };
        state.probing |= probe;
        Ok(Admission { circuit: self.clone(), probe })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that was let through. Dropped without a word, as when its caller is cancelled, it
/// leaves the circuit as it was and makes room for another probe.
#[derive(Debug)]
pub(crate) struct Admission {
    circuit: Circuit,
    probe: bool,
}

impl Admission {
    /// The server answered, whatever it said.
    pub(crate) fn answered(self) {
        let mut state = self.circuit.lock();
        state.failures = 0;
        state.probe_at = None;
    }

    /// The server failed.
    pub(crate) fn failed(self) {
        let Some(limit) = self.circuit.config.failures else { return };
        let now = self.circuit.clock.monotonic();
        let mut state = self.circuit.lock();
        state.failures = state.failures.saturating_add(1);
        // An attempt from before the circuit opened must not put the probe off.
        if self.probe || (state.probe_at.is_none() && state.failures >= limit) {
            state.probe_at = Some(now + self.circuit.config.probe_after);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.probe {
            self.circuit.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use chrono::DateTime;

    const PAUSE: Duration = Duration::from_secs(5);

    fn circuit(failures: Option<u32>) -> (ManualClock, Circuit) {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let config = CircuitConfig { failures, probe_after: PAUSE };
        (clock.clone(), Circuit::new(config, Arc::new(clock)))
    }

    fn fail(circuit: &Circuit) {
        circuit.admit().unwrap().failed();
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (_, circuit) = circuit(Some(3));
        fail(&circuit);
        fail(&circuit);
        circuit.admit().unwrap().answered();
        fail(&circuit);
        fail(&circuit);
        assert!(circuit.admit().is_ok());
        fail(&circuit);
        assert_eq!(circuit.admit().unwrap_err(), PAUSE);
    }

    #[test]
    fn one_probe_at_a_time_and_its_answer_closes() {
        let (clock, circuit) = circuit(Some(1));
        fail(&circuit);
        clock.advance(PAUSE - Duration::from_millis(1));
        assert_eq!(circuit.admit().unwrap_err(), Duration::from_millis(1));
        clock.advance(Duration::from_millis(1));
        let probe = circuit.admit().unwrap();
        assert!(circuit.admit().is_err());
        probe.failed();
        assert_eq!(circuit.admit().unwrap_err(), PAUSE);
        clock.advance(PAUSE);
        circuit.admit().unwrap().answered();
        assert!(circuit.admit().is_ok());
        assert!(circuit.admit().is_ok());
    }

    #[test]
    fn a_cancelled_probe_makes_room_for_another() {
        let (clock, circuit) = circuit(Some(1));
        fail(&circuit);
        clock.advance(PAUSE);
        drop(circuit.admit().unwrap());
        assert!(circuit.admit().is_ok());
    }

    #[test]
    fn an_old_attempt_that_fails_late_does_not_put_the_probe_off() {
        let (clock, circuit) = circuit(Some(1));
        let late = circuit.admit().unwrap();
        fail(&circuit);
        clock.advance(PAUSE);
        late.failed();
        assert!(circuit.admit().is_ok());
    }

    #[test]
    fn turned_off_it_never_opens() {
        let (_, circuit) = circuit(None);
        for _ in 0..100 {
            fail(&circuit);
        }
        assert!(circuit.admit().is_ok());
    }
}
