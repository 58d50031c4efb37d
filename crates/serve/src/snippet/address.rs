//! Addresses and paths, as far as they can be written into any proxy's configuration without quotes.

use std::fmt;
use std::str::FromStr;

use crate::error::Fault;

/// The longest path of a unix socket, in bytes; that is the operating system's bound.
const UNIX_MAX: usize = 107;

/// The longest name of a host.
const HOST_MAX: usize = 253;

/// Where something listens.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Address;
///
/// let address: Address = "unix:/run/okta-introspect/authz.sock".parse()?;
/// assert_eq!(address, Address::Unix("/run/okta-introspect/authz.sock".into()));
/// assert_eq!("127.0.0.1:9180".parse(), Ok(Address::tcp("127.0.0.1", 9180)));
/// # Ok::<_, okta_introspect_serve::Fault>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// The absolute path of a unix socket: letters, digits, `.`, `_`, `-` and `/`.
    Unix(String),
    /// A port.
    Tcp {
        /// A host's name, or an IP address; IPv6 without brackets.
        host: String,
        /// From 1.
        port: u16,
    },
}

impl Address {
    /// A port of a host.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Unix(path) if path.len() > UNIX_MAX => {
                Err(Fault::new("the path of a unix socket has at most 107 bytes"))
            }
            Self::Unix(path) => check_path(path),
            Self::Tcp { host, port } => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
                let is_host = (1..=HOST_MAX).contains(&host.len()) && host.chars().all(is_plain);
                let is_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
                if !is_host || *port == 0 || (host.contains(':') && !is_v6) {
                    return Err(Fault::new("is no host and port").advise("write 127.0.0.1:9180"));
                }
                Ok(())
            }
        }
    }

    /// Host and port, where a unix socket will not do.
    pub(super) fn host_and_port(&self, place: &str) -> Result<(&str, u16), Fault> {
        self.check().map_err(|fault| fault.at(place))?;
        match self {
            Self::Tcp { host, port } => Ok((host, *port)),
            Self::Unix(_) => {
                Err(Fault::new("is a unix socket").at(place).advise("give a host and a port"))
            }
        }
    }
}

/// `host:port`, with brackets around IPv6.
pub(super) fn joined((host, port): (&str, u16)) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// A path that no proxy reads anything into.
pub(super) fn check_path(path: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_dots = |segment: &str| segment == "." || segment == "..";
    if !path.starts_with('/') || !path.chars().all(is_plain) || path.split('/').any(is_dots) {
        return Err(Fault::new("is no absolute path of letters, digits, `.`, `_`, `-` and `/`"));
    }
    match path.len() > 1 && !path.ends_with('/') {
        true => Ok(()),
        false => Err(Fault::new("is a path that ends in a slash")),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Tcp { host, port } => f.write_str(&joined((host, *port))),
        }
    }
}

impl FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let address = match text.strip_prefix("unix:") {
            Some(path) => Self::Unix(path.to_owned()),
            None => {
                let parts = text.rsplit_once(':').and_then(|(host, port)| {
                    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                    Some(Self::tcp(bare.unwrap_or(host), port.parse().ok()?))
                });
                parts.ok_or_else(|| {
                    Fault::new("is no address").advise("write unix:/PATH or HOST:PORT")
                })?
            }
        };
        address.check().map(|()| address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_is_shown() {
        for text in
            ["unix:/run/a/b.sock", "127.0.0.1:1", "[::1]:65535", "okta-introspect.auth:9191"]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn an_address_that_could_mean_more_is_refused() {
        let long = format!("unix:/{}", "a".repeat(UNIX_MAX));
        for text in [
            "",
            "unix:",
            "unix:relative",
            "unix:/",
            "unix:/a/../b",
            "unix:/a;}",
            "unix:/a b",
            "unix:/a\nb",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            ":80",
            "a b:80",
            "a;:80",
            "a:b:80",
            "é:80",
            "{env}:80",
            &long,
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
