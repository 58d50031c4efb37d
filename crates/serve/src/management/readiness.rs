//! Whether requests should be sent here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether requests should be sent to this process. Clones share one state.
///
/// It is ready once a configuration with its key is loaded and the authorization server has answered
/// a question about a token once, and then until it ends or loses a socket: an outage of the authorization server must not take all the sidecars
/// out of service at the same moment.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::management::Readiness;
///
/// let readiness = Readiness::new();
/// assert_eq!(readiness.obstacle(), Some("no configuration is loaded"));
/// readiness.configured();
/// assert_eq!(readiness.obstacle(), Some("the authorization server has not answered yet"));
/// readiness.refused();
/// assert_eq!(readiness.obstacle(), Some("the authorization server refuses our credentials"));
/// readiness.answered();
/// assert_eq!(readiness.obstacle(), None);
/// readiness.reachable(false);
/// assert_eq!(readiness.obstacle(), Some("the file of a unix socket was removed or replaced"));
/// readiness.reachable(true);
/// assert_eq!(readiness.obstacle(), None);
/// readiness.drain();
/// assert_eq!(readiness.obstacle(), Some("draining"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    state: Arc<AtomicU8>,
}

const CONFIGURED: u8 = 1;
const ANSWERED: u8 = 2;
const DRAINING: u8 = 4;
const REFUSED: u8 = 8;
const UNREACHABLE: u8 = 16;

impl Readiness {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration and its key are loaded.
    pub fn configured(&self) {
        self.set(CONFIGURED);
    }

    /// The authorization server has answered a question about a token, with any verdict. Cheap enough to
    /// be called for every answer.
    pub fn answered(&self) {
        if self.state.load(Ordering::Relaxed) & ANSWERED == 0 {
            self.set(ANSWERED);
        }
    }

    /// The authorization server has refused our credentials, which is no answer.
    pub fn refused(&self) {
        self.set(REFUSED);
    }

    /// Whether peers can reach all listeners; so until something else is said.
    pub fn reachable(&self, is_so: bool) {
        match is_so {
            true => self.state.fetch_and(!UNREACHABLE, Ordering::AcqRel),
            false => self.state.fetch_or(UNREACHABLE, Ordering::AcqRel),
        };
    }

    /// The process is about to end. Nothing takes this back.
    pub fn drain(&self) {
        self.set(DRAINING);
    }

    /// Why it is not ready; `None` if it is.
    pub fn obstacle(&self) -> Option<&'static str> {
        let state = self.state.load(Ordering::Acquire);
        match state {
            _ if state & DRAINING != 0 => Some("draining"),
            _ if state & UNREACHABLE != 0 => {
                Some("the file of a unix socket was removed or replaced")
            }
            _ if state & CONFIGURED == 0 => Some("no configuration is loaded"),
            _ if state & (ANSWERED | REFUSED) == REFUSED => {
                Some("the authorization server refuses our credentials")
            }
            _ if state & ANSWERED == 0 => Some("the authorization server has not answered yet"),
            _ => None,
        }
    }

    fn set(&self, bit: u8) {
        self.state.fetch_or(bit, Ordering::AcqRel);
    }
}
