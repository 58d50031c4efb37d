//! Whose forwarded values count.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::Fault;

/// The peers of a listener whose forwarded values count. Anybody else could choose the rule of a
/// request by writing a header.
///
/// An IPv4 address in IPv6 notation (`::ffff:192.0.2.1`) is that IPv4 address, on both sides.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::TrustedPeers;
///
/// let everywhere = "0.0.0.0".parse().unwrap();
/// let peers = TrustedPeers::new(&["10.1.0.0/16".parse().unwrap()], everywhere).unwrap();
/// assert!(peers.contains(Some("::ffff:10.1.2.3".parse().unwrap())));
/// assert!(!peers.contains(Some("10.2.0.1".parse().unwrap())));
/// assert!(TrustedPeers::new(&[], everywhere).is_err());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustedPeers(Vec<IpNet>);

impl TrustedPeers {
    /// The peers of a unix socket: all of them, since the permissions of the file say who may write
    /// to it. Peers with an address are not among them.
    pub fn unix() -> Self {
        Self::default()
    }

    /// The peers of a TCP listener at this address. Without networks these are the loopback
    /// addresses, for a listener that is on loopback itself.
    ///
    /// # Errors
    ///
    /// If the listener is beyond loopback and there is no network, or if the networks are together
    /// all of IPv4 or of IPv6, such as `0.0.0.0/0` and `::/0`.
    pub fn new(networks: &[IpNet], listener: IpAddr) -> Result<Self, Fault> {
        if networks.is_empty() {
            return match listener.to_canonical().is_loopback() {
                true => Ok(Self(loopback())),
                false => Err(Fault::new("a listener beyond loopback has no trusted networks")
                    .advise("list the proxy's addresses, such as 10.1.2.3/32")),
            };
        }
        let networks = IpNet::aggregate(&networks.iter().map(canonical).collect());
        if let Some(all) = networks.iter().find(|network| network.prefix_len() == 0) {
            let all = if all.addr().is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(Fault::new(format!("the trusted networks are all of {all}"))
                .advise("list the proxy's addresses, such as 10.1.2.3/32"));
        }
        Ok(Self(networks))
    }

    /// Whether forwarded values of this peer count; a peer without an address is that of a unix
    /// socket.
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return true };
        self.0.iter().any(|network| network.contains(&peer))
    }
}

fn loopback() -> Vec<IpNet> {
    vec![
        // Both prefixes are within the width of their addresses.
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
    ]
}

/// The network in IPv4 notation if it is a network of mapped addresses.
fn canonical(network: &IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED_BITS)) {
        (IpAddr::V4(address), Some(bits)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, bits).map_or(*network, IpNet::from)
        }
        _ => *network,
    }
}
