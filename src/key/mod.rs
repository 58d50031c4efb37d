//! Private keys: load them, sign with them, show their public half.

mod accept;
mod algorithm;
mod base64;
mod context_pool;
mod der;
pub(crate) mod derive;
mod digest;
mod encryption;
mod factors;
pub(crate) mod follow;
mod jwk;
mod jwk_text;
mod key_file;
mod limits;
mod load;
#[cfg(test)]
mod matrix;
mod notation;
mod options;
mod pem;
mod private_jwk;
mod public;
mod public_notation;
mod rotating;
mod sample;
mod signature;
mod unsupported;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use tokio::runtime::{Handle, RuntimeFlavor};
use zeroize::Zeroizing;

use crate::error::{BoxError, Error};
use crate::support::boxed_future::BoxFuture;

pub use algorithm::Algorithm;
pub use jwk::{KeyFault, MemberFault};
pub use key_file::KeyFile;
pub use limits::SignerLimits;
pub use options::KeyOptions;
pub use public::PublicJwk;
pub use rotating::RotatingSigner;

#[cfg(test)]
pub(crate) use accept::PARSED;
pub(crate) use algorithm::Curve;
pub(crate) use context_pool::{ContextPool, set_algorithm};
pub(crate) use digest::Digest;
pub(crate) use jwk::Jwk;
pub(crate) use notation::BYTE_ORDER_MARK;
pub(crate) use sample::is_sample;

use signature::SignatureMaker;

/// Signs on behalf of the client. Implement it for a key that lives elsewhere: a KMS, an HSM, an
/// agent.
///
/// [`SigningKey`] is the implementation for a key in this process.
///
/// # Example: a key behind a service
///
/// ```
/// use okta_introspect::{Algorithm, BoxError, BoxFuture, Signer};
///
/// #[derive(Debug)]
/// struct KmsKey {
///     key_id: String,
/// }
///
/// impl KmsKey {
///     async fn call(&self, signing_input: &[u8]) -> Result<Vec<u8>, BoxError> {
///         # let _ = signing_input;
///         // Ask the service; turn DER into `r ‖ s` if it answers with DER.
///         Err("not connected".into())
///     }
/// }
///
/// impl Signer for KmsKey {
///     fn algorithm(&self) -> Algorithm {
///         Algorithm::Es256
///     }
///
///     fn key_id(&self) -> Option<&str> {
///         Some(&self.key_id)
///     }
///
///     fn sign<'a>(&'a self, input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
///         Box::pin(self.call(input))
///     }
/// }
/// ```
pub trait Signer: fmt::Debug + Send + Sync {
    /// The algorithm of every signature, for the `alg` header.
    fn algorithm(&self) -> Algorithm;

    /// The id under which the public half is registered, for the `kid` header. Okta needs it as
    /// soon as the app has two keys.
    fn key_id(&self) -> Option<&str>;

    /// The public half, if it is at hand; used to tell well-known sample keys and for
    /// diagnostics.
    fn public_jwk(&self) -> Option<&PublicJwk> {
        None
    }

    /// Signs the JWS signing input and gives the signature as JWS wants it: for ES* that is
    /// `r ‖ s` in fixed width, not DER
    /// ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)).
    ///
    /// # Errors
    ///
    /// Anything that kept the signature from being made. It becomes the source of an error of
    /// kind [`Key`](crate::ErrorKind::Key), or of its own kind if it is one made by
    /// [`Error::from_remote_signer`]; the advice of one made there, or by [`Error::from_signer`], is
    /// taken over.
    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>>;

    /// The key that signs next, of a signer that has several or whose key changes while it is in
    /// use. It is asked before each signature that stands for itself, and then `alg`, `kid` and
    /// signature are those of the key that it gives.
    ///
    /// Default: none, since this is the one key.
    fn current(&self) -> BoxFuture<'_, Option<Arc<dyn Signer>>> {
        Box::pin(std::future::ready(None))
    }

    /// Hears that the server did not take a signature by `refused`, which [`current`](Self::current)
    /// had given, and that the reason may lie in the key. Gives whether there is another key to try:
    /// then the request is made once more.
    ///
    /// Default: there is none.
    fn refused<'a>(&'a self, refused: &'a Arc<dyn Signer>) -> BoxFuture<'a, bool> {
        let _ = refused;
        Box::pin(std::future::ready(false))
    }

    /// How many signatures a second it can make, and how long one takes. Read once, when a client is
    /// built. Default: nothing is said, and as many are asked for as are wanted.
    fn limits(&self) -> SignerLimits {
        SignerLimits::default()
    }
}

/// A private key in this process. Cheap to clone; clones share the key.
///
/// Parsed once, when it is loaded. OpenSSL wipes the key material when the last clone is
/// dropped; `Debug` shows the public half only.
///
/// # Example: from a file, or a new one
///
/// ```
/// use okta_introspect::{Algorithm, KeyOptions, Signer, SigningKey};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("service-app.pem");
/// let new = SigningKey::generate(Algorithm::Es256)?;
/// new.write_new_file(&path)?;
///
/// let key = SigningKey::from_file(&path, &KeyOptions::default().key_id("k1"))?;
/// assert_eq!(key.algorithm(), Algorithm::Es256);
/// assert_eq!(key.public_jwk().thumbprint(), new.public_jwk().thumbprint());
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    inner: Arc<Inner>,
}

struct Inner {
    key: PKey<Private>,
    public: PublicJwk,
    signatures: SignatureMaker,
}

impl SigningKey {
    /// The smallest RSA key taken, in bits: Okta refuses smaller ones at registration.
    pub const MIN_RSA_BITS: u32 = 2048;

    /// Reads a private key in any of the supported notations: PEM or DER (PKCS#8, PKCS#1, SEC 1,
    /// encrypted under a passphrase or not), a JWK, or a JWK Set from which
    /// [`KeyOptions::key_id`] picks one; of a public and a private key under one id, the private
    /// one is taken.
    ///
    /// The text may have been through files, variables and secret stores: a byte order mark, other
    /// line breaks or none, `\n` written out, one pair of quotes, Base64 around it, certificates and
    /// attributes beside it make no difference. A PEM's content counts, not its label. At most
    /// 1 MiB is read.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) with what was found instead and what to do about it: an
    /// empty text, a public key, a certificate, a key store (PKCS#12, JKS), an OpenSSH key, UTF-16,
    /// a missing or wrong passphrase, a cipher that OpenSSL has retired, RSA under
    /// [`MIN_RSA_BITS`](Self::MIN_RSA_BITS), an unsupported curve, an ambiguous JWK Set, an
    /// algorithm that does not fit.
    pub fn parse(text: &[u8], options: &KeyOptions) -> Result<Self, Error> {
        load::parse(text, options)
    }

    /// Reads a private key from a file, in any notation that [`parse`](Self::parse) takes.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`Key`](crate::ErrorKind::Key) if the file cannot be read or is
    /// longer than 1 MiB.
    pub fn from_file(path: impl AsRef<Path>, options: &KeyOptions) -> Result<Self, Error> {
        load::from_file(path.as_ref(), options)
    }

    /// Reads a private key from an environment variable, which holds either the key itself, in
    /// any notation that [`parse`](Self::parse) takes, or the path of a key file.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Self::from_file), and [`Key`](crate::ErrorKind::Key) if the variable is not
    /// set, or holds neither.
    pub fn from_env(variable: &str, options: &KeyOptions) -> Result<Self, Error> {
        load::from_env(variable, options)
    }

    /// Whether the value of a setting is a key itself, in any notation that
    /// [`parse`](Self::parse) reads or names, and not the path of a key file.
    ///
    /// # Example: a setting that may be either
    ///
    /// ```
    /// use okta_introspect::SigningKey;
    ///
    /// assert!(SigningKey::is_key("-----BEGIN PRIVATE KEY-----\\nMIGH…"));
    /// assert!(!SigningKey::is_key("/etc/service-app/key.pem"));
    /// ```
    pub fn is_key(value: &str) -> bool {
        notation::is_key(value.as_bytes())
    }

    /// Makes a new key for `algorithm`; RSA keys have 2048 bits.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if OpenSSL cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        match algorithm.curve() {
            Some(curve) => EcGroup::from_curve_name(curve.nid())
                .and_then(|group| EcKey::generate(&group))
                .and_then(PKey::from_ec_key)
                .map_err(generation_failed)
                .and_then(|key| Self::new(key, algorithm, None)),
            None => Self::generate_rsa(algorithm, Self::MIN_RSA_BITS),
        }
    }

    /// Makes a new RSA key of 2048, 3072 or 4096 bits for an RS or PS `algorithm`.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) for another size or an EC algorithm.
    pub fn generate_rsa(algorithm: Algorithm, bits: u32) -> Result<Self, Error> {
        if algorithm.curve().is_some() || !matches!(bits, 2048 | 3072 | 4096) {
            return Err(Error::key(format!("no {bits}-bit RSA key can be made for {algorithm}"))
                .advise("use 2048, 3072 or 4096 bits and an RS or PS algorithm"));
        }
        let key = Rsa::generate(bits).and_then(PKey::from_rsa).map_err(generation_failed)?;
        Self::new(key, algorithm, None)
    }

    /// The same key under another key id; `None` takes the id away.
    #[must_use]
    pub fn with_key_id(self, key_id: Option<String>) -> Self {
        let public = self.inner.public.clone().with_key_id(key_id);
        let signatures = SignatureMaker::new(public.algorithm());
        Self { inner: Arc::new(Inner { key: self.inner.key.clone(), public, signatures }) }
    }

    /// The public half, as it is registered with the server.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.inner.public
    }

    /// Writes the key to a new file as PKCS#8 PEM, readable by its owner alone (mode 0600 where
    /// there are modes).
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if the file exists already, which is left as it is, or
    /// cannot be written.
    pub fn write_new_file(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        load::write_new_file(&self.inner.key, path.as_ref())
    }

    /// Writes the key to a new file as a private JWK with its key id and its algorithm, readable by its
    /// owner alone. A key that is to be rotated is best kept so: PEM cannot say under which id it is
    /// registered, and the next one has another.
    ///
    /// # Errors
    ///
    /// As [`write_new_file`](Self::write_new_file).
    pub fn write_new_jwk_file(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        load::write_new_jwk_file(&self.inner.key, &self.inner.public, path.as_ref())
    }

    /// Signs without leaving the current thread. An RS256 signature costs about ten times as much
    /// as an ES256 one (`benches/assertion.rs`).
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if OpenSSL fails.
    pub fn sign_blocking(&self, signing_input: &[u8]) -> Result<Vec<u8>, Error> {
        self.inner.sign(signing_input).map_err(|cause| Error::key("signing failed").because(cause))
    }

    /// Makes a secret that only a holder of this key can make, to encrypt what is kept for its
    /// next use: HKDF with SHA-256 over the private key
    /// ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)). The same key and label give the same
    /// secret, in whatever notation the key was read; another label gives an unrelated one. No
    /// secret tells anything of the key or of another secret.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if OpenSSL fails.
    pub fn derive_secret(&self, label: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        derive::derive(&self.inner.key, label)
            .map_err(|cause| Error::key("no secret can be derived from the key").because(cause))
    }

    fn new(
        key: PKey<Private>,
        algorithm: Algorithm,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let unusable =
            |cause: ErrorStack| Error::key("the private key cannot be used").because(cause);
        let public = PublicJwk::new(&key, algorithm, key_id).map_err(unusable)?;
        let inner = Inner { key, public, signatures: SignatureMaker::new(algorithm) };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn is_slow(&self) -> bool {
        self.key.id() == Id::RSA
    }

    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        self.signatures.sign(&self.key, signing_input)
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        self.inner.public.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.inner.public.key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(&self.inner.public)
    }

    /// On a runtime with one thread, RSA signatures are made on its blocking pool: there they delay
    /// no other task, and use a second core. On a runtime with several threads other tasks move to
    /// another thread by themselves, and a detour by the pool would cost a tenth of the throughput.
    /// An EC signature costs less than the detour in any case.
    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(async move {
            match Handle::try_current() {
                Ok(runtime)
                    if self.inner.is_slow()
                        && runtime.runtime_flavor() == RuntimeFlavor::CurrentThread =>
                {
                    let (inner, input) = (Arc::clone(&self.inner), signing_input.to_vec());
                    Ok(runtime.spawn_blocking(move || inner.sign(&input)).await??)
                }
                _ => Ok(self.inner.sign(signing_input)?),
            }
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id())
            .field("thumbprint", &self.inner.public.thumbprint())
            .finish_non_exhaustive()
    }
}

impl Error {
    /// Why a [`Signer`] cannot be had, or cannot sign, and what to do about it; of kind
    /// [`Key`](crate::ErrorKind::Key). Keep PINs and other secrets out of both.
    pub fn from_signer(
        what: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
        source: Option<BoxError>,
    ) -> Self {
        let error = Self::key(what).advise(advice);
        match source {
            Some(source) => error.because(source),
            None => error,
        }
    }
}

fn generation_failed(cause: ErrorStack) -> Error {
    Error::key("no key could be made").because(cause)
}
