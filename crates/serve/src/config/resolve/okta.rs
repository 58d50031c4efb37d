//! The authorization server and the app.

use std::path::Path;

use okta_introspect::{Error, Issuer, Secret, SigningKey};
use okta_introspect_settings::{AuthMode, is_key_uri};

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
    let auth_method = auth_method(okta.auth_method, faults);
    let takes_key = auth_method.is_none_or(|mode| mode == AuthMode::PrivateKeyJwt);
    let has_secret = okta.client_secret.is_some();
    let private_key = match okta.private_key {
        None if names_app && takes_key && !has_secret => {
            expansion.credential("private-key", "okta.private_key", faults)
        }
        given => given,
    };
    let takes_secret = match auth_method {
        Some(mode) => mode != AuthMode::PrivateKeyJwt && mode != AuthMode::None,
        None => private_key.is_none(),
    };
    let client_secret = match okta.client_secret {
        None if names_app && takes_secret => {
            expansion.credential("client-secret", "okta.client_secret", faults)
        }
        given => given,
    };
    let client_secret = client_secret.map(|secret| of_file(&secret));
    let (credential, has_credential) = match auth_method {
        Some(AuthMode::None) => ("client_id", okta.client_id.is_some()),
        Some(AuthMode::PrivateKeyJwt) => ("private_key", private_key.is_some()),
        Some(_) => ("client_secret", client_secret.is_some()),
        None => ("private_key", private_key.is_some() || client_secret.is_some()),
    };
    let extras = okta.key_id.is_some()
        || auth_method.is_some()
        || private_key.is_some()
        || client_secret.is_some();
    check_set(
        [
            ("issuer", okta.issuer.is_some()),
            ("client_id", okta.client_id.is_some()),
            (credential, has_credential),
        ],
        extras,
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
        client_secret,
        auth_method,
        key_id: okta.key_id,
    }
}

/// Server, client id, and key or secret come from one source: what this file has of an app is not sent
/// to a server that a settings file names, nor the other way round.
fn check_set(members: [(&str, bool); 3], extras: bool, faults: &mut Faults) {
    let is_given = members.iter().any(|(_, is_given)| *is_given);
    if !is_given && !extras {
        return;
    }
    let mut told = "";
    for (name, _) in members.iter().filter(|(_, is_given)| !is_given) {
        if std::mem::replace(&mut told, name) == *name {
            continue;
        }
        faults.error(
            &format!("okta.{name}"),
            Fault::new("missing").advise(
                "give issuer, client_id and private_key (or client_secret) together, or none of them",
            ),
        );
    }
}

fn auth_method(word: Option<String>, faults: &mut Faults) -> Option<AuthMode> {
    let word = word?;
    let mode = AuthMode::parse(&word);
    if mode.is_none() {
        faults.error(
            "okta.auth_method",
            Fault::new("no method by which an app authenticates")
                .advise(format!("write one of {}", AuthMode::WORDS[2..].join(", "))),
        );
    }
    mode
}

/// Editors end files with a line break, which is no part of the secret.
fn of_file(secret: &Secret) -> Secret {
    Secret::new(secret.expose().trim_end_matches(['\r', '\n']))
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
