//! Private keys from text in every notation, and errors that name what is not one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind as IoErrorKind, Read, Write};
use std::path::Path;

use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jwk::{Jwk, JwkSet, KeyPair};
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use zeroize::Zeroizing;

use super::{Algorithm, Curve, Digest, SigningKey};
use crate::error::Error;
use crate::error::redact;
use crate::secret::Secret;

/// How a private key is to be read. Everything is optional.
///
/// # Example: an encrypted key with its registered id
///
/// ```
/// use okta_introspect::{KeyOptions, Secret, Signer, SigningKey};
///
/// let options = KeyOptions::default().key_id("k1").passphrase(Secret::new("sample"));
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/sample-p256-encrypted.pem");
/// let key = SigningKey::from_file(path, &options)?;
/// assert_eq!(key.key_id(), Some("k1"));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeyOptions {
    /// The algorithm to sign with. Default: what the JWK says, or ES256/384/512 by the curve, or
    /// RS256.
    pub algorithm: Option<Algorithm>,
    /// The id under which the key is registered; picks the key from a JWK Set. Default: the
    /// JWK's own `kid`.
    pub key_id: Option<String>,
    /// What the key is encrypted under. Default: not encrypted.
    pub passphrase: Option<Secret>,
}

impl KeyOptions {
    /// Signs with `algorithm`.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Names, or picks, the key.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Decrypts the key.
    #[must_use]
    pub fn passphrase(mut self, passphrase: Secret) -> Self {
        self.passphrase = Some(passphrase);
        self
    }
}

pub(super) fn parse(text: &[u8], options: &KeyOptions) -> Result<SigningKey, Error> {
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return Err(
            Error::key("the private key is empty").advise("check that the file was written whole")
        );
    }
    if trimmed.starts_with(b"{") {
        return from_json(trimmed, options);
    }
    if let Some(label) = pem_label(trimmed) {
        return from_pem(trimmed, &label, options);
    }
    Err(Error::key("the private key is neither PEM nor JSON")
        .advise("give a PEM file with `BEGIN PRIVATE KEY`, a JWK or a JWK Set"))
}

pub(super) fn from_file(path: &Path, options: &KeyOptions) -> Result<SigningKey, Error> {
    let text = read(path).map_err(|cause| {
        let what = format!("the key file cannot be read: {}", redact::path(path));
        let advice = match cause.kind() {
            IoErrorKind::NotFound => "check the path; `okta-introspect keygen` makes a key",
            IoErrorKind::PermissionDenied => {
                "run as the file's owner, or give this user the right to read it"
            }
            _ => "check that the path names a file",
        };
        Error::key(what).advise(advice).because(cause)
    })?;
    parse(&text, options)
}

/// Not more than any key or set of keys needs: a device that never ends must not fill the memory.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    const MAX_LEN: u64 = 1024 * 1024;
    // Room for a key at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let length = File::open(path)?.take(MAX_LEN + 1).read_to_end(&mut text)?;
    match length as u64 > MAX_LEN {
        true => Err(io::Error::other("it is longer than 1 MiB")),
        false => Ok(text),
    }
}

pub(super) fn from_env(variable: &str, options: &KeyOptions) -> Result<SigningKey, Error> {
    let value = std::env::var(variable).map(Zeroizing::new).map_err(|cause| {
        let what = format!("the environment variable is not set, or not text: {variable}");
        Error::key(what)
            .advise("set it to the private key, or to the path of its file")
            .because(cause)
    })?;
    let text = value.trim();
    if text.starts_with('{') {
        parse(text.as_bytes(), options)
    } else if text.starts_with("-----BEGIN") {
        // Many tools cannot hold line breaks in a variable and write \n in their place.
        parse(Zeroizing::new(text.replace("\\n", "\n")).as_bytes(), options)
    } else if Path::new(text).exists() {
        from_file(Path::new(text), options)
    } else {
        // The value may be a key without its first line, so it is not repeated.
        Err(Error::key(format!(
            "the environment variable holds neither PEM, nor a JWK, nor the path of a file: {variable}"
        ))
        .advise("set it to the private key, or to the path of its file"))
    }
}

pub(super) fn write_new_file(key: &PKey<Private>, path: &Path) -> Result<(), Error> {
    let pem = key
        .private_key_to_pem_pkcs8()
        .map(Zeroizing::new)
        .map_err(|cause| Error::key("the private key cannot be written as PEM").because(cause))?;
    let mut open = OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).and_then(|mut file| file.write_all(&pem)).map_err(|cause| {
        let advice = match cause.kind() {
            IoErrorKind::AlreadyExists => {
                "choose another name; an existing file is never overwritten"
            }
            _ => "check that the folder exists and may be written to",
        };
        Error::key(format!("the key file cannot be written: {}", redact::path(path)))
            .advise(advice)
            .because(cause)
    })
}

/// The label of the first PEM block that is, or may have been taken for, a key.
fn pem_label(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let mut labels = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    labels.find(|label| *label != "EC PARAMETERS").map(str::to_owned)
}

fn from_pem(text: &[u8], label: &str, options: &KeyOptions) -> Result<SigningKey, Error> {
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {}
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            return Err(Error::key("this is a public key, not a private one")
                .advise("give the private half; the public half is what the app has registered"));
        }
        "CERTIFICATE" => {
            return Err(Error::key("this is a certificate, not a private key")
                .advise("give the private key that belongs to the certificate"));
        }
        "OPENSSH PRIVATE KEY" => {
            return Err(Error::key("this is an OpenSSH key, which has a notation of its own")
                .advise("convert it with `ssh-keygen -p -m PKCS8`, or make a key with `okta-introspect keygen`"));
        }
        whole if whole.contains("-----") => {
            return Err(Error::key("the private key is PEM without its line breaks")
                .advise("copy the file again, line by line, or write \\n for each line break"));
        }
        other => {
            let label = redact::name(other);
            return Err(Error::key(format!("this is PEM, but not of a private key: {label}"))
                .advise("give a PEM file with `BEGIN PRIVATE KEY`"));
        }
    }
    let encrypted =
        label == "ENCRYPTED PRIVATE KEY" || text.windows(10).any(|window| window == b",ENCRYPTED");
    let key = match (&options.passphrase, encrypted) {
        (None, true) => {
            return Err(Error::key("the private key is encrypted and no passphrase was given")
                .advise("name the passphrase's file, or decrypt the key with `openssl pkey`"));
        }
        (Some(passphrase), true) => {
            PKey::private_key_from_pem_passphrase(text, passphrase.expose().as_bytes()).map_err(
                |cause| {
                    Error::key("the private key cannot be decrypted")
                        .advise("check the passphrase")
                        .because(cause)
                },
            )?
        }
        (_, false) => PKey::private_key_from_pem(text).map_err(|cause| {
            Error::key("the private key is damaged")
                .advise("copy the file again, whole")
                .because(cause)
        })?,
    };
    accept(key, options.algorithm, options.key_id.clone())
}

fn from_json(text: &[u8], options: &KeyOptions) -> Result<SigningKey, Error> {
    let not_json = |cause: josekit::JoseError| {
        Error::key("the private key begins like JSON, but is not a JWK")
            .advise("give the whole JWK, with `kty`")
            .because(cause)
    };
    let is_set = serde_json::from_slice::<serde_json::Value>(text)
        .is_ok_and(|json| json.get("keys").is_some());
    let jwk = if is_set {
        pick(&JwkSet::from_bytes(text).map_err(not_json)?, options.key_id.as_deref())?
    } else {
        Jwk::from_bytes(text).map_err(not_json)?
    };
    from_jwk(&jwk, options)
}

fn pick(set: &JwkSet, key_id: Option<&str>) -> Result<Jwk, Error> {
    let keys = set.keys();
    let known = || {
        let ids: Vec<&str> = keys.iter().filter_map(|jwk| jwk.key_id()).collect();
        format!("name one of its key ids: {}", ids.join(", "))
    };
    match key_id {
        Some(key_id) => keys
            .iter()
            .find(|jwk| jwk.key_id() == Some(key_id))
            .map(|jwk| (*jwk).clone())
            .ok_or_else(|| {
                Error::key(format!("the JWK Set has no key with the id {key_id}")).advise(known())
            }),
        None => match keys.as_slice() {
            [] => {
                Err(Error::key("the JWK Set has no key").advise("put the private JWK into `keys`"))
            }
            [only] => Ok((*only).clone()),
            several => Err(Error::key(format!(
                "the JWK Set has {} keys and none was chosen",
                several.len()
            ))
            .advise(known())),
        },
    }
}

fn from_jwk(jwk: &Jwk, options: &KeyOptions) -> Result<SigningKey, Error> {
    if matches!(jwk.key_type(), "RSA" | "EC") && jwk.parameter("d").is_none() {
        return Err(Error::key("this JWK is a public key, not a private one")
            .advise("give the JWK that has the member `d`"));
    }
    if jwk.key_use().is_some_and(|usage| usage != "sig") {
        return Err(Error::key("this JWK is not for signing (`use` is not `sig`)")
            .advise("give the signing key; encryption keys are for encrypted tokens"));
    }
    // The library's error would repeat it, whatever stands there.
    if jwk.curve().is_some_and(|curve| redact::name(curve) != curve) {
        return Err(unknown_curve());
    }
    let der = match jwk.key_type() {
        "RSA" => RsaKeyPair::from_jwk(jwk).map(|pair| pair.to_der_private_key()),
        "EC" => EcKeyPair::from_jwk(jwk).map(|pair| pair.to_der_private_key()),
        other => {
            let kind = redact::name(other);
            return Err(Error::key(format!("this JWK cannot sign assertions: kty is {kind}"))
                .advise("use an RSA or EC key"));
        }
    };
    let damaged = "this JWK is incomplete, or its members do not fit together";
    let der = der.map(Zeroizing::new).map_err(|cause| Error::key(damaged).because(cause))?;
    let key =
        PKey::private_key_from_der(&der).map_err(|cause| Error::key(damaged).because(cause))?;
    let algorithm = match (options.algorithm, jwk.algorithm()) {
        (None, Some(name)) => Some(name.parse()?),
        (chosen, _) => chosen,
    };
    let key =
        accept(key, algorithm, options.key_id.clone().or_else(|| jwk.key_id().map(str::to_owned)))?;
    // OpenSSL works the public half out anew; what the JWK says of it must be the same.
    let public = serde_json::to_value(key.public_jwk()).unwrap_or_default();
    for member in ["x", "y", "n", "e"] {
        if public.get(member) != jwk.parameter(member) {
            return Err(Error::key(damaged).advise("export the JWK again from where it was made"));
        }
    }
    Ok(key)
}

#[cfg(test)]
thread_local! {
    /// How many keys this thread has parsed.
    pub(crate) static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Takes a parsed key if it may sign assertions, and if its two halves belong together.
fn accept(
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

fn fitting_algorithm(key: &PKey<Private>, wanted: Option<Algorithm>) -> Result<Algorithm, Error> {
    let (description, curve) = match key.id() {
        Id::RSA if key.bits() < SigningKey::MIN_RSA_BITS => {
            let what = format!(
                "the RSA key has {} bits; at least {} are needed",
                key.bits(),
                SigningKey::MIN_RSA_BITS
            );
            return Err(Error::key(what).advise("make a new key with `okta-introspect keygen`"));
        }
        Id::RSA => ("an RSA key", None),
        Id::EC => match key
            .ec_key()
            .ok()
            .and_then(|key| key.group().curve_name())
            .and_then(Curve::from_nid)
        {
            Some(curve) => (curve.name(), Some(curve)),
            None => return Err(unknown_curve()),
        },
        _ => return Err(Error::key("the key is neither RSA nor EC").advise("use an RSA or EC key")),
    };
    let natural = curve.map_or(Algorithm::Rs256, Curve::algorithm);
    match wanted {
        None => Ok(natural),
        Some(wanted) if wanted.curve() == curve => Ok(wanted),
        Some(wanted) => {
            Err(Error::key(format!("{wanted} does not fit the key, which is {description}"))
                .advise(format!("leave the algorithm out, or name {natural}")))
        }
    }
}

fn unknown_curve() -> Error {
    Error::key("the EC key is on a curve that JWS does not have")
        .advise("use a key on P-256, P-384 or P-521")
}

fn pairs_with_itself(
    key: &PKey<Private>,
    algorithm: Algorithm,
) -> Result<bool, openssl::error::ErrorStack> {
    const PROBE: &[u8] = b"okta-introspect key check";
    let digest = Digest::of(algorithm, PROBE);
    let (mut context, mut signature) = (PkeyCtx::new(key)?, Vec::new());
    context.sign_init()?;
    context.sign_to_vec(&digest, &mut signature)?;
    context.verify_init()?;
    // A signature that another key made is an error for RSA.
    Ok(context.verify(&digest, &signature).unwrap_or(false))
}
