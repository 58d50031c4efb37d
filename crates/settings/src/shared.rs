//! The store that the instances of a service share, as one source names it.

use okta_introspect::Secret;

use crate::error::SettingsError;
use crate::found::{Found, Origin, Source};

/// The settings of one source for the store that the instances of a service share.
///
/// # Example: a store that the program names
///
/// ```
/// use okta_introspect::Secret;
/// use okta_introspect_settings::{Environment, Found, Layer, Origin, Settings, SharedLayer};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let url = Found::new(Secret::new("rediss://redis.internal"), Origin::Flag("--redis"));
/// let shared = SharedLayer { url: Some(url), ..SharedLayer::default() };
/// let loader = Settings::loader().layer(Layer { shared, ..Layer::default() });
/// # let loader = loader.environment(Environment::empty());
/// assert_eq!(loader.load()?.shown()[0].value, "rediss://redis.internal");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct SharedLayer {
    /// Its URL, in which a user name and a password may stand.
    pub url: Option<Found<Secret>>,
    /// The user name for it.
    pub username: Option<Found<String>>,
    /// The password for it.
    pub password: Option<Found<Source>>,
    /// The authorities of its certificate, as PEM, in place of the system's.
    pub ca: Option<Found<Source>>,
    /// What seals everything that is put there: 32 bytes of text at least, or a private key from
    /// which it is derived. Default: derived from the app's key.
    pub secret: Option<Found<Source>>,
    /// The secret before that one, or the key from which it was derived.
    pub previous_secret: Option<Found<Source>>,
}

impl SharedLayer {
    /// This layer, and `below` for what it does not have. Whether they belong together is checked
    /// when the store is used.
    pub(crate) fn or_else(self, below: Self) -> Self {
        Self {
            url: self.url.or(below.url),
            username: self.username.or(below.username),
            password: self.password.or(below.password),
            ca: self.ca.or(below.ca),
            secret: self.secret.or(below.secret),
            previous_secret: self.previous_secret.or(below.previous_secret),
        }
    }

    /// Its members with their names, as far as they are there.
    pub(crate) fn origins(&self) -> [(&'static str, Option<&Origin>); 6] {
        [
            ("shared store", origin(self.url.as_ref())),
            ("shared store's user name", origin(self.username.as_ref())),
            ("shared store's password", origin(self.password.as_ref())),
            ("shared store's certificate authorities", origin(self.ca.as_ref())),
            ("shared store's secret", origin(self.secret.as_ref())),
            ("shared store's previous secret", origin(self.previous_secret.as_ref())),
        ]
    }

    /// The URL; `None` if no store is described.
    pub(crate) fn url(&self) -> Result<Option<&Found<Secret>>, SettingsError> {
        if self.url.is_some() {
            return Ok(self.url.as_ref());
        }
        match self.origins().into_iter().find_map(|(_, origin)| origin) {
            Some(origin) => Err(SettingsError::new("a shared store is described, but has no URL")
                .found_in(origin)
                .advise("set OKTA_CLIENT_SHARED_URL or okta.client.shared.url")),
            None => Ok(None),
        }
    }
}

fn origin<T>(found: Option<&Found<T>>) -> Option<&Origin> {
    found.map(|found| &found.origin)
}

/// The password: itself, or its file, and not both.
pub(crate) fn password(
    text: Option<Found<Secret>>,
    file: Option<Found<Source>>,
) -> Result<Option<Found<Source>>, SettingsError> {
    match (text, file) {
        (Some(text), Some(file)) => Err(SettingsError::new(format!(
            "the shared store's password is named twice: by {} and by {}",
            text.origin, file.origin
        ))
        .advise("keep one of them")),
        (Some(text), None) => Ok(Some(Found::new(Source::Text(text.value), text.origin))),
        (None, file) => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_a_url_is_told_by_what_there_is_of_it() {
        assert!(SharedLayer::default().url().unwrap().is_none());
        let secret = Some(Found::new(Source::File("s".into()), Origin::Variable("SECRETFILE")));
        let stray = SharedLayer { secret, ..SharedLayer::default() };
        let failure = stray.url().map(|_| ()).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "a shared store is described, but has no URL (from SECRETFILE)"
        );
    }
}
