//! Where the sidecar listens.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::{entries, pem, section};
use crate::config::document::{ListenerDocument, ManagementDocument, ModeDocument, TlsDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{Address, ListenerConfig, TlsConfig};
use crate::config::tree::Node;
use crate::error::Fault;
use crate::grpc::has_calls_below;
use crate::original::{TrustedPeers, checked_prefix};

const DEFAULT_SOCKET: &str = "/run/okta-introspect/authz.sock";

const DEFAULT_PERMISSIONS: u32 = 0o660;

const DEFAULT_PREFIX: &str = "/authz";

const DEFAULT_MANAGEMENT: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);

/// The longest path of a unix socket, in bytes: the kernel's own bound on Linux.
const MAX_SOCKET_PATH: usize = 107;

pub(super) fn resolve(
    root: &mut Node,
    faults: &mut Faults,
    folder: &Path,
    has_callers: bool,
) -> Vec<(String, ListenerConfig)> {
    let mut listeners: Vec<(String, ListenerConfig)> = Vec::new();
    for (place, written) in entries::<ListenerDocument>(root, "listeners", faults) {
        let Some(listener) = listener(written, &place, folder, has_callers, faults) else {
            continue;
        };
        refuse_twice(&place, &listener.address, &listeners, faults);
        listeners.push((place, listener));
    }
    listeners
}

pub(super) fn management(
    root: &mut Node,
    faults: &mut Faults,
    folder: &Path,
    listeners: &[(String, ListenerConfig)],
) -> Address {
    let written = section::<ManagementDocument>(root, "management", faults);
    let address = match written.map(|management| (management.tcp, management.unix)) {
        None => Address::Tcp(DEFAULT_MANAGEMENT),
        Some((Some(tcp), None)) => match tcp_address(&tcp, "management.tcp", faults) {
            Some(address) => Address::Tcp(address),
            None => Address::Tcp(DEFAULT_MANAGEMENT),
        },
        Some((None, Some(path))) => {
            unix(&path, DEFAULT_PERMISSIONS, "management.unix", folder, faults)
        }
        Some(_) => {
            let fault = Fault::new("neither or both of `tcp` and `unix`");
            faults.error("management", fault.advise("write one of them"));
            Address::Tcp(DEFAULT_MANAGEMENT)
        }
    };
    refuse_twice("management", &address, listeners, faults);
    if matches!(&address, Address::Tcp(address) if !is_loopback(address)) {
        faults.warn("management.tcp", Fault::new("other computers can read the metrics"));
    }
    address
}

fn listener(
    written: ListenerDocument,
    place: &str,
    folder: &Path,
    has_callers: bool,
    faults: &mut Faults,
) -> Option<ListenerConfig> {
    check_members(&written, place, faults);
    let permissions = permissions(written.permissions.as_deref(), place, faults);
    let address = match (written.unix, written.tcp, written.systemd) {
        (None, None, None) => unix(DEFAULT_SOCKET, permissions, place, folder, faults),
        (Some(path), None, None) => {
            unix(&path, permissions, &format!("{place}.unix"), folder, faults)
        }
        (None, Some(tcp), None) => {
            Address::Tcp(tcp_address(&tcp, &format!("{place}.tcp"), faults)?)
        }
        (None, None, Some(name)) => Address::Systemd(name),
        _ => {
            let fault = Fault::new("more than one of `unix`, `tcp` and `systemd`");
            faults.error(place, fault.advise("write a listener for each"));
            return None;
        }
    };
    let tls = written.tls.map(|tls| self::tls(tls, &format!("{place}.tls"), faults));
    let listener = ListenerConfig {
        address,
        mode: written.mode.map(Into::into),
        path_prefix: written.path_prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        trusted: trusted(&written.trusted.unwrap_or_default(), place, faults),
        introspection: written.introspection.unwrap_or_default(),
        tls,
    };
    if let Address::Tcp(address) = &listener.address {
        for (member, fault) in exposed(&listener, address, has_callers) {
            faults.error(&format!("{place}.{member}"), fault);
        }
    }
    Some(listener)
}

impl ListenerConfig {
    /// What makes it unsafe to listen at this address: over TCP beyond loopback a listener needs TLS,
    /// callers that it can tell apart, and a word on whose forwarded values count. The file is checked
    /// so; a socket of systemd's has to be, once its address is known.
    pub fn unsafe_at(&self, address: &SocketAddr, has_callers: bool) -> Vec<Fault> {
        exposed(self, address, has_callers).into_iter().map(|(_, fault)| fault).collect()
    }
}

/// The members that are missing, and why each has to be there.
fn exposed(
    listener: &ListenerConfig,
    address: &SocketAddr,
    has_callers: bool,
) -> Vec<(&'static str, Fault)> {
    let mut faults = Vec::new();
    if let (Some(_), Err(fault)) =
        (listener.mode, TrustedPeers::new(&listener.trusted, address.ip()))
    {
        faults.push(("trusted", fault));
    }
    if is_loopback(address) {
        return faults;
    }
    let names = listener.tls.as_ref().map_or(0, |tls| tls.client_names.len());
    if listener.tls.is_none() {
        let fault = Fault::new(format!(
            "other computers reach {address}, and tokens would cross the network in clear"
        ));
        faults.push(("tcp", fault.advise("add `tls`, or listen at 127.0.0.1 or a unix socket")));
    }
    if names == 0 && !has_callers {
        let fault =
            Fault::new(format!("other computers reach {address}, and any of them could ask"));
        faults.push((
            "tcp",
            fault.advise("add `tls.client_ca` and `tls.client_names`, or `callers`"),
        ));
    }
    faults
}

/// Refuses members that would have no effect where they are: their author believes that they have one.
fn check_members(written: &ListenerDocument, place: &str, faults: &mut Faults) {
    let is_unix = written.tcp.is_none() && written.systemd.is_none();
    let mut refuse = |is_wrong: bool, member: &str, what: &str, cure: &str| {
        if is_wrong {
            faults.error(&format!("{place}.{member}"), Fault::new(what).advise(cure));
        }
    };
    refuse(
        written.mode.is_none() && !written.introspection.unwrap_or_default(),
        "mode",
        "missing",
        "name the proxy: nginx, caddy, traefik, haproxy or envoy; or write `introspection: true`",
    );
    refuse(
        written.permissions.is_some() && !is_unix,
        "permissions",
        "only a unix socket has permissions",
        "remove it; systemd has `SocketMode=`",
    );
    refuse(
        written.tls.is_some() && is_unix,
        "tls",
        "a unix socket has no TLS",
        "remove it: `permissions` say who may connect",
    );
    refuse(
        written.trusted.is_some() && is_unix,
        "trusted",
        "everybody who can connect to a unix socket is trusted",
        "remove it: `permissions` say who may connect",
    );
    refuse(
        written.path_prefix.is_some() && !matches!(written.mode, Some(ModeDocument::Envoy)),
        "path_prefix",
        "only mode `envoy` has a prefix",
        "remove it",
    );
    let prefix = written.path_prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let is_path = !prefix.is_empty()
        && checked_prefix(prefix, "path_prefix").is_ok_and(|checked| checked == prefix);
    refuse(
        !is_path,
        "path_prefix",
        "no path before another one",
        "begin it with `/`, and end it without, such as /authz",
    );
    refuse(
        is_path && has_calls_below(prefix),
        "path_prefix",
        "that of the listener's gRPC services",
        "take another one, such as /authz",
    );
}

pub(super) fn permissions(written: Option<&str>, place: &str, faults: &mut Faults) -> u32 {
    let Some(text) = written else { return DEFAULT_PERMISSIONS };
    let place = format!("{place}.permissions");
    let is_octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => {
            if mode & 0o007 != 0 {
                let fault = Fault::new("every user of this computer could ask");
                faults.error(&place, fault.advise("end it in 0, such as \"0660\""));
            }
            mode
        }
        _ => {
            let fault = Fault::new("no permissions in octal");
            faults.error(&place, fault.advise("write them as \"0660\""));
            DEFAULT_PERMISSIONS
        }
    }
}

pub(super) fn unix(
    path: &str,
    permissions: u32,
    place: &str,
    folder: &Path,
    faults: &mut Faults,
) -> Address {
    let path: PathBuf = folder.join(path);
    let length = path.as_os_str().len();
    if length > MAX_SOCKET_PATH {
        faults.error(
            place,
            Fault::new(format!(
                "a path of {length} bytes, and a socket's has at most {MAX_SOCKET_PATH}"
            )),
        );
    }
    Address::Unix { path, permissions }
}

pub(super) fn tcp_address(text: &str, place: &str, faults: &mut Faults) -> Option<SocketAddr> {
    let address = text.parse();
    if address.is_err() {
        let fault = Fault::new("no IP address with a port");
        faults.error(place, fault.advise("write it as 127.0.0.1:9180 or [::1]:9180"));
    }
    address.ok()
}

pub(super) fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whose forwarded values count.
fn trusted(networks: &[String], place: &str, faults: &mut Faults) -> Vec<IpNet> {
    let networks = networks.iter().enumerate();
    networks
        .filter_map(|(index, text)| {
            let place = format!("{place}.trusted[{index}]");
            network(text).map_err(|fault| faults.error(&place, fault)).ok()
        })
        .collect()
}

/// A network, or one address. One with bits beyond its prefix may be meant as either.
fn network(text: &str) -> Result<IpNet, Fault> {
    let network: IpNet =
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            Fault::new("no network").advise("write it as 10.0.0.0/8, or an IP address alone")
        })?;
    let (whole, address) = (network.trunc(), network.addr());
    match whole == network {
        true => Ok(network),
        false => Err(Fault::new("an address and a network in one")
            .advise(format!("write {whole} for the network, or {address} for the address"))),
    }
}

pub(super) fn tls(written: TlsDocument, place: &str, faults: &mut Faults) -> TlsConfig {
    let certificate =
        pem::certificates(&written.certificate, &format!("{place}.certificate"), faults);
    pem::key(&written.key, certificate.as_ref(), &format!("{place}.key"), faults);
    let names = written.client_names.unwrap_or_default();
    match &written.client_ca {
        Some(authority) => {
            pem::certificates(authority, &format!("{place}.client_ca"), faults);
        }
        None if !names.is_empty() => {
            let fault = Fault::new("missing: without it nobody shows a certificate");
            faults.error(&format!("{place}.client_ca"), fault);
        }
        None => {}
    }
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '*') {
            let fault = Fault::new("no name of a client").advise("write the whole DNS name or URI");
            faults.error(&format!("{place}.client_names[{index}]"), fault);
        }
    }
    TlsConfig {
        certificate: written.certificate,
        key: written.key,
        client_ca: written.client_ca,
        client_names: names,
    }
}

/// Refuses a second listener at the same place.
pub(super) fn refuse_twice(
    place: &str,
    address: &Address,
    others: &[(String, ListenerConfig)],
    faults: &mut Faults,
) {
    let taken = others.iter().find(|(_, other)| collide(address, &other.address));
    if let Some((other, _)) = taken {
        faults.error(place, Fault::new(format!("{other} listens at the same address")));
    }
}

fn collide(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix { path, .. }, Address::Unix { path: other, .. }) => path == other,
        (Address::Tcp(one), Address::Tcp(other)) => {
            let all = one.ip().is_unspecified() || other.ip().is_unspecified();
            // Each listener at port 0 gets a port of its own.
            one.port() == other.port() && one.port() != 0 && (all || one.ip() == other.ip())
        }
        _ => one == other,
    }
}
