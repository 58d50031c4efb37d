//! The app and its server, from this file or from `okta.yaml` and the environment.

use okta_introspect_settings::{Found, Layer, Origin, Settings, SettingsError, Source};

use super::resolved::{Config, OktaConfig};

impl Config {
    /// The settings of the app: what this file says of it, or else what `okta.yaml` and
    /// `OKTA_CLIENT_…` say. Server, client id and key come from one of the two.
    ///
    /// # Errors
    ///
    /// As for [`Loader::load`](okta_introspect_settings::Loader::load).
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let okta = &self.okta;
        let mut loader =
            Settings::loader().environment(self.environment.clone()).layer(layer(okta));
        if let Some(path) = &okta.settings {
            loader = loader.file(path);
        }
        if let Some(profile) = &okta.profile {
            loader = loader.profile("okta.profile", profile);
        }
        loader.load()
    }
}

fn layer(okta: &OktaConfig) -> Layer {
    let text = |text: &Option<String>, name| {
        text.as_ref().map(|text| Found::new(text.clone(), Origin::Flag(name)))
    };
    let issuer = okta.issuer.as_ref().map(|issuer| issuer.as_str().to_owned());
    let key = okta.private_key.clone().map(Source::Text);
    Layer {
        server: text(&issuer, "okta.issuer"),
        client_id: text(&okta.client_id, "okta.client_id"),
        key: key.map(|key| Found::new(key, Origin::Flag("okta.private_key"))),
        key_id: text(&okta.key_id, "okta.key_id"),
        ..Layer::default()
    }
}
