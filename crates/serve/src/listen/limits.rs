//! What connections may take of the process.

use std::time::{Duration, Instant};

/// What connections may take of the process, in numbers and in time.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect_serve::listen::Limits;
///
/// let mut limits = Limits::default();
/// assert_eq!(limits.head, Duration::from_secs(5));
/// limits.connections = 2_000;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// How many connections may be open in all; 10,000 unless set. One beyond that is closed at
    /// once, so that its peer sees a failure instead of waiting in a queue that does not move.
    pub connections: usize,
    /// How many of them may be of one listener; 8,000 unless set, so that a flood of one leaves
    /// room for the others.
    pub connections_per_listener: usize,
    /// How long the head of a request may take from its first byte, and the first one from the
    /// opening of the connection, TLS handshake included; 5 seconds unless set.
    pub head: Duration,
    /// How long a connection may be without the beginning or the end of a request while one is not
    /// answered; 30 seconds unless set. This also bounds a body that does not come.
    pub request: Duration,
    /// How long a connection may be open without a request; 65 minutes unless set. That is longer
    /// than any of the usual proxies keeps an idle connection, so that the proxy closes it first
    /// and never sends a request into one that is just being closed.
    pub idle: Duration,
    /// How large the head of a request may be, in bytes; 16 KiB unless set, 8 KiB at least. One
    /// that is larger is answered with 431.
    pub head_bytes: usize,
    /// How many requests may be under way on one connection of HTTP/2; 250 unless set. Streams that
    /// are opened and reset in a hurry are bounded by the crate `h2`, which ends the connection
    /// after a few of them.
    pub streams: u32,
    /// How often a connection of HTTP/2 is asked whether its peer is still there; 60 seconds unless
    /// set.
    pub ping_interval: Duration,
    /// How long the peer may take to answer that; 20 seconds unless set.
    pub ping_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_listener: 8_000,
            head: Duration::from_secs(5),
            request: Duration::from_secs(30),
            idle: Duration::from_secs(65 * 60),
            head_bytes: 16 * 1024,
            streams: 250,
            ping_interval: Duration::from_secs(60),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

/// How many connections wait for their acceptance at most.
pub(super) const BACKLOG: u32 = 1024;

/// The time `wait` after `at`. Nothing here waits for more than a year.
pub(crate) fn later(at: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    at.checked_add(wait.min(YEAR)).unwrap_or(at)
}
