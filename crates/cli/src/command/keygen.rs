//! `keygen`: make a private key, and show what to register.

use std::path::Path;

use okta_introspect::{Algorithm, Error, PublicJwk, SigningKey};
use serde::Serialize;

use crate::args::KeygenArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::text;

pub(super) fn run(args: KeygenArgs) -> Result<Exit, Failure> {
    if args.file == Path::new("-") {
        return Err(Failure::usage("this is no name for a file: -")
            .advise("name one; a private key is not printed"));
    }
    let key = generate(args.rsa.as_deref(), args.algorithm)?;
    let key_id = args.key_id.unwrap_or_else(|| key.public_jwk().thumbprint());
    let key = key.with_key_id(Some(key_id.clone()));
    key.write_new_file(&args.file)?;
    let told = match args.json {
        true => {
            let jwk = key.public_jwk();
            output::json(&KeygenJson { key_file: &args.file, key_id: &key_id, jwk })
        }
        false => output::data(key.public_jwk().to_json()),
    };
    told.map_err(|failure| {
        failure.advise(format!(
            "the private key is in {0} all the same: print its public half with `okta-introspect jwk --key-file {0}`",
            text::path(&args.file)
        ))
    })?;
    output::note(format_args!(
        "the private key is in {}; register the public JWK with the app, then set --key-file and --key-id {key_id}",
        args.file.display()
    ));
    Ok(Exit::Done)
}

fn generate(rsa_bits: Option<&str>, algorithm: Option<Algorithm>) -> Result<SigningKey, Error> {
    match rsa_bits.and_then(|bits| bits.parse().ok()) {
        Some(bits) => SigningKey::generate_rsa(algorithm.unwrap_or(Algorithm::Rs256), bits),
        None => SigningKey::generate(algorithm.unwrap_or(Algorithm::Es256)),
    }
}

/// The names are stable.
#[derive(Serialize)]
struct KeygenJson<'a> {
    key_file: &'a Path,
    key_id: &'a str,
    jwk: &'a PublicJwk,
}
