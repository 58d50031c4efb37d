//! Keys that never enter the process: recognised always, opened with a feature.

use std::sync::Arc;

use okta_introspect::{KeyOptions, Secret, Signer};

use crate::error::SettingsError;

/// How the URIs begin. Schemes are the same in either case.
const SCHEMES: [&str; 3] = ["pkcs11:", "command:", "vault:"];

/// Whether the value of a key setting is the URI of a key that lives elsewhere, `pkcs11:`, `vault:`
/// or `command:`, be the feature for it on or not.
///
/// # Example
///
/// ```
/// use okta_introspect_settings::is_key_uri;
///
/// assert!(is_key_uri("pkcs11:token=okta;object=service-app"));
/// assert!(is_key_uri(r#"command:["/usr/libexec/sign-assertions"]"#));
/// assert!(!is_key_uri("./pkcs11:token"));
/// ```
pub fn is_key_uri(value: &str) -> bool {
    let value = value.trim_start();
    SCHEMES.iter().any(|scheme| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// The URI for people, without what may be a secret.
#[cfg(feature = "_signers")]
pub(crate) fn shown(uri: &Secret) -> String {
    okta_introspect_signers::shown(uri.expose())
}

#[cfg(not(feature = "_signers"))]
pub(crate) fn shown(uri: &Secret) -> String {
    uri.expose().split_once(':').map_or_else(String::new, |(scheme, _)| format!("{scheme}:…"))
}

#[cfg(feature = "_signers")]
pub(crate) fn open(uri: &Secret, options: &KeyOptions) -> Result<Arc<dyn Signer>, SettingsError> {
    Ok(okta_introspect_signers::open(uri.expose(), options)?)
}

#[cfg(not(feature = "_signers"))]
pub(crate) fn open(_: &Secret, _: &KeyOptions) -> Result<Arc<dyn Signer>, SettingsError> {
    Err(SettingsError::new(
        "the key is outside the process, and this program was built without that",
    )
    .advise("build it with the feature for it, such as `pkcs11`, of okta-introspect-settings"))
}

/// Whether the URI says which code is run, or which server is asked.
#[cfg(feature = "_signers")]
pub(crate) fn runs_code(uri: &Secret) -> bool {
    okta_introspect_signers::runs_code(uri.expose())
}

#[cfg(not(feature = "_signers"))]
pub(crate) fn runs_code(_: &Secret) -> bool {
    false
}
