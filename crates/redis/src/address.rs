//! Where Redis is: what a URL says of it.

use std::fmt;

use okta_introspect::{Error, ErrorKind, Secret};
use percent_encoding::percent_decode_str;

/// Servers that are named in one URL, at most.
const MAX_HOSTS: usize = 64;

/// The longest name of a host, in bytes (RFC 1035).
const MAX_NAME: usize = 253;

/// A host and a port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Host {
    /// A name or an address, without brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// How servers belong together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Topology {
    /// One server.
    Single(Host),
    /// Nodes of a cluster; the others are learned from these.
    Cluster(Vec<Host>),
    /// Sentinels that know which server is the master of a service.
    Sentinel { sentinels: Vec<Host>, service: String },
}

/// What a URL says.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) topology: Topology,
    pub(crate) is_tls: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: Option<u32>,
}

impl Address {
    /// Reads `redis[s][+cluster|+sentinel]://[[user]:password@]host[:port][,…][/service][/database]`.
    ///
    /// No error repeats anything of the URL: where it is misread, a part of the password may stand
    /// where a host is looked for.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            wrong("begins with neither redis:// nor rediss://, alone or with +sentinel or +cluster")
        })?;
        let (is_tls, kind) = scheme_of(scheme)?;
        if rest.contains(['?', '#']) {
            return Err(wrong(
                "has a ? or #; options are given apart, and in a password they are written %3F and %23",
            ));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (username, password) = credentials.map_or(Ok((None, None)), credentials_of)?;
        let hosts = hosts_of(hosts, kind.default_port())?;
        let (topology, database) = kind.topology(hosts, path)?;
        Ok(Self { topology, is_tls, username, password, database })
    }
}

/// What stands behind the `+` of a scheme.
enum Kind {
    Plain,
    Cluster,
    Sentinel,
}

impl Kind {
    fn default_port(&self) -> u16 {
        match self {
            Self::Plain | Self::Cluster => 6379,
            Self::Sentinel => 26379,
        }
    }

    fn topology(self, hosts: Vec<Host>, path: &str) -> Result<(Topology, Option<u32>), Error> {
        let path = path.strip_suffix('/').unwrap_or(path);
        match self {
            Self::Sentinel => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(wrong("of sentinels lacks the service: …://host,host/service"));
                }
                let service = decoded(service)?;
                Ok((Topology::Sentinel { sentinels: hosts, service }, database_of(database)?))
            }
            Self::Plain if hosts.len() == 1 => {
                // The one that was counted.
                let host = hosts.into_iter().next().ok_or_else(|| wrong("names no host"))?;
                Ok((Topology::Single(host), database_of(path)?))
            }
            Self::Plain | Self::Cluster => Ok((Topology::Cluster(hosts), database_of(path)?)),
        }
    }
}

fn scheme_of(scheme: &str) -> Result<(bool, Kind), Error> {
    let (base, kind) = match scheme.split_once('+') {
        None => (scheme, Kind::Plain),
        Some((base, "cluster")) => (base, Kind::Cluster),
        Some((base, "sentinel")) => (base, Kind::Sentinel),
        Some(_) => return Err(wrong("has another word than sentinel or cluster behind the +")),
    };
    match base {
        "redis" => Ok((false, kind)),
        "rediss" => Ok((true, kind)),
        _ => Err(wrong("begins with neither redis:// nor rediss://")),
    }
}

type Credentials = (Option<String>, Option<Secret>);

fn credentials_of(text: &str) -> Result<Credentials, Error> {
    let Some((username, password)) = text.split_once(':') else {
        return Err(wrong(
            "has something before the @ without a colon; it is user:password or :password",
        ));
    };
    let username = (!username.is_empty()).then(|| decoded(username)).transpose()?;
    let password = (!password.is_empty()).then(|| decoded(password)).transpose()?;
    if username.is_some() && password.is_none() {
        // A user whose password is given apart.
        return Ok((username, None));
    }
    Ok((username, password.map(Secret::new)))
}

fn hosts_of(text: &str, default_port: u16) -> Result<Vec<Host>, Error> {
    let hosts: Vec<_> =
        text.split(',').map(|host| host_of(host, default_port)).collect::<Result<_, _>>()?;
    match hosts.len() {
        0..=MAX_HOSTS => Ok(hosts),
        _ => Err(wrong("names more than 64 hosts")),
    }
}

fn host_of(text: &str, default_port: u16) -> Result<Host, Error> {
    let (name, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (name, port) =
                bracketed.split_once(']').ok_or_else(|| wrong("has a [ without its ]"))?;
            (name, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, Some("")),
        },
    };
    let port = match port {
        Some("") => Some(default_port),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    match port {
        Some(port)
            if port > 0 && (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_name) =>
        {
            Ok(Host { name: name.to_owned(), port })
        }
        Some(_) if name.is_empty() => Err(wrong("names no host")),
        _ => Err(wrong(
            "has a host or port that cannot be one; in a password, / is written %2F, @ %40 and , %2C",
        )),
    }
}

fn database_of(text: &str) -> Result<Option<u32>, Error> {
    match text {
        "" => Ok(None),
        // A sign is read by `parse`, too.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(database) => Ok(Some(database)),
            Err(_) => Err(no_database()),
        },
        _ => Err(no_database()),
    }
}

fn no_database() -> Error {
    wrong("ends with something that is not the number of a database")
}

fn decoded(text: &str) -> Result<String, Error> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(wrong("has a % that stands for no UTF-8")),
    }
}

fn wrong(what: &str) -> Error {
    Error::from_store(ErrorKind::Configuration, format!("the URL of Redis {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    #[test]
    fn a_url_names_servers_and_how_they_belong_together() {
        let single = |name: &str, port| Topology::Single(host(name, port));
        let cases = [
            ("redis://localhost", single("localhost", 6379), false, None),
            ("rediss://redis.example:6380/3", single("redis.example", 6380), true, Some(3)),
            ("redis://[::1]:7000/", single("::1", 7000), false, None),
            ("redis://[::1]", single("::1", 6379), false, None),
            ("redis://a,b:2", Topology::Cluster(vec![host("a", 6379), host("b", 2)]), false, None),
            ("rediss+cluster://a", Topology::Cluster(vec![host("a", 6379)]), true, None),
            (
                "redis+sentinel://a,b:2/main/1",
                Topology::Sentinel {
                    sentinels: vec![host("a", 26379), host("b", 2)],
                    service: "main".to_owned(),
                },
                false,
                Some(1),
            ),
        ];
        for (url, topology, is_tls, database) in cases {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.topology, topology, "{url}");
            assert_eq!((address.is_tls, address.database), (is_tls, database), "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        let cases = [
            ("redis://h", None, None),
            ("redis://:p%40ss@h", None, Some("p@ss")),
            ("redis://me:a%2Fb:c@h", Some("me"), Some("a/b:c")),
            ("redis://me:@h", Some("me"), None),
            ("redis://me:a@b@h", Some("me"), Some("a@b")),
        ];
        for (url, username, password) in cases {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.username.as_deref(), username, "{url}");
            assert_eq!(address.password.as_ref().map(Secret::expose), password, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        let many = format!("redis://hunter2{}", ",h".repeat(64));
        let long = format!("redis://{}", "h".repeat(254));
        let cases = [
            ("hunter2", "begins with neither"),
            ("http://hunter2", "begins with neither"),
            ("redis+hunter2://h", "behind the +"),
            ("redis://me:hunter2", "a host or port"),
            ("redis://me:hunter2/1@h", "a host or port"),
            ("redis://hunter2@h", "without a colon"),
            ("redis://me:hunter2?@h", "a ? or #"),
            ("redis://h/hunter2", "number of a database"),
            ("redis://h/-1", "number of a database"),
            ("redis://h/+1", "number of a database"),
            (&long, "a host or port"),
            ("redis://h:0", "a host or port"),
            ("redis://h:65536", "a host or port"),
            ("redis://h:+1", "a host or port"),
            ("redis://[::1", "a [ without"),
            ("redis://[::1]x", "a host or port"),
            ("redis://a,,b", "names no host"),
            ("redis://", "names no host"),
            ("redis://:%FF@h", "no UTF-8"),
            ("redis+sentinel://h", "lacks the service"),
            (&many, "more than 64"),
        ];
        for (url, expected) in cases {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.to_string().contains(expected), "{url}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
