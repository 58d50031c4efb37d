//! The store that sidecars share.

use std::net::IpAddr;

use okta_introspect::shared::SharedSecret;
use okta_introspect::{Secret, SigningKey};

use super::{okta, pem, section};
use crate::config::document::SharedDocument;
use crate::config::faults::Faults;
use crate::config::resolved::SharedConfig;
use crate::config::tree::Node;
use crate::error::Fault;

/// What the file says of the store. Whether its URL is one is told by what opens it.
pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> Option<SharedConfig> {
    let written = section::<SharedDocument>(root, "shared", faults)?;
    let SharedDocument { url, username, password, ca, secret, previous_secret } = written;
    let address = Address::read(url.expose());
    if let Some(ca) = &ca {
        pem::certificates(ca, "shared.ca", faults);
        if !address.is_tls {
            let fault = Fault::new("without effect: the store is reached without TLS");
            faults.error("shared.ca", fault.advise("write rediss:// in `url`"));
        }
    }
    let has_password = password.is_some() || address.has_password;
    if has_password && !address.is_tls && !address.is_local {
        let fault = Fault::new("the store's password crosses the network in clear");
        faults.warn("shared.url", fault.advise("write rediss:// if the store has TLS"));
    }
    check_secret(secret.as_ref(), "shared.secret", faults);
    check_secret(previous_secret.as_ref(), "shared.previous_secret", faults);
    let of = |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().trim().to_owned());
    if previous_secret.is_some() && of(&secret) == of(&previous_secret) {
        let fault = Fault::new("without effect: the same as `secret`").advise("remove it");
        faults.warn("shared.previous_secret", fault);
    }
    Some(SharedConfig { url, username, password, ca, secret, previous_secret })
}

fn check_secret(secret: Option<&Secret>, place: &str, faults: &mut Faults) {
    let Some(secret) = secret.filter(|secret| !SigningKey::is_key(secret.expose())) else { return };
    if let Err(error) = SharedSecret::parse(secret.expose().as_bytes()) {
        faults.error(place, okta::fault(&error));
    }
}

/// What a URL tells at a glance.
struct Address {
    is_tls: bool,
    /// Whether every host is this computer.
    is_local: bool,
    has_password: bool,
}

impl Address {
    fn read(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split('/').next().unwrap_or_default();
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        Self {
            is_tls: scheme.starts_with("rediss"),
            is_local: hosts.split(',').all(is_local),
            has_password: credentials.split_once(':').is_some_and(|(_, it)| !it.is_empty()),
        }
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
