//! The highest layer: what was typed.

use okta_introspect::DpopMode;

use crate::args::{ClientArgs, KeyArgs};

use super::layer::{Found, Layer, Origin, Source};

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
            key: flag(args.key_file.map(Source::File), "--key-file"),
            key_id: flag(args.key_id, "--key-id"),
            passphrase: flag(args.passphrase_file.map(Source::File), "--passphrase-file"),
            algorithm: flag(args.algorithm, "--algorithm"),
            ..Self::default()
        }
    }
}

impl Layer {
    /// Adds what `--dpop` says.
    pub(crate) fn with_dpop(mut self, mode: Option<DpopMode>) -> Self {
        self.dpop = flag(mode, "--dpop").or(self.dpop);
        self
    }

    /// Adds the scopes of `--scope`, if any were given.
    pub(crate) fn with_scopes(mut self, scopes: &[String]) -> Self {
        let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
        self.scopes = flag(scopes, "--scope").or(self.scopes);
        self
    }
}

fn flag<T>(value: Option<T>, name: &'static str) -> Option<Found<T>> {
    value.map(|value| Found::new(value, Origin::Flag(name)))
}
