//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The other end of a connection, as the kernel and the TLS handshake tell it; no header has a say.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Peer;
///
/// let peer = Peer::Tcp("[::ffff:127.0.0.1]:4711".parse().unwrap());
/// assert!(peer.is_local());
/// assert_eq!(peer.ip(), Some("127.0.0.1".parse().unwrap()));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peer {
    /// A process of this machine, over a unix socket.
    Unix {
        /// Its effective user.
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// Its process id, where the system tells it.
        pid: Option<i32>,
    },
    /// An address without TLS, which proves nothing.
    Tcp(SocketAddr),
    /// An address behind a TLS handshake; a certificate has been verified.
    Tls {
        /// The address.
        addr: SocketAddr,
        /// Its subject alternative names, DNS names and URIs, as they stand there; none without a
        /// certificate. Shared, so that a copy of the peer costs nothing.
        names: Arc<[String]>,
    },
}

impl Peer {
    /// Its IP address; an IPv4 address in IPv6 notation is told as IPv4. `None` for a unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Unix { .. } => None,
            Self::Tcp(addr) | Self::Tls { addr, .. } => Some(addr.ip().to_canonical()),
        }
    }

    /// Whether it is on this machine: a unix socket or a loopback address.
    pub fn is_local(&self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }

    /// The names of its verified certificate.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Tls { names, .. } => names,
            Self::Unix { .. } | Self::Tcp(_) => &[],
        }
    }
}
