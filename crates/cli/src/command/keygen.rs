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
    match (&args.pkcs11, &args.file) {
        (Some(uri), _) => in_token(uri, &args),
        (None, Some(file)) => to_file(file, &args),
        (None, None) => Err(Failure::usage("neither a file nor a token is named")),
    }
}

fn to_file(file: &Path, args: &KeygenArgs) -> Result<Exit, Failure> {
    if file == Path::new("-") {
        return Err(Failure::usage("this is no name for a file: -")
            .advise("name one; a private key is not printed"));
    }
    let key = generate(args.rsa.as_deref(), args.algorithm)?;
    let key_id = args.key_id.clone().unwrap_or_else(|| key.public_jwk().thumbprint());
    let key = key.with_key_id(Some(key_id.clone()));
    key.write_new_file(file)?;
    let told = match args.json {
        true => {
            let jwk = key.public_jwk();
            output::json(&KeygenJson { key_file: file, key_id: &key_id, jwk })
        }
        false => output::data(key.public_jwk().to_json()),
    };
    told.map_err(|failure| {
        failure.advise(format!(
            "the private key is in {0} all the same: print its public half with `okta-introspect jwk --key-file {0}`",
            text::path(file)
        ))
    })?;
    output::note(format_args!(
        "the private key is in {}; register the public JWK with the app, then set --key-file and --key-id {key_id}",
        file.display()
    ));
    Ok(Exit::Done)
}

/// Makes the key where it stays.
#[cfg(feature = "pkcs11")]
fn in_token(uri: &str, args: &KeygenArgs) -> Result<Exit, Failure> {
    use okta_introspect::KeyOptions;
    use okta_introspect_signers::pkcs11::Pkcs11Key;

    let bits = args.rsa.as_deref().and_then(|bits| bits.parse().ok());
    let algorithm = algorithm(bits, args.algorithm);
    if bits.is_some() && algorithm.name().starts_with('E') {
        return Err(Failure::usage(format!("--rsa makes no key for {algorithm}"))
            .advise("leave out --rsa, or name an RS or PS algorithm"));
    }
    let bits = bits.unwrap_or(SigningKey::MIN_RSA_BITS);
    let jwk = Pkcs11Key::generate(uri, algorithm, bits, &KeyOptions::default())?;
    let key_id = args.key_id.clone().unwrap_or_else(|| jwk.thumbprint());
    let jwk = jwk.with_key_id(Some(key_id.clone()));
    let told = match args.json {
        true => output::json(&InTokenJson { key_id: &key_id, jwk: &jwk }),
        false => output::data(jwk.to_json()),
    };
    told.map_err(|failure| {
        failure.advise("the key is in the token all the same: print its public half with `okta-introspect jwk`")
    })?;
    output::note(format_args!(
        "the private key is in the token; register the public JWK with the app, then give the URI as --key-file, and --key-id {key_id}"
    ));
    Ok(Exit::Done)
}

#[cfg(not(feature = "pkcs11"))]
fn in_token(_: &str, _: &KeygenArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("this program was built without PKCS#11")
        .advise("build it with the feature `pkcs11`"))
}

fn generate(rsa_bits: Option<&str>, algorithm: Option<Algorithm>) -> Result<SigningKey, Error> {
    let bits = rsa_bits.and_then(|bits| bits.parse().ok());
    let algorithm = self::algorithm(bits, algorithm);
    match bits {
        Some(bits) => SigningKey::generate_rsa(algorithm, bits),
        None => SigningKey::generate(algorithm),
    }
}

fn algorithm(rsa_bits: Option<u32>, algorithm: Option<Algorithm>) -> Algorithm {
    let natural = if rsa_bits.is_some() { Algorithm::Rs256 } else { Algorithm::Es256 };
    algorithm.unwrap_or(natural)
}

/// The names are stable.
#[derive(Serialize)]
struct KeygenJson<'a> {
    key_file: &'a Path,
    key_id: &'a str,
    jwk: &'a PublicJwk,
}

/// The names are stable.
#[cfg(feature = "pkcs11")]
#[derive(Serialize)]
struct InTokenJson<'a> {
    key_id: &'a str,
    jwk: &'a PublicJwk,
}
