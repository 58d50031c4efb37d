//! Which signer a URI names: the one place where a program turns a setting into a key.

use std::sync::Arc;

use okta_introspect::{Error, KeyOptions, Signer};

/// Whether the text is the URI of a key in one of the places that this crate knows, be the feature
/// for it on or not.
///
/// # Example
///
/// ```
/// use okta_introspect_signers::is_uri;
///
/// assert!(is_uri("pkcs11:token=okta;object=service-app"));
/// assert!(is_uri("vault:service-app?version=3"));
/// assert!(is_uri(r#"command:["/usr/libexec/sign-assertions"]"#));
/// assert!(!is_uri("/etc/service-app/key.pem"));
/// ```
pub fn is_uri(text: &str) -> bool {
    Scheme::of(text).is_some()
}

/// Whether the URI itself says which code is run to reach the key, which file or variable has the PIN, or
/// which server is asked with which credentials, so that it is to be taken from nobody but the operator.
///
/// # Example
///
/// ```
/// use okta_introspect_signers::runs_code;
///
/// assert!(runs_code("pkcs11:token=okta?module-path=/usr/lib/softhsm/libsofthsm2.so"));
/// assert!(runs_code("pkcs11:token=okta?pin-source=file:/etc/shadow"));
/// assert!(!runs_code("pkcs11:token=okta"));
/// assert!(runs_code(r#"command:["sign"]"#));
/// assert!(!runs_code("vault:service-app"));
/// ```
pub fn runs_code(uri: &str) -> bool {
    match Scheme::of(uri) {
        // Also where it cannot be read: whoever wrote it meant to name one.
        Some(Scheme::Pkcs11) => {
            let uri = uri.to_ascii_lowercase();
            ["module-path", "pin-source"].iter().any(|name| uri.contains(name))
        }
        Some(Scheme::Command) => true,
        #[cfg(feature = "vault")]
        Some(Scheme::Vault) => crate::vault::notation::names_server(after_scheme(uri)),
        #[cfg(not(feature = "vault"))]
        Some(Scheme::Vault) => uri.contains('?'),
        None => false,
    }
}

/// The URI for people: whatever could be a secret in it is left out.
///
/// # Example
///
/// ```
/// use okta_introspect_signers::shown;
///
/// assert_eq!(shown("pkcs11:token=okta"), "pkcs11:token=okta");
/// assert_eq!(shown("pkcs11:token=okta?pin-value=1234"), "pkcs11:…");
/// assert_eq!(shown("vault:service-app?address=https://vault.example"), "vault:service-app");
/// assert_eq!(shown(r#"command:["sign","--pin","1234"]"#), "command:…");
/// ```
pub fn shown(uri: &str) -> String {
    match Scheme::of(uri) {
        // It is refused, and must not be repeated.
        Some(Scheme::Pkcs11) if names_pin(uri) => "pkcs11:…".to_owned(),
        Some(Scheme::Pkcs11) => uri.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect(),
        // Names have none of these characters; what else stands there may be anything.
        Some(Scheme::Vault) => {
            let is_name = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
            format!(
                "vault:{}",
                after_scheme(uri).chars().take_while(is_name).take(MAX_SHOWN).collect::<String>()
            )
        }
        // An argument may be anything.
        Some(Scheme::Command) => "command:…".to_owned(),
        None => "…".to_owned(),
    }
}

/// Whether a PIN may stand in it, however its name is written.
fn names_pin(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    uri.contains("pin-value") || uri.contains("value=") && uri.contains("pin")
}

/// No label in a token is longer than some dozens of characters.
const MAX_SHOWN: usize = 1024;

/// The signer that a URI names. It blocks while the key is looked for.
///
/// Of `options`, the passphrase is what the place of the key asks for, such as a token's PIN.
///
/// # Errors
///
/// What is wrong with the URI, why the key cannot be had, or that the feature for it is off: of kind
/// [`Key`](okta_introspect::ErrorKind::Key), or as the tables of the modules say.
pub fn open(uri: &str, options: &KeyOptions) -> Result<Arc<dyn Signer>, Error> {
    match Scheme::of(uri) {
        #[cfg(feature = "pkcs11")]
        Some(Scheme::Pkcs11) => Ok(Arc::new(crate::pkcs11::Pkcs11Key::open(uri, options)?)),
        #[cfg(not(feature = "pkcs11"))]
        Some(Scheme::Pkcs11) => Err(without("PKCS#11", "pkcs11", options)),
        #[cfg(feature = "command")]
        Some(Scheme::Command) => {
            Ok(Arc::new(crate::command::notation::open(after_scheme(uri), options)?))
        }
        #[cfg(not(feature = "command"))]
        Some(Scheme::Command) => Err(without("a command", "command", options)),
        #[cfg(feature = "vault")]
        Some(Scheme::Vault) => {
            Ok(Arc::new(crate::vault::notation::open(after_scheme(uri), options)?))
        }
        #[cfg(not(feature = "vault"))]
        Some(Scheme::Vault) => Err(without("Vault", "vault", options)),
        None => Err(Error::from_signer(
            "this is no URI of a key",
            "write one that begins with `pkcs11:`, `vault:` or `command:`, or the path of a key file",
            None,
        )),
    }
}

#[cfg(not(all(feature = "pkcs11", feature = "command", feature = "vault")))]
fn without(place: &str, feature: &str, _: &KeyOptions) -> Error {
    Error::from_signer(
        format!("the key is named by {place}, and this program was built without it"),
        format!("build it with the feature `{feature}`"),
        None,
    )
}

/// Where a key is.
#[derive(Clone, Copy)]
enum Scheme {
    Pkcs11,
    Command,
    Vault,
}

impl Scheme {
    /// Schemes are the same in either case (RFC 3986 §3.1).
    fn of(uri: &str) -> Option<Self> {
        let (scheme, _) = uri.trim_start().split_once(':')?;
        let schemes =
            [("pkcs11", Self::Pkcs11), ("command", Self::Command), ("vault", Self::Vault)];
        let known = schemes.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        known.map(|(_, scheme)| scheme)
    }
}

fn after_scheme(uri: &str) -> &str {
    uri.trim().split_once(':').map_or("", |(_, rest)| rest)
}
