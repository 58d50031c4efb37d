//! What the services are told.

use std::time::Duration;

use okta_introspect::{KeyOptions, SigningKey};

use super::{okta, section, within};
use crate::config::document::{IdentityDocument, Span, TokenDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{IdentityConfig, TokenConfig};
use crate::config::tree::Node;
use crate::error::Fault;
use crate::identity::{BackendCredentials, Identity, IdentityFact, IdentityTokens};

const LIFETIME: Span = Span(IdentityTokens::MAX_LIFETIME);

const MIN_LIFETIME: Duration = Duration::from_secs(2);

pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> IdentityConfig {
    let written = section::<IdentityDocument>(root, "identity", faults);
    let Some(written) = written else {
        return IdentityConfig {
            prefix: Identity::PREFIX.to_owned(),
            headers: IdentityFact::ALL.to_vec(),
            credentials: BackendCredentials::default(),
            token: None,
        };
    };
    let prefix = written.prefix.unwrap_or_else(|| Identity::PREFIX.to_owned());
    if let Err(fault) = Identity::new(&prefix) {
        faults.error("identity.prefix", fault);
    }
    IdentityConfig {
        prefix,
        headers: headers(written.headers, faults),
        credentials: written.authorization.unwrap_or_default(),
        token: written.token.and_then(|token| self::token(token, faults)),
    }
}

fn headers(written: Option<Vec<IdentityFact>>, faults: &mut Faults) -> Vec<IdentityFact> {
    let Some(headers) = written else { return IdentityFact::ALL.to_vec() };
    if headers.is_empty() {
        let fault = Fault::new("empty").advise("leave it out for all of them");
        faults.error("identity.headers", fault);
    }
    for (at, fact) in headers.iter().enumerate() {
        if headers[..at].contains(fact) {
            faults.error(&format!("identity.headers[{at}]"), Fault::new("is there already"));
        }
    }
    headers
}

fn token(written: TokenDocument, faults: &mut Faults) -> Option<TokenConfig> {
    if written.audience.trim().is_empty() {
        faults.error("identity.token.audience", Fault::new("empty"));
    }
    let lifetime =
        within("identity.token.lifetime", written.lifetime, MIN_LIFETIME, LIFETIME.0, faults);
    let text = written.key.expose();
    let place = "identity.token.key";
    if !SigningKey::is_key(text) {
        let fault = Fault::new("neither a key in PEM nor a JWK");
        faults.error(place, fault.advise("write `file:PATH` for its file"));
        return None;
    }
    match SigningKey::parse(text.as_bytes(), &KeyOptions::default()) {
        Ok(key) => Some(TokenConfig {
            audience: written.audience,
            lifetime: lifetime.unwrap_or(LIFETIME.0),
            key,
        }),
        Err(error) => {
            faults.error(place, okta::fault(&error));
            None
        }
    }
}
