//! `jwk`: the public half of a private key.

use okta_introspect::{PublicJwk, Signer as _};
use serde::Serialize;

use crate::args::{JwkArgs, KeyArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

use super::setup;

pub(super) fn run(args: JwkArgs) -> Result<Exit, Failure> {
    let key_file = args.file.or(args.key.key_file);
    let is_named = key_file.is_some();
    let settings = setup::settings(KeyArgs { key_file, ..args.key })?;
    let key = settings.key()?;
    // Not the one on standard input, which is where tokens are read from.
    if let Some(origin) = settings.origins().key.filter(|_| !is_named) {
        output::note(format_args!("the key is that of {origin}; name a file, or -, for another"));
    }
    let Some(jwk) = key.public_jwk().cloned() else {
        return Err(Failure::new(
            Exit::Usage,
            "the place of the key does not tell its public half",
        )
        .advise("export the public key there"));
    };
    let thumbprint = jwk.thumbprint();
    // A PEM file holds no key id; `keygen` prints the same one for it.
    let key_id = jwk.key_id().unwrap_or(&thumbprint).to_owned();
    let jwk = &jwk.with_key_id(Some(key_id));
    match (args.thumbprint, args.set, args.json) {
        (true, _, true) => output::json(&ThumbprintJson { thumbprint: &thumbprint })?,
        (true, _, false) => output::data(thumbprint)?,
        (false, true, _) => output::json(&SetJson { keys: [jwk] })?,
        (false, false, _) => output::json(jwk)?,
    }
    Ok(Exit::Done)
}

/// A JWK Set (RFC 7517 §5).
#[derive(Serialize)]
struct SetJson<'a> {
    keys: [&'a PublicJwk; 1],
}

#[derive(Serialize)]
struct ThumbprintJson<'a> {
    thumbprint: &'a str,
}
