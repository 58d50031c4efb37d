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

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|net| net.parse().unwrap()).collect()
    }

    #[test]
    fn trap_everybody_is_never_a_trusted_peer() {
        for all in [
            &["0.0.0.0/0"][..],
            &["::/0"],
            &["10.0.0.0/8", "0.0.0.0/0"],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &["::ffff:0.0.0.0/96"],
            &["::/1", "8000::/1"],
        ] {
            for listener in ["0.0.0.0", "127.0.0.1", "::1"] {
                let fault = TrustedPeers::new(&nets(all), listener.parse().unwrap());
                assert!(fault.unwrap_err().to_string().contains("all of IPv"), "{all:?}");
            }
        }
    }

    #[test]
    fn trap_a_listener_beyond_loopback_without_trusted_networks_is_refused() {
        for listener in ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            let fault = TrustedPeers::new(&[], listener.parse().unwrap()).unwrap_err();
            assert!(fault.advice().is_some(), "{listener}");
        }
        for listener in ["127.0.0.1", "::1", "127.5.0.1", "::ffff:127.0.0.1"] {
            let peers = TrustedPeers::new(&[], listener.parse().unwrap()).unwrap();
            for (peer, trusted) in [("127.0.0.9", true), ("::1", true), ("10.0.0.1", false)] {
                assert_eq!(peers.contains(Some(peer.parse().unwrap())), trusted, "{peer}");
            }
        }
    }

    #[test]
    fn trap_an_ipv4_address_in_ipv6_notation_is_that_ipv4_address() {
        for networks in
            [&["10.1.0.0/16", "2001:db8::/32"][..], &["::ffff:10.1.0.0/112", "2001:db8::/32"]]
        {
            let peers = TrustedPeers::new(&nets(networks), "0.0.0.0".parse().unwrap()).unwrap();
            for (peer, trusted) in [
                ("10.1.2.3", true),
                ("::ffff:10.1.2.3", true),
                ("::ffff:10.2.0.1", false),
                ("10.2.0.1", false),
                ("::10.1.2.3", false),
                ("2001:db8::1", true),
                ("2001:db9::1", false),
            ] {
                assert_eq!(
                    peers.contains(Some(peer.parse().unwrap())),
                    trusted,
                    "{networks:?} {peer}"
                );
            }
        }
    }

    #[test]
    fn a_unix_socket_trusts_its_peers_and_nobody_with_an_address() {
        assert!(TrustedPeers::unix().contains(None));
        assert!(!TrustedPeers::unix().contains(Some("127.0.0.1".parse().unwrap())));
    }
}
