//! Sockets that accept connections.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;

use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::limits::BACKLOG;
use super::stream::Stream;
use super::unix::{self, OwnFile, SocketFile};
use crate::caller::Peer;
use crate::error::Fault;

/// A socket that accepts connections.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::listen::Socket;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), okta_introspect_serve::Fault> {
/// let socket = Socket::tcp("127.0.0.1:0".parse().unwrap())?;
/// assert!(socket.address().is_some_and(|address| address.port() > 0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Socket {
    kind: Kind,
    /// Of a unix socket that this process made.
    file: Option<OwnFile>,
}

#[derive(Debug)]
enum Kind {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Socket {
    /// Listens at a path, whose permissions are `mode` from the first moment on, whatever the umask.
    ///
    /// A socket of a process that is gone is replaced. When the socket is dropped its file is
    /// removed, unless another process has replaced it meanwhile.
    ///
    /// # Errors
    ///
    /// If a process listens there, if there is something that is no socket, if the path is too long,
    /// or if the operating system refuses.
    pub async fn unix(path: &Path, mode: u32) -> Result<Self, Fault> {
        let (listener, file) = unix::bind(path, mode).await?;
        Ok(Self { kind: Kind::Unix(listener), file: Some(file) })
    }

    /// Listens at an address. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the operating system refuses, for example because the address is in use.
    pub fn tcp(address: SocketAddr) -> Result<Self, Fault> {
        let listener = listen(address).map_err(|error| cannot_listen(address, &error))?;
        Ok(Self { kind: Kind::Tcp(listener), file: None })
    }

    /// A socket that somebody else made, such as systemd. One that does not listen is an error.
    pub(super) fn inherited_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        must_listen(&listener)?;
        listener.set_nonblocking(true)?;
        Ok(Self { kind: Kind::Unix(UnixListener::from_std(listener)?), file: None })
    }

    pub(super) fn inherited_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        must_listen(&listener)?;
        listener.set_nonblocking(true)?;
        Ok(Self { kind: Kind::Tcp(TcpListener::from_std(listener)?), file: None })
    }

    /// Its address; none for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(_) => None,
        }
    }

    /// The file of a unix socket that this process made.
    pub(super) fn file(&self) -> Option<&SocketFile> {
        self.file.as_ref().map(|own| &own.0)
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.kind {
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let gone = |error| io::Error::new(io::ErrorKind::ConnectionAborted, error);
                let of = stream.peer_cred().map_err(gone)?;
                let peer = Peer::Unix { uid: of.uid(), gid: of.gid(), pid: of.pid() };
                Ok((Stream::Unix(stream), peer))
            }
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are small, and each is written at once. It fails if the peer has gone.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
        }
    }
}

/// The kind alone does not tell: a connection is a stream socket too, as is one that is only bound.
#[cfg(not(target_vendor = "apple"))]
fn must_listen(socket: impl AsFd) -> io::Result<()> {
    match rustix::net::sockopt::socket_acceptconn(socket)? {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen")),
    }
}

/// There it cannot be asked, and nor is there systemd.
#[cfg(target_vendor = "apple")]
fn must_listen(_: impl AsFd) -> io::Result<()> {
    Ok(())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Fault {
    let fault = Fault::new(format!("cannot listen on {address}: {error}"));
    match error.kind() {
        io::ErrorKind::AddrInUse => fault.advise(
            "another process does, perhaps another sidecar: end that one, or choose another port",
        ),
        io::ErrorKind::AddrNotAvailable => {
            fault.advise("choose an address that an interface of this machine has")
        }
        io::ErrorKind::PermissionDenied => {
            fault.advise("choose a port from 1024 on, or have systemd open the socket")
        }
        _ => fault,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A successor can listen while connections of its predecessor are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, socket};
    use std::os::fd::OwnedFd;

    #[test_support::test]
    async fn an_address_that_is_in_use_is_told_with_its_cure() {
        let first = Socket::tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let fault = Socket::tcp(first.address().unwrap()).err().unwrap();
        let advice = fault.advice().unwrap();
        assert!(advice.contains("perhaps another sidecar"), "{fault}");
    }

    #[test_support::test]
    async fn what_does_not_listen_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authz.sock");
        let tcp = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&tcp, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let error = Socket::inherited_tcp(tcp.into()).unwrap_err();
        assert_eq!(error.to_string(), "it does not listen");
        let unix = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        bind(&unix, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        let (connection, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        for socket in [unix, OwnedFd::from(connection)] {
            let error = Socket::inherited_unix(socket.into()).unwrap_err();
            assert_eq!(error.to_string(), "it does not listen");
        }
    }
}
