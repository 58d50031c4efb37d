//! The circuit breaker: an endpoint that keeps failing is not called, but for one probe at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::error::Error;
use crate::wire::bounds;

/// When an endpoint that keeps failing is left alone.
///
/// # Example: leave it alone sooner
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::CircuitConfig;
///
/// let mut circuit = CircuitConfig::default();
/// circuit.failures = Some(3);
/// circuit.probe_after = Duration::from_secs(1);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitConfig {
    /// After how many failed attempts in a row calls fail at once. A failure is no answer, or a
    /// status of 500 and above; a refusal is an answer. `None` turns the breaker off. Default: 10.
    /// Bounds: at least 1.
    pub failures: Option<u32>,
    /// How long calls fail at once before one is let through as a probe. Default: five seconds.
    /// Bounds: 1 ms to one hour.
    pub probe_after: Duration,
}

impl CircuitConfig {
    /// Never leaves the server alone: for programs that make a few calls and end.
    pub fn off() -> Self {
        Self { failures: None, ..Self::default() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.failures == Some(0) {
            return Err(Error::configuration("a circuit cannot open after no failure at all")
                .advise("choose at least 1, or `None` to turn it off; 10 is the default"));
        }
        bounds::check("the circuit's probe_after", self.probe_after, bounds::WAIT)
    }
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self { failures: Some(10), probe_after: Duration::from_secs(5) }
    }
}

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Circuit {
    config: CircuitConfig,
    /// Each probe that fails doubles the pause, up to this.
    max_pause: Duration,
    /// Whether failures of attempts that were under way together are one.
    counts_rounds: bool,
    /// Whether anything has failed since the last answer. While nothing has, as is usual, there is
    /// nothing to look up and nothing to reset, and no lock to take.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When the latest was counted.
    failed_at: Option<Instant>,
    /// How many probes have failed since it opened.
    failed_probes: u32,
    /// While open: when the next probe may go out.
    probe_at: Option<Instant>,
    probing: bool,
}

impl Circuit {
    pub(crate) fn new(config: CircuitConfig) -> Self {
        let max_pause = config.probe_after;
        Self::doubling(config, max_pause)
    }

    /// With pauses that double from `probe_after` up to `max_pause`.
    pub(crate) fn doubling(config: CircuitConfig, max_pause: Duration) -> Self {
        let (counts_rounds, troubled) = (false, AtomicBool::new(false));
        Self { config, max_pause, counts_rounds, troubled, state: Mutex::default() }
    }

    /// Counts as one the failures of attempts that were under way together: what is held up for a
    /// moment fails all of them.
    pub(crate) fn counting_rounds(self) -> Self {
        Self { counts_rounds: true, ..self }
    }

    /// Lets an attempt through, or says how long to wait for the next probe.
    pub(crate) fn admit(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        if !self.troubled.load(Ordering::Acquire) {
            return Ok(Pass { circuit: self, begun: now, probe: false });
        }
        let mut state = self.lock();
        let probe = match state.probe_at {
            None => false,
            Some(at) if now < at => return Err(at - now),
            // A probe is under way; a moment later it will be known.
            Some(_) if state.probing => return Err(self.config.probe_after),
            Some(_) => true,
        };
        state.probing |= probe;
        Ok(Pass { circuit: self, begun: now, probe })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that was let through. Dropped without a word, as when its call is cancelled, it
/// leaves the circuit as it was and makes room for another probe.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    circuit: &'a Circuit,
    begun: Instant,
    probe: bool,
}

impl Pass<'_> {
    /// The server answered, whatever it said.
    pub(crate) fn answered(self) {
        if !self.circuit.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.circuit.lock();
        state.failures = 0;
        state.failed_at = None;
        state.failed_probes = 0;
        state.probe_at = None;
        self.circuit.troubled.store(false, Ordering::Release);
    }

    /// The server failed.
    pub(crate) fn failed(self, now: Instant) {
        self.failed_jittered(now, 0.0);
    }

    /// The server failed, and is left alone for less than the pause by up to half of it: `jitter`,
    /// from 0 to 1, says how much. Many that see a server fail at one moment do not probe at one.
    pub(crate) fn failed_jittered(self, now: Instant, jitter: f64) {
        let Some(limit) = self.circuit.config.failures else { return };
        let mut state = self.circuit.lock();
        self.circuit.troubled.store(true, Ordering::Release);
        let is_of_round = state.failed_at.is_some_and(|at| self.begun < at);
        if self.circuit.counts_rounds && is_of_round && !self.probe {
            return;
        }
        state.failed_at = Some(now);
        state.failures = state.failures.saturating_add(1);
        // An attempt from before the circuit opened must not put the probe off.
        if self.probe || (state.probe_at.is_none() && state.failures >= limit) {
            state.failed_probes = state.failed_probes.saturating_add(u32::from(self.probe));
            let doubled = 2_u32.saturating_pow(state.failed_probes);
            let pause = self.circuit.config.probe_after.saturating_mul(doubled);
            let pause =
                pause.min(self.circuit.max_pause).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0);
            state.probe_at = Some(later(now, pause));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.circuit.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const PAUSE: Duration = Duration::from_secs(5);
    const MOMENT: Duration = Duration::from_millis(1);

    fn circuit(failures: Option<u32>) -> (Instant, Circuit) {
        let config = CircuitConfig { failures, probe_after: PAUSE };
        (SystemClock.monotonic(), Circuit::new(config))
    }

    fn fail(circuit: &Circuit, now: Instant) {
        circuit.admit(now).unwrap().failed(now);
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (now, circuit) = circuit(Some(3));
        fail(&circuit, now);
        fail(&circuit, now);
        circuit.admit(now).unwrap().answered();
        fail(&circuit, now);
        fail(&circuit, now);
        assert!(circuit.admit(now).is_ok());
        fail(&circuit, now);
        assert_eq!(circuit.admit(now).unwrap_err(), PAUSE);
    }

    #[test]
    fn attempts_that_fail_together_can_count_as_one() {
        for (counts_rounds, rounds) in [(false, 1), (true, 3)] {
            let (begun, circuit) = circuit(Some(3));
            let circuit = Circuit { counts_rounds, ..circuit };
            for round in 0..rounds {
                let begun = begun + round * MOMENT;
                let together = [(); 3].map(|()| circuit.admit(begun).unwrap());
                together.into_iter().for_each(|pass| pass.failed(begun + MOMENT));
            }
            let ended = begun + rounds * MOMENT;
            assert_eq!(circuit.admit(ended).unwrap_err(), PAUSE, "{counts_rounds}");
        }
    }

    #[test]
    fn one_probe_at_a_time_and_its_answer_closes() {
        let (now, circuit) = circuit(Some(1));
        fail(&circuit, now);
        let now = now + PAUSE;
        assert_eq!(circuit.admit(now - MOMENT).unwrap_err(), MOMENT);
        let probe = circuit.admit(now).unwrap();
        assert!(circuit.admit(now).is_err());
        probe.failed(now);
        assert_eq!(circuit.admit(now).unwrap_err(), PAUSE);
        let now = now + PAUSE;
        circuit.admit(now).unwrap().answered();
        assert!(circuit.admit(now).is_ok());
        assert!(circuit.admit(now).is_ok());
    }

    #[test]
    fn a_cancelled_probe_makes_room_for_another() {
        let (now, circuit) = circuit(Some(1));
        fail(&circuit, now);
        drop(circuit.admit(now + PAUSE).unwrap());
        assert!(circuit.admit(now + PAUSE).is_ok());
    }

    #[test]
    fn an_old_attempt_that_fails_late_does_not_put_the_probe_off() {
        let (now, circuit) = circuit(Some(1));
        let late = circuit.admit(now).unwrap();
        fail(&circuit, now);
        late.failed(now + PAUSE);
        assert!(circuit.admit(now + PAUSE).is_ok());
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_an_answer() {
        let config = CircuitConfig { failures: Some(1), probe_after: PAUSE };
        let circuit = Circuit::doubling(config, 3 * PAUSE);
        let mut now = SystemClock.monotonic();
        for pause in [PAUSE, 2 * PAUSE, 3 * PAUSE, 3 * PAUSE] {
            fail(&circuit, now);
            assert_eq!(circuit.admit(now).unwrap_err(), pause);
            now += pause;
            assert!(circuit.admit(now - MOMENT).is_err());
        }
        circuit.admit(now).unwrap().answered();
        circuit.admit(now).unwrap().failed_jittered(now, 1.0);
        assert_eq!(circuit.admit(now).unwrap_err(), PAUSE / 2);
    }

    #[test]
    fn turned_off_it_never_opens() {
        let (now, circuit) = circuit(None);
        for _ in 0..100 {
            fail(&circuit, now);
        }
        assert!(circuit.admit(now).is_ok());
    }
}
