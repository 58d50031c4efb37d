//! Sockets that systemd opened before this process began.

use std::fmt;

use listenfd::ListenFd;

use super::socket::Socket;
use crate::error::Fault;

/// The sockets that systemd, or `systemd-socket-activate`, opened and handed over, by their
/// `FileDescriptorName=`.
///
/// See [`sd_listen_fds(3)`](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html).
///
/// # Example
///
/// ```no_run
/// use okta_introspect_serve::listen::Inherited;
///
/// # fn main() -> Result<(), okta_introspect_serve::Fault> {
/// let mut inherited = Inherited::from_environment();
/// let sockets = inherited.take("authz")?;
/// # let _ = sockets;
/// # Ok(())
/// # }
/// ```
pub struct Inherited {
    sockets: ListenFd,
    /// In the order of the sockets; those taken are `None`.
    names: Vec<Option<String>>,
}

impl Inherited {
    /// What `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say. To be called once a process.
    pub fn from_environment() -> Self {
        let sockets = ListenFd::from_env();
        let given = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names = names(&given, sockets.len());
        Self { sockets, names }
    }

    /// The sockets of this name: a socket unit may have several. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// If there is none of this name, or one that is neither a unix nor a TCP socket for connections.
    pub fn take(&mut self, name: &str) -> Result<Vec<Socket>, Fault> {
        let of_name =
            |(at, own): (usize, &Option<String>)| (own.as_deref() == Some(name)).then_some(at);
        let found: Vec<usize> = self.names.iter().enumerate().filter_map(of_name).collect();
        if found.is_empty() {
            return Err(self.missing(name));
        }
        found.into_iter().map(|at| self.take_at(at, name)).collect()
    }

    /// The names of the sockets that nothing has taken: connections to them would never be accepted.
    pub fn left(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flatten().map(String::as_str)
    }

    fn take_at(&mut self, at: usize, name: &str) -> Result<Socket, Fault> {
        let fault = |error| {
            Fault::new(format!("systemd's socket {name} cannot be used: {error}"))
                .advise("the socket unit needs ListenStream= and Accept=no")
        };
        if let Some(own) = self.names.get_mut(at) {
            *own = None;
        }
        if let Ok(Some(unix)) = self.sockets.take_unix_listener(at) {
            return Socket::inherited_unix(unix).map_err(fault);
        }
        let tcp = self.sockets.take_tcp_listener(at).map_err(fault)?;
        let tcp = tcp.ok_or_else(|| self.missing(name))?;
        Socket::inherited_tcp(tcp).map_err(fault)
    }

    fn missing(&self, name: &str) -> Fault {
        let left: Vec<&str> = self.left().collect();
        let fault = Fault::new(format!("systemd has opened no socket of the name {name}"));
        match left.is_empty() {
            true => fault.advise("start the socket unit instead of the service"),
            false => fault.advise(format!("FileDescriptorName= has {}", left.join(", "))),
        }
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inherited").field("names", &self.names).finish_non_exhaustive()
    }
}

/// One name for each socket; `unknown` for those without one, as `sd_listen_fds_with_names` has it.
fn names(given: &str, count: usize) -> Vec<Option<String>> {
    let given = given.split(':').chain(std::iter::repeat(""));
    let named = given.map(|name| if name.is_empty() { "unknown" } else { name });
    named.take(count).map(|name| Some(name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_without_a_name_are_unknown() {
        let some = |names: &[&str]| names.iter().map(|name| Some((*name).to_owned())).collect();
        let expected: Vec<Option<String>> = some(&["authz", "unknown"]);
        assert_eq!(names("authz", 2), expected);
        assert_eq!(names("a::c:d", 3), some(&["a", "unknown", "c"]) as Vec<_>);
        assert_eq!(names("", 1), some(&["unknown"]) as Vec<_>);
    }

    #[test]
    fn a_name_that_systemd_did_not_give_is_said_to_be_missing() {
        let mut inherited = Inherited { sockets: ListenFd::empty(), names: names("web:admin", 2) };
        let fault = inherited.take("authz").unwrap_err();
        let said =
            "systemd has opened no socket of the name authz; FileDescriptorName= has web, admin";
        assert_eq!(fault.to_string(), said);
        inherited.names.clear();
        let fault = inherited.take("authz").unwrap_err();
        assert_eq!(fault.advice(), Some("start the socket unit instead of the service"));
    }
}
