//! The flags as the highest layer of settings.

use crate::settings::{Flags, Found, Layer, Origin, Source};

use super::shared::{ClientArgs, DpopArgs, KeyArgs, SourceArgs};

impl ClientArgs {
    /// The flags of a command that requests tokens with these scopes.
    pub(crate) fn requesting(self, scopes: &[String], dpop: &DpopArgs) -> Flags {
        let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
        let mut flags = Flags::from(self);
        flags.layer.scopes = flag(scopes, "--scope");
        flags.layer.dpop = flag(dpop.dpop, "--dpop");
        flags
    }
}

impl From<ClientArgs> for Flags {
    fn from(args: ClientArgs) -> Self {
        let mut flags = Self::from(args.key);
        flags.layer.server = flag(args.issuer, "--issuer");
        flags.layer.auth_server = flag(args.auth_server, "--auth-server");
        flags.layer.client_id = flag(args.client_id, "--client-id");
        flags.layer.timeout = flag(args.timeout, "--timeout");
        flags.layer.ca_file = flag(args.ca_file, "--ca-file");
        flags
    }
}

impl From<KeyArgs> for Flags {
    fn from(args: KeyArgs) -> Self {
        let layer = Layer {
            key: flag(args.key_file.map(Source::key_flag), "--key-file"),
            key_id: flag(args.key_id, "--key-id"),
            passphrase: flag(args.passphrase_file.map(Source::flag), "--passphrase-file"),
            algorithm: flag(args.algorithm, "--algorithm"),
            ..Layer::default()
        };
        Self { layer, ..Self::from(args.source) }
    }
}

impl From<SourceArgs> for Flags {
    fn from(args: SourceArgs) -> Self {
        Self { profile: args.profile, config: args.config, layer: Layer::default() }
    }
}

fn flag<T>(value: Option<T>, name: &'static str) -> Option<Found<T>> {
    value.map(|value| Found::new(value, Origin::Flag(name)))
}
