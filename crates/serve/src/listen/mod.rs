//! Sockets, connections and their limits. Knows nothing of what is served.

mod connection;
mod inherited;
mod limits;
mod pulse;
mod servers;
mod socket;
mod stream;
mod tls;
mod unix;

pub use connection::Service;
pub use inherited::Inherited;
pub use limits::Limits;
pub(crate) use limits::later;
pub use servers::Servers;
pub use socket::Socket;
pub use tls::{Tls, TlsIdentity};
pub(crate) use unix::SocketFile;

#[cfg(test)]
mod tests;
