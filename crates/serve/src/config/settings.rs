//! The app and its server, from this file or from `okta.yaml` and the environment.

use okta_introspect::Secret;
use okta_introspect_settings::{
    Found, Layer, Origin, Place, Settings, SettingsError, SharedLayer, Source, is_key_uri,
};

use super::resolved::{Config, OktaConfig, SharedConfig};

impl Config {
    /// The settings of the app: what this file says of it, or else what `okta.yaml` and
    /// `OKTA_CLIENT_…` say. Server, client id and key come from one of the two.
    ///
    /// # Errors
    ///
    /// As for [`Loader::load`](okta_introspect_settings::Loader::load).
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let okta = &self.okta;
        let shared = self.shared.as_ref().map(|shared| self.layer_of(shared)).unwrap_or_default();
        let layer = Layer { shared, ..layer(okta) };
        let mut loader = Settings::loader().environment(self.environment.clone()).layer(layer);
        if let Some(path) = &okta.settings {
            loader = loader.file(path);
        }
        if let Some(profile) = &okta.profile {
            loader = loader.profile("okta.profile", profile);
        }
        loader.load()
    }

    /// What this file says of the store. No other source adds a secret to it, nor the other way
    /// round: so its origin is a file, and not a flag.
    fn layer_of(&self, shared: &SharedConfig) -> SharedLayer {
        let at = |member: &str| Origin::File {
            path: self.path.clone(),
            place: Place::Named,
            profile: None,
            member: format!("shared.{member}"),
        };
        let text = |text: Secret, member| Found::new(Source::Text(text), at(member));
        let secret = |given: &Option<Secret>, member| Some(text(given.clone()?, member));
        let ca = shared.ca.as_deref().map(Secret::new);
        SharedLayer {
            url: Some(Found::new(shared.url.clone(), at("url"))),
            username: shared.username.clone().map(|name| Found::new(name, at("username"))),
            password: secret(&shared.password, "password"),
            ca: secret(&ca, "ca"),
            secret: secret(&shared.secret, "secret"),
            previous_secret: secret(&shared.previous_secret, "previous_secret"),
        }
    }
}

fn layer(okta: &OktaConfig) -> Layer {
    let text = |text: &Option<String>, name| {
        text.as_ref().map(|text| Found::new(text.clone(), Origin::Flag(name)))
    };
    let issuer = okta.issuer.as_ref().map(|issuer| issuer.as_str().to_owned());
    let key = okta.private_key.clone().map(|key| match is_key_uri(key.expose()) {
        true => Source::Uri(key),
        false => Source::Text(key),
    });
    Layer {
        server: text(&issuer, "okta.issuer"),
        client_id: text(&okta.client_id, "okta.client_id"),
        key: key.map(|key| Found::new(key, Origin::Flag("okta.private_key"))),
        key_id: text(&okta.key_id, "okta.key_id"),
        ..Layer::default()
    }
}
