//! What the services are told.

use std::time::Duration;

use http::HeaderName;
use okta_introspect::{KeyOptions, SigningKey};

use super::{okta, section, within};
use crate::config::document::{IdentityDocument, Span, TokenDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{IdentityConfig, TokenConfig};
use crate::config::tree::Node;
use crate::error::Fault;

const PREFIX: &str = "X-Auth-";

/// Under these, proxies and clients say other things.
const TAKEN: [&str; 6] =
    ["x-forwarded-", "x-original-", "x-envoy-", "proxy-", "sec-", "access-control-"];

const LIFETIME: Span = Span::secs(60);

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> IdentityConfig {
    let written = section::<IdentityDocument>(root, "identity", faults);
    let Some(written) = written else {
        return IdentityConfig {
            prefix: PREFIX.to_owned(),
            authorization: Default::default(),
            token: None,
        };
    };
    let prefix = written.prefix.unwrap_or_else(|| PREFIX.to_owned());
    if let Some(fault) = wrong_prefix(&prefix) {
        faults.error("identity.prefix", fault);
    }
    IdentityConfig {
        prefix,
        authorization: written.authorization.unwrap_or_default(),
        token: written.token.and_then(|token| self::token(token, faults)),
    }
}

fn wrong_prefix(prefix: &str) -> Option<Fault> {
    let is_header = HeaderName::from_bytes(format!("{prefix}sub").as_bytes()).is_ok();
    let lower = prefix.to_ascii_lowercase();
    // An underscore is what some servers make of `-`, so that both would be the same header.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !is_header || prefix.len() > 32 || !prefix.bytes().all(is_plain) {
        return Some(
            Fault::new("cannot begin the name of a header")
                .advise("use at most 32 letters, digits and `-`, such as X-Auth-"),
        );
    }
    if !prefix.ends_with('-') || prefix.len() < 2 || prefix.starts_with('-') {
        return Some(Fault::new("does not end in `-` after a word").advise("write it as X-Auth-"));
    }
    TAKEN.iter().any(|taken| lower.starts_with(taken)).then(|| {
        Fault::new("headers that begin so have another meaning").advise("choose another prefix")
    })
}

fn token(written: TokenDocument, faults: &mut Faults) -> Option<TokenConfig> {
    if written.audience.trim().is_empty() {
        faults.error("identity.token.audience", Fault::new("empty"));
    }
    let lifetime = within("identity.token.lifetime", written.lifetime, SECOND, LIFETIME.0, faults);
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
