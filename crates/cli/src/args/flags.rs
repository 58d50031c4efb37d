//! The flags as the highest layer of settings.

use crate::settings::{Found, Layer, Origin, Source};

use super::shared::{ClientArgs, DpopArgs, KeyArgs};

impl ClientArgs {
    /// The layer of a command that requests tokens with these scopes.
    pub(crate) fn requesting(self, scopes: &[String], dpop: &DpopArgs) -> Layer {
        let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
        Layer {
            scopes: flag(scopes, "--scope"),
            dpop: flag(dpop.dpop, "--dpop"),
            ..Layer::from(self)
        }
    }
}

impl From<ClientArgs> for Layer {
    fn from(args: ClientArgs) -> Self {
        Self {
            server: flag(args.issuer, "--issuer"),
            auth_server: flag(args.auth_server, "--auth-server"),
            client_id: flag(args.client_id, "--client-id"),
            timeout: flag(args.timeout, "--timeout"),
            ca_file: flag(args.ca_file, "--ca-file"),
            ..Self::from(args.key)
        }
    }
}

impl From<KeyArgs> for Layer {
    fn from(args: KeyArgs) -> Self {
        Self {
            key: flag(args.key_file.map(Source::flag), "--key-file"),
            key_id: flag(args.key_id, "--key-id"),
            passphrase: flag(args.passphrase_file.map(Source::flag), "--passphrase-file"),
            algorithm: flag(args.algorithm, "--algorithm"),
            ..Self::default()
        }
    }
}

fn flag<T>(value: Option<T>, name: &'static str) -> Option<Found<T>> {
    value.map(|value| Found::new(value, Origin::Flag(name)))
}
