//! The model behind one lock, with the time and the randomness that go into it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Map;

use crate::clock::{Clock, later, shifted};
use crate::model::event::{Entry, LogEntity, LogEvent, LogResult, Origin};
use crate::model::event_type::{EventType, KEY_ROLLOVER};
use crate::model::state::State;
use crate::random::Random;

/// What the server knows, and its sources of time and randomness.
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
    listeners: Mutex<Vec<Listener>>,
}

/// Is told of events; whether it wants to be told of more.
type Listener = Box<dyn Fn(&LogEvent) -> bool + Send + Sync>;

impl World {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, state: State) -> Self {
        Self { clock, random, state: Mutex::new(state), listeners: Mutex::default() }
    }

    /// What the server knows. Never held across a signature or an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        shifted(self.clock.now(), self.state().clock_offset)
    }

    /// Does what has fallen due by the clock. Comes before everything that depends on keys or on
    /// the log.
    pub(crate) fn keep_up(&self) {
        let now = self.now();
        self.state().log.write_due(self.clock.monotonic());
        let rotated = self.state().rotate_due(now);
        for server in rotated {
            self.log_change(KEY_ROLLOVER, vec![LogEntity::server(&server)]);
        }
    }

    /// Writes to the System Log what was changed without a request.
    pub(crate) fn log_change(&self, event_type: EventType, target: Vec<LogEntity>) {
        let actor = LogEntity::administrator();
        let (result, debug) = (LogResult::Success, Map::new());
        self.log(Entry { event_type, actor, target, result, debug }, None);
    }

    /// Writes to the System Log what a request did; without an origin, what an administrator did.
    pub(crate) fn log(&self, entry: Entry, origin: Option<&Origin>) {
        let event = LogEvent::new(entry, origin, self.uuid(), self.now());
        self.write(event.clone());
        self.listeners().retain(|listener| listener(&event));
    }

    /// Has every event told to this from now on, when it happens, until it says that it wants no
    /// more.
    pub(crate) fn listen(&self, listener: impl Fn(&LogEvent) -> bool + Send + Sync + 'static) {
        self.listeners().push(Box::new(listener));
    }

    /// Lets go of the events that are kept back on their way into the log.
    pub(crate) fn release_log(&self) {
        let now = self.clock.monotonic();
        self.state().log.release(now);
    }

    /// A random number below `end`, which is not zero.
    pub(crate) fn draw(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    /// Has the log write an event when its time comes, or whatever faults make of it.
    fn write(&self, event: LogEvent) {
        let (lag, faults) = {
            let state = self.state();
            (state.log_lag, state.log_faults)
        };
        let (lag, fate) = (lag.of_one(|end| self.draw(end)), faults.fate(|end| self.draw(end)));
        let now = self.clock.monotonic();
        let written_at = later(later(now, lag), fate.delay);
        let log = &mut self.state().log;
        for _ in 0..fate.copies() {
            match fate.held {
                true => log.hold(event.clone()),
                false => log.push(event.clone(), written_at),
            }
        }
        log.write_due(now);
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 192 random bits as text.
    pub(crate) fn identifier(&self) -> String {
        let mut bytes = [0; 24];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A random UUID ([RFC 9562 §5.4](https://www.rfc-editor.org/rfc/rfc9562#section-5.4)).
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
