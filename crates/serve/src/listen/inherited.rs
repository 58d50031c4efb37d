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
    /// Why the environment announces sockets and none is taken.
    unusable: Option<Fault>,
}

/// How many sockets are taken at most. A unit opens one or two for each listener.
const MAX_SOCKETS: u32 = 64;

impl Inherited {
    /// What `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say, of up to 64 sockets. To be called
    /// once a process.
    pub fn from_environment() -> Self {
        let given = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let unusable = unusable(given("LISTEN_FDS"), given("LISTEN_PID"), std::process::id());
        let sockets = match unusable {
            None => ListenFd::from_env(),
            Some(_) => ListenFd::empty(),
        };
        let names = names(&given("LISTEN_FDNAMES").unwrap_or_default(), sockets.len());
        Self { sockets, names, unusable }
    }

    /// The sockets of this name: a socket unit may have several. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// If there is none of this name, if the environment announces sockets for another process or in
    /// a way that cannot be read, or if one is neither a unix nor a TCP socket that listens.
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
        if let Some(unusable) = &self.unusable {
            return unusable.clone();
        }
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

/// What is wrong with `LISTEN_FDS` and `LISTEN_PID`, if there is something: values are not quoted.
fn unusable(fds: Option<String>, pid: Option<String>, own: u32) -> Option<Fault> {
    let fds = fds?;
    let malformed = |name: &str| {
        Fault::new(format!(
            "the variable {name}, by which systemd hands over sockets, is no number"
        ))
        .advise("have systemd set it, or unset it")
    };
    match pid.as_deref().filter(|pid| !pid.is_empty()).map(str::parse::<u32>) {
        Some(Err(_)) => return Some(malformed("LISTEN_PID")),
        Some(Ok(pid)) if pid != own => {
            let fault = Fault::new("systemd's sockets are for another process, says LISTEN_PID");
            return Some(fault.advise("a shell between systemd and the sidecar has to `exec` it"));
        }
        _ => {}
    }
    match fds.parse::<u32>() {
        Err(_) => Some(malformed("LISTEN_FDS")),
        Ok(count) if count > MAX_SOCKETS => {
            let fault = Fault::new(format!("LISTEN_FDS announces more than {MAX_SOCKETS} sockets"));
            Some(fault.advise("have the socket unit open those of the listeners alone"))
        }
        Ok(_) => None,
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
        let names = names("web:admin", 2);
        let mut inherited = Inherited { sockets: ListenFd::empty(), names, unusable: None };
        let fault = inherited.take("authz").unwrap_err();
        let said =
            "systemd has opened no socket of the name authz; FileDescriptorName= has web, admin";
        assert_eq!(fault.to_string(), said);
        inherited.names.clear();
        let fault = inherited.take("authz").unwrap_err();
        assert_eq!(fault.advice(), Some("start the socket unit instead of the service"));
    }

    /// What is said to a listener that wants a socket.
    fn said(fds: &str, pid: Option<&str>) -> Option<String> {
        let unusable = unusable(Some(fds.to_owned()), pid.map(str::to_owned), 7)?;
        let unusable = Some(unusable);
        let mut inherited = Inherited { sockets: ListenFd::empty(), names: Vec::new(), unusable };
        Some(inherited.take("authz").unwrap_err().to_string())
    }

    #[test]
    fn sockets_for_another_process_are_said_to_be() {
        for ours in [None, Some(""), Some("7")] {
            assert_eq!(said("1", ours), None, "{ours:?}");
        }
        let for_another = "systemd's sockets are for another process, says LISTEN_PID; a shell between \
                           systemd and the sidecar has to `exec` it";
        for fds in ["1", "1000000", "one"] {
            assert_eq!(said(fds, Some("8")).unwrap(), for_another);
        }
        assert_eq!(unusable(None, Some("8".to_owned()), 7), None, "no socket is announced");
    }

    #[test]
    fn variables_that_are_no_numbers_are_named() {
        for (fds, pid, name) in [
            ("one", Some("7"), "LISTEN_FDS"),
            ("-1", None, "LISTEN_FDS"),
            ("", None, "LISTEN_FDS"),
            ("1", Some("seven"), "LISTEN_PID"),
        ] {
            let said = said(fds, pid).unwrap();
            assert!(said.starts_with(&format!("the variable {name}, by which")), "{said}");
        }
    }

    #[test]
    fn no_more_sockets_are_taken_than_a_unit_can_mean() {
        assert_eq!(said("64", Some("7")), None);
        for many in ["65", "1000000"] {
            let said = said(many, Some("7")).unwrap();
            assert!(said.starts_with("LISTEN_FDS announces more than 64 sockets; "), "{said}");
        }
    }
}
