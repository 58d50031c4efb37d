//! The party at the other end of a connection.

use std::net::SocketAddr;

/// The party at the other end of a connection, as far as the connection itself says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Peer {
    /// A process of this machine, by what the kernel says of it.
    Unix {
        /// Its effective user.
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// Its process, where the kernel tells.
        pid: Option<i32>,
    },
    /// An address, which is no proof of anything.
    Tcp(SocketAddr),
    /// An address behind a TLS handshake.
    Tls {
        /// The address.
        addr: SocketAddr,
        /// The names in the client's verified certificate; none without one.
        names: Vec<String>,
    },
}
