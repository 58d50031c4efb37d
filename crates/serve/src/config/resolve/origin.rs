//! Under which URLs clients call the services.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::entries;
use crate::config::document::{OriginDocument, ResourceDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{OriginConfig, ResourceConfig};
use crate::config::tree::Node;
use crate::error::Fault;
use crate::original::{Origin, Origins};

/// The origins, and what is said of each in its metadata.
pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> (Origins, Vec<OriginConfig>) {
    let mut hosts = BTreeSet::new();
    let (mut origins, mut configs) = (Vec::new(), Vec::new());
    for (place, written) in entries::<OriginDocument>(root, "origins", faults) {
        let Some(origin) = origin(&written, &place, faults) else { continue };
        let at = format!("{place}.url");
        if !hosts.insert(authority(&origin).to_owned()) {
            faults.error(&at, Fault::new("another origin has the same host"));
        }
        if origin.url().starts_with("http:") && !is_loopback(host(&origin)) {
            let fault = Fault::new("clients send their tokens in clear");
            faults.warn(&at, fault.advise("write https, if that is what clients use"));
        }
        origins.push(origin);
        configs.push(OriginConfig {
            strip_prefix: written.strip_prefix.unwrap_or_default(),
            add_prefix: written.add_prefix.unwrap_or_default(),
            resource: written.resource.map(resource),
        });
    }
    let origins = Origins::new(origins).unwrap_or_else(|fault| {
        if !faults.any_within("origins") {
            faults.error("origins", fault);
        }
        Origins::default()
    });
    (origins, configs)
}

fn origin(written: &OriginDocument, place: &str, faults: &mut Faults) -> Option<Origin> {
    let mut refuse = |member: &str, fault| faults.error(&format!("{place}.{member}"), fault);
    let origin = Origin::new(&written.url).map_err(|fault| refuse("url", fault)).ok()?;
    let strip = written.strip_prefix.as_deref().unwrap_or_default();
    let add = written.add_prefix.as_deref().unwrap_or_default();
    let origin = origin.strip_prefix(strip).map_err(|fault| refuse("strip_prefix", fault)).ok()?;
    origin.add_prefix(add).map_err(|fault| refuse("add_prefix", fault)).ok()
}

/// The host with its port.
fn authority(origin: &Origin) -> &str {
    origin.url().split_once("://").map_or("", |(_, authority)| authority)
}

/// The host alone.
pub(super) fn host(origin: &Origin) -> &str {
    authority(origin).split(':').next().unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn resource(written: ResourceDocument) -> ResourceConfig {
    ResourceConfig {
        scopes: written.scopes.unwrap_or_default(),
        name: written.name,
        dpop: written.dpop,
    }
}
