//! Keys in a token with a PKCS#11 module: an HSM, a TPM, a smart card, SoftHSM.
//!
//! A key is named by a `pkcs11:` URI ([RFC 7512](https://www.rfc-editor.org/rfc/rfc7512)):
//!
//! | attribute | says |
//! |---|---|
//! | `token`, `serial`, `manufacturer`, `model`, `slot-id` … | which token; exactly one has to fit |
//! | `object`, `id` | which private key; exactly one has to fit, and without both the token's only one |
//! | `module-path`, `module-name` | which module, by its absolute path, or by its name in the system's folders; without both p11-kit's proxy |
//! | `pin-source` | where the PIN is: `file:/path`, `env:VARIABLE` or `credential:NAME` (of systemd) |
//! | `public-key-source` | our own: the file of the public half, for tokens that do not tell it |
//!
//! `pin-value` is refused: URIs are seen in lists of processes and in logs. A path attribute that is not
//! known is refused too, since it could be what tells two keys apart; a query attribute is passed over.
//!
//! # What is sent to the token
//!
//! The PIN, and the signing input or its digest. Nothing else.
//!
//! # When the token is removed
//!
//! A signature that fails then is of kind [`Key`](okta_introspect::ErrorKind::Key). The next looks for the
//! token again, logs in again, and if need be has the module initialised again, at most once a second.
//! A PIN that the token has refused is not tried again in this process, and none is tried when the
//! token says that one try is left.

mod fault;
mod generate;
mod mechanism;
mod module;
mod module_file;
mod object;
mod pin;
mod sessions;
mod slot;
mod uri;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use okta_introspect::{
    Algorithm, BoxError, BoxFuture, Clock, Error, KeyOptions, PublicJwk, Signer, SystemClock,
};
use tokio::sync::Semaphore;

use fault::{Fault, Reach};
use mechanism::Way;
use module::Module;
use pin::Pin;
use sessions::{Idle, Ready};
use uri::Uri;

/// A private key in a token. Cheap to clone; clones share the key and its sessions.
///
/// Signatures are made on tokio's blocking threads, sixteen at once at most or what the token allows.
/// Only of a token that signs within a quarter of a millisecond, as no device does but software in this
/// process, signatures are made where they are asked for: the detour would cost as much as they do.
///
/// # Example: in the place of a key file
///
/// ```no_run
/// use okta_introspect::{Client, Error, Issuer, KeyOptions};
/// use okta_introspect_signers::pkcs11::Pkcs11Key;
///
/// # fn example() -> Result<(), Error> {
/// let uri = "pkcs11:token=okta;object=service-app\
///            ?module-name=softhsm2&pin-source=file:/run/secrets/pin";
/// let key = Pkcs11Key::open(uri, &KeyOptions::default().key_id("k1"))?;
/// let client = Client::builder(Issuer::parse("https://acme.okta.com")?, "0oa1b2c3d4", key).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pkcs11Key {
    inner: Arc<Inner>,
}

struct Inner {
    module: Arc<Module>,
    uri: Uri,
    pin: Pin,
    public: PublicJwk,
    way: Way,
    always_authenticate: bool,
    idle: Idle,
    permits: Arc<Semaphore>,
    /// Whether a signature was verified with the public half.
    is_verified: AtomicBool,
    /// Whether the last signature took less than [`QUICK`].
    is_quick: AtomicBool,
    clock: Arc<dyn Clock>,
}

/// What no token at the end of a wire is quicker than.
const QUICK: Duration = Duration::from_micros(250);

impl Pkcs11Key {
    /// How long a token may take until its key can be used: a PIN may be typed at it meanwhile.
    pub const MAX_OPENING: Duration = Duration::from_secs(60);

    /// Finds the key that a `pkcs11:` URI names, and logs in at its token. It blocks, for
    /// [`MAX_OPENING`](Self::MAX_OPENING) at most.
    ///
    /// Of `options`, the passphrase is the PIN, for a URI without `pin-source`.
    ///
    /// # Errors
    ///
    /// Of kind [`Key`](okta_introspect::ErrorKind::Key): the URI cannot be read, the module cannot be
    /// loaded or could have been written by another user, the token or the key is not there or not the
    /// only one, the PIN is missing, wrong or locked, the public half is not told, the algorithm does not
    /// fit, the module has not answered in time.
    pub fn open(uri: &str, options: &KeyOptions) -> Result<Self, Error> {
        Self::open_with_clock(uri, options, Arc::new(SystemClock))
    }

    /// As [`open`](Self::open), with the clock by which a module is left alone after it was initialised
    /// again.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with_clock(
        uri: &str,
        options: &KeyOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (uri, options) = (Uri::parse(uri)?, options.clone());
        within(Self::MAX_OPENING, move || Self::open_here(uri, &options, clock))
    }

    fn open_here(uri: Uri, options: &KeyOptions, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let pin = Pin { source: uri.pin.clone(), given: options.passphrase.clone() };
        let module = Module::load(&module_file::locate(uri.module.as_ref())?)?;
        let context = module.context();
        let (ready, slot, info) = Ready::open_at(&module, &context, &uri, &pin)?;
        let read = || -> Result<_, Error> {
            let public = object::public(ready.session(), ready.key(), &uri, options)?;
            let restrictions = object::restrictions(ready.session(), ready.key());
            let always = restrictions.always_authenticate;
            let allowed = &restrictions.mechanisms;
            let way = Way::choose(public.algorithm(), &context.pkcs11, slot, allowed, always)?;
            Ok((public, way, always))
        };
        let (public, way, always_authenticate) = match read() {
            Ok(read) => read,
            Err(error) => {
                ready.close(&context);
                return Err(error);
            }
        };
        let idle = Idle::default();
        idle.put(ready);
        drop(context);
        let permits = Arc::new(Semaphore::new(sessions::limit(&info)));
        let (is_verified, is_quick) = (AtomicBool::new(false), AtomicBool::new(false));
        let inner = Inner {
            module,
            uri,
            pin,
            public,
            way,
            always_authenticate,
            idle,
            permits,
            is_verified,
            is_quick,
            clock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a key pair inside of the token that `uri` names, under the label `object` and the id `id`
    /// of the URI, and gives its public half. The private half is made so that it never leaves. It
    /// blocks.
    ///
    /// Without an id a random one is made. `rsa_bits` is for an RS or PS `algorithm`.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and [`Key`](okta_introspect::ErrorKind::Key) if the URI names no
    /// object, if there is such a key already, or if the token cannot make one.
    pub fn generate(
        uri: &str,
        algorithm: Algorithm,
        rsa_bits: u32,
        options: &KeyOptions,
    ) -> Result<PublicJwk, Error> {
        let (uri, options) = (Uri::parse(uri)?, options.clone());
        let make = move || generate::generate(&uri, algorithm, rsa_bits, &options);
        // An RSA key of 4096 bits takes a smart card minutes.
        within(5 * Self::MAX_OPENING, make)
    }

    /// Signs without leaving the current thread.
    ///
    /// # Errors
    ///
    /// Of kind [`Key`](okta_introspect::ErrorKind::Key): the token is gone, or fails.
    pub fn sign_blocking(&self, signing_input: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.inner.sign(signing_input)?)
    }

    /// The public half, as it is registered with the server.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.inner.public
    }
}

/// Does what a module may never end, on a thread that is left behind then.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::channel();
    // Nobody listens any more once the time is over.
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(limit).unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Err(Fault::new(
            format!("the module has not answered within {seconds} seconds"),
            "see that the token is reachable, and what the module's own log says",
        )
        .into())
    })
}

impl Inner {
    /// Signs; where the session or the token is gone, tries again with a new one, and once more after
    /// the module was initialised again.
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, Fault> {
        let input = self.way.input(signing_input)?;
        let signature = match self.attempt(&input) {
            Err((fault, _)) if fault.reach() != Reach::Final => self.anew(&input)?,
            outcome => outcome.map_err(|(fault, _)| fault)?,
        };
        self.verify(signing_input, &signature)?;
        Ok(signature)
    }

    /// A signature on this thread, which may be one that other tasks wait for: where the last one was
    /// quick, and where nothing has to be waited for but the token.
    fn sign_at_once(&self, signing_input: &[u8]) -> Option<Vec<u8>> {
        let is_sure =
            self.is_quick.load(Ordering::Relaxed) && self.is_verified.load(Ordering::Relaxed);
        if !is_sure {
            return None;
        }
        let input = self.way.input(signing_input).ok()?;
        let context = self.module.context_at_once()?;
        let ready = self.idle.take(&context)?;
        let begun = self.clock.monotonic();
        let Ok(signature) = ready.sign(self.way, &input) else {
            ready.close(&context);
            return None;
        };
        let took = self.clock.monotonic().saturating_duration_since(begun);
        self.is_quick.store(took < QUICK, Ordering::Relaxed);
        self.idle.put(ready);
        Some(signature)
    }

    fn anew(&self, input: &[u8]) -> Result<Vec<u8>, Fault> {
        self.idle.close(&self.module.context());
        let (fault, generation) = match self.attempt(input) {
            Err((fault, generation)) if fault.reach() != Reach::Final => (fault, generation),
            outcome => return outcome.map_err(|(fault, _)| fault),
        };
        match self.module.initialise_again(generation, self.clock.monotonic())? {
            true => self.attempt(input).map_err(|(fault, _)| fault),
            false => Err(fault),
        }
    }

    /// One signature, with the initialisation of the module in which it failed.
    fn attempt(&self, input: &[u8]) -> Result<Vec<u8>, (Fault, u64)> {
        let context = self.module.context();
        let generation = context.generation;
        let ready = match self.idle.take(&context) {
            Some(ready) => ready,
            None => Ready::open(&self.module, &context, &self.uri, &self.pin)
                .map_err(|fault| (fault, generation))?,
        };
        let begun = self.clock.monotonic();
        let signed = match self.always_authenticate {
            false => ready.sign(self.way, input),
            true => ready.sign_with_pin(self.way, input, &self.pin),
        };
        let took = self.clock.monotonic().saturating_duration_since(begun);
        self.is_quick.store(took < QUICK && !self.always_authenticate, Ordering::Relaxed);
        match &signed {
            Ok(_) => self.idle.put(ready),
            Err(_) => ready.close(&context),
        }
        signed.map_err(|fault| (fault, generation))
    }

    /// The first signature tells whether the public half belongs to the key: a server would only say
    /// that the signature is wrong.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> Result<(), Fault> {
        if self.is_verified.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.public.verifies(signing_input, signature) {
            return Err(Fault::new(
                "the token's signature does not fit the public half of the key",
                "see that the public key or certificate with the key's id in the token, or the file of public-key-source, belongs to the private key",
            ));
        }
        self.is_verified.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.idle.close(&self.module.context());
    }
}

impl Signer for Pkcs11Key {
    fn algorithm(&self) -> Algorithm {
        self.inner.public.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.inner.public.key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(&self.inner.public)
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(async move {
            if let Some(signature) = self.inner.sign_at_once(signing_input) {
                return Ok(signature);
            }
            // Never closed.
            let permit = Arc::clone(&self.inner.permits).acquire_owned().await?;
            let (inner, input) = (Arc::clone(&self.inner), signing_input.to_vec());
            let signing = tokio::task::spawn_blocking(move || {
                let signed = inner.sign(&input);
                // Held while the thread is busy, also when nobody waits for it any more.
                drop(permit);
                signed
            });
            Ok(signing.await?.map_err(Error::from)?)
        })
    }
}

impl fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Key")
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id())
            .field("thumbprint", &self.inner.public.thumbprint())
            .field("token", &self.inner.uri.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_support::test]
    fn a_module_that_never_answers_holds_up_nobody_for_good() {
        let (held, never) = mpsc::channel::<()>();
        let hanging = move || Ok(never.recv().is_ok());
        let error = within(Duration::from_millis(1), hanging).unwrap_err();
        assert_eq!(error.kind(), okta_introspect::ErrorKind::Key);
        drop(held);
        assert!(within(Duration::from_secs(40), || Ok(true)).unwrap());
    }
}
