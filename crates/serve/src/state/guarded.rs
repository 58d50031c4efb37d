//! The services behind the proxy: under which URLs they are called, and the gate of each.

use okta_introspect::adapter::{Gate, ResourceMetadata};
use okta_introspect::checker::Replay;

use super::asking::Asking;
use crate::config::{self, Config, ResourceConfig, ResourceDpop};
use crate::error::Fault;
use crate::original::Origins;

/// The origins, and for each its gate and what it says of itself.
pub(super) struct Guarded {
    pub(super) origins: Option<Origins>,
    pub(super) gates: Vec<Gate>,
    pub(super) resources: Vec<Option<ResourceMetadata>>,
}

impl Guarded {
    pub(super) fn new(config: &Config, asking: &Asking) -> Result<Self, Fault> {
        let gate = Gate::new(asking.checker.clone()).replay(replay(config.dpop.replay));
        let (mut gates, mut resources) = (Vec::new(), Vec::new());
        for (origin, written) in config.origins.iter().zip(&config.origin_configs) {
            let here = |fault: Fault| fault.at(format!("origins[{}]", origin.index()));
            let own = gate.clone().realm(host(origin.url())).origin(origin.url());
            let mut own = own.map_err(|error| here(Fault::new(error.to_string())))?;
            let resource = written.resource.as_ref();
            let resource = resource.map(|resource| metadata(resource, origin.url(), asking));
            let resource = resource.transpose().map_err(here)?;
            if let Some(resource) = &resource {
                own = own.resource(resource.clone());
            }
            gates.push(own);
            resources.push(resource);
        }
        let origins = (!gates.is_empty()).then(|| config.origins.clone());
        Ok(Self { origins, gates, resources })
    }
}

/// The realm of an origin's challenges: `Bearer` alone is none
/// ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, host)| host)
}

/// What a resource says of itself (RFC 9728). Its identifier is the origin.
fn metadata(
    written: &ResourceConfig,
    url: &str,
    asking: &Asking,
) -> Result<ResourceMetadata, Fault> {
    let mut builder = ResourceMetadata::builder(url);
    for issuer in &asking.issuers {
        builder = builder.authorization_server(issuer);
    }
    for scope in &written.scopes {
        builder = builder.scope(scope);
    }
    if let Some(name) = &written.name {
        builder = builder.name(name);
    }
    builder = match written.dpop {
        Some(ResourceDpop::Accepted) => builder.dpop(),
        Some(ResourceDpop::Required) => builder.dpop_required(),
        None => builder,
    };
    let built = builder.build();
    built.map_err(|error| Fault::new(error.to_string()).at("resource").advise(error.advice()))
}

fn replay(written: config::Replay) -> Replay {
    match written {
        config::Replay::Consume => Replay::Consume,
        config::Replay::CheckOnly => Replay::CheckOnly,
        config::Replay::Off => Replay::Off,
    }
}
