//! The authorization server and the app.

use std::path::Path;

use okta_introspect::{Error, Issuer, Secret, SigningKey};
use okta_introspect_settings::is_key_uri;

use super::section;
use crate::config::document::OktaDocument;
use crate::config::expand::Expansion;
use crate::config::faults::Faults;
use crate::config::resolved::OktaConfig;
use crate::config::tree::Node;
use crate::error::Fault;

pub(super) fn resolve(
    root: &mut Node,
    faults: &mut Faults,
    folder: &Path,
    expansion: &mut Expansion<'_>,
) -> OktaConfig {
    let Some(okta) = section::<OktaDocument>(root, "okta", faults) else {
        return OktaConfig::default();
    };
    let names_app = okta.issuer.is_some() || okta.client_id.is_some();
    let private_key = match okta.private_key {
        None if names_app => expansion.credential("okta.private_key", faults),
        given => given,
    };
    check_set(
        [
            ("issuer", okta.issuer.is_some()),
            ("client_id", okta.client_id.is_some()),
            ("private_key", private_key.is_some()),
        ],
        okta.key_id.is_some(),
        faults,
    );
    check_key(private_key.as_ref(), faults);
    let further = okta.further_issuers.unwrap_or_default();
    let further = further.iter().enumerate().filter_map(|(index, text)| {
        issuer(text, &format!("okta.further_issuers[{index}]"), faults)
    });
    OktaConfig {
        further_issuers: further.collect(),
        issuer: okta.issuer.and_then(|text| issuer(&text, "okta.issuer", faults)),
        profile: okta.profile,
        settings: okta.settings.map(|path| folder.join(path)),
        client_id: okta.client_id,
        private_key,
        key_id: okta.key_id,
    }
}

/// Server, client id and key come from one source: a key of this file is not sent to a server that a
/// settings file names, nor the other way round.
fn check_set(members: [(&str, bool); 3], has_key_id: bool, faults: &mut Faults) {
    let is_given = members.iter().any(|(_, is_given)| *is_given);
    if !is_given && !has_key_id {
        return;
    }
    for (name, _) in members.iter().filter(|(_, is_given)| !is_given) {
        faults.error(
            &format!("okta.{name}"),
            Fault::new("missing")
                .advise("give issuer, client_id and private_key together, or none of them"),
        );
    }
}

fn check_key(key: Option<&Secret>, faults: &mut Faults) {
    let is_named = |text: &str| SigningKey::is_key(text) || is_key_uri(text);
    if key.is_some_and(|key| !is_named(key.expose())) {
        faults.error(
            "okta.private_key",
            Fault::new("neither a key in PEM nor a JWK")
                .advise("write `file:PATH` for its file, or the `pkcs11:` URI of a key in a token"),
        );
    }
}

fn issuer(text: &str, place: &str, faults: &mut Faults) -> Option<Issuer> {
    Issuer::parse(text).map_err(|error| faults.error(place, fault(&error))).ok()
}

/// What the library says of a value.
pub(super) fn fault(error: &Error) -> Fault {
    let fault = Fault::new(error.to_string());
    if error.advice().is_empty() { fault } else { fault.advise(error.advice()) }
}
