//! Whose a key is: one that two profiles name for different orgs belongs to one of them at most.

use std::cell::LazyCell;

use okta_introspect::{Issuer, KeyOptions, SigningKey};
use zeroize::Zeroizing;

use crate::error::SettingsError;
use crate::file::{DEFAULT_PROFILE, SettingsFile};
use crate::files;
use crate::found::{Found, Origin, Place, Source};
use crate::layer::Layer;

/// Refuses a profile with the client id or the key of another profile, or of `okta.client`, that is
/// for another org. `layer` is what was merged. A flag is a choice for one call, and is not looked
/// at.
pub(crate) fn check(layer: &Layer, files: &[SettingsFile]) -> Result<(), SettingsError> {
    let (Some(server), Some(org)) = (&layer.server, layer.server.as_ref().and_then(org)) else {
        return Ok(());
    };
    let Origin::File { path, place, profile, .. } = &server.origin else {
        return Ok(());
    };
    let (own, subject) = match (profile, place) {
        (Some(own), _) => (own.as_str(), format!("the profile {own}")),
        // It may have come with a cloned repository, and name the user's key by its path.
        (None, Place::WorkingFolder) => {
            (DEFAULT_PROFILE, format!("okta.client in {}", path.display()))
        }
        (None, _) => return Ok(()),
    };
    // What a file in the working folder says is no reason to refuse what the user's own file does.
    let counts = |file: &&SettingsFile| file.path == *path || *place == Place::WorkingFolder;
    // Read once, and only beside an app of another org.
    let key = LazyCell::new(|| untyped(layer.key.as_ref()).and_then(|it| Mark::of(&it.value)));
    for file in files.iter().filter(counts) {
        for (name, other) in file.all().filter(|(name, _)| file.path != *path || *name != own) {
            let Some(other_org) = other.server.as_ref().and_then(self::org) else { continue };
            if other_org == org {
                continue;
            }
            if let Some(what) = same(layer, &key, other) {
                return Err(refusal(&[&subject, &org], &[name, &other_org], what));
            }
        }
    }
    Ok(())
}

fn org(server: &Found<String>) -> Option<String> {
    Issuer::parse(&server.value).ok().map(|issuer| issuer.org().to_owned())
}

/// What both layers name, unless a flag does. `key` is that of the first.
fn same(
    layer: &Layer,
    key: &LazyCell<Option<Mark>, impl FnOnce() -> Option<Mark>>,
    other: &Layer,
) -> Option<&'static str> {
    if let (Some(id), Some(other)) = (untyped(layer.client_id.as_ref()), &other.client_id)
        && id.value == other.value
    {
        return Some("client id");
    }
    let other = other.key.as_ref()?;
    let is_same = key.as_ref()? == &Mark::of(&other.value)?;
    is_same.then_some("private key")
}

/// What a source names, and no flag.
fn untyped<T>(found: Option<&Found<T>>) -> Option<&Found<T>> {
    found.filter(|found| !matches!(found.origin, Origin::Flag(_)))
}

/// What tells whether two settings name one key.
#[derive(Eq, PartialEq)]
enum Mark {
    Thumbprint(String),
    Uri(String),
    /// Of a key that cannot be read without its passphrase.
    Content(Zeroizing<Vec<u8>>),
}

impl Mark {
    /// `None` if there is no such key.
    fn of(source: &Source) -> Option<Self> {
        let content = match source {
            Source::Text(text) => Zeroizing::new(text.expose().as_bytes().to_vec()),
            // Opening a pipe waits for its writer.
            Source::File(path) if path.is_file() => files::read(path).ok()?,
            // Two URIs for one key are not seen through: that would take a look at the key.
            Source::Uri(uri) => return Some(Self::Uri(uri.expose().trim().to_owned())),
            Source::File(_) | Source::Stdin(_) => return None,
        };
        match SigningKey::parse(&content, &KeyOptions::default()) {
            Ok(key) => Some(Self::Thumbprint(key.public_jwk().thumbprint())),
            Err(_) => Some(Self::Content(Zeroizing::new(content.trim_ascii().to_vec()))),
        }
    }
}

fn refusal(own: &[&str; 2], other: &[&str; 2], what: &str) -> SettingsError {
    let ([own, org], [other, other_org]) = (own, other);
    SettingsError::new(format!(
        "{own} names {org} and the {what} of the profile {other}, which is for {other_org}: \
         a key is sent nowhere but to its own org"
    ))
    .advise(format!(
        "name the {what} of the app at {org}; where both are addresses of one org, keep one profile"
    ))
}
