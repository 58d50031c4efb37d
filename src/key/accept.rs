//! Which keys may sign assertions.

use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;

use super::{Algorithm, Curve, Digest, SigningKey};
use crate::error::Error;

/// OpenSSL verifies with no longer modulus, and the time of a signature grows with its cube.
pub(super) const MAX_RSA_BITS: u32 = 16 * 1024;

#[cfg(test)]
thread_local! {
    /// How many keys this thread has parsed.
    pub(crate) static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Takes a parsed key if it may sign assertions, and if its two halves belong together.
pub(super) fn accept(
    key: PKey<Private>,
    algorithm: Option<Algorithm>,
    key_id: Option<String>,
) -> Result<SigningKey, Error> {
    #[cfg(test)]
    PARSED.set(PARSED.get() + 1);
    let algorithm = fitting_algorithm(&key, algorithm)?;
    match pairs_with_itself(&key, algorithm) {
        Ok(true) => SigningKey::new(key, algorithm, key_id),
        Ok(false) => {
            Err(Error::key("the private and the public half of the key do not belong together")
                .advise("export the key again from where it was made"))
        }
        Err(cause) => Err(Error::key("the private key cannot sign").because(cause)),
    }
}

/// The algorithm that a key of a usable type and size signs with.
pub(super) fn fitting_algorithm<T: HasPublic>(
    key: &PKey<T>,
    wanted: Option<Algorithm>,
) -> Result<Algorithm, Error> {
    let curve = match key.id() {
        Id::RSA => {
            check_size(key.bits())?;
            None
        }
        Id::EC => {
            let name = key.ec_key().ok().and_then(|key| key.group().curve_name());
            Some(name.and_then(Curve::from_nid).ok_or_else(unknown_curve)?)
        }
        _ => return Err(Error::key("the key is neither RSA nor EC").advise("use an RSA or EC key")),
    };
    let natural = curve.map_or(Algorithm::Rs256, Curve::algorithm);
    match wanted {
        None => Ok(natural),
        Some(wanted) if wanted.curve() == curve => Ok(wanted),
        Some(wanted) => {
            let description = curve.map_or("an RSA key", Curve::name);
            Err(Error::key(format!("{wanted} does not fit the key, which is {description}"))
                .advise(format!("leave the algorithm out, or name {natural}")))
        }
    }
}

fn check_size(bits: u32) -> Result<(), Error> {
    const MIN: u32 = SigningKey::MIN_RSA_BITS;
    let bound = match bits {
        0..MIN => format!("at least {MIN} are needed"),
        MIN..=MAX_RSA_BITS => return Ok(()),
        _ => format!("at most {MAX_RSA_BITS} are taken"),
    };
    Err(Error::key(format!("the RSA key has {bits} bits; {bound}"))
        .advise("make a new key with `okta-introspect keygen`"))
}

fn unknown_curve() -> Error {
    Error::key("the EC key is on a curve that JWS does not have")
        .advise("use a key on P-256, P-384 or P-521")
}

fn pairs_with_itself(key: &PKey<Private>, algorithm: Algorithm) -> Result<bool, ErrorStack> {
    const PROBE: &[u8] = b"okta-introspect key check";
    let digest = Digest::of(algorithm, PROBE);
    let (mut context, mut signature) = (PkeyCtx::new(key)?, Vec::new());
    context.sign_init()?;
    context.sign_to_vec(&digest, &mut signature)?;
    context.verify_init()?;
    // A signature that another key made is an error for RSA.
    Ok(context.verify(&digest, &signature).unwrap_or(false))
}
