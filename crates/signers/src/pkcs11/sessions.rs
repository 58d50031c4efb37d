//! Sessions with a token: logged in, each with a handle of the key, and each used by one thread at a
//! time, as the standard demands.

use std::sync::{Mutex, PoisonError};

use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Limit, Slot, TokenInfo};

use super::fault::Fault;
use super::mechanism::Way;
use super::module::{Context, Module};
use super::pin::{self, Pin};
use super::uri::Uri;
use super::{object, slot};

/// How many signatures are made at once at most. More threads than that wait inside of most tokens.
pub(super) const MAX_SESSIONS: usize = 16;

/// A session that is ready to sign.
pub(super) struct Ready {
    session: Session,
    key: ObjectHandle,
    generation: u64,
}

impl Ready {
    /// Finds the token, opens a session there, logs in and finds the key.
    pub(super) fn open(
        module: &Module,
        context: &Context,
        uri: &Uri,
        pin: &Pin,
    ) -> Result<Self, Fault> {
        Self::open_at(module, context, uri, pin).map(|(ready, ..)| ready)
    }

    /// As [`open`](Self::open), with where it is.
    pub(super) fn open_at(
        module: &Module,
        context: &Context,
        uri: &Uri,
        pin: &Pin,
    ) -> Result<(Self, Slot, TokenInfo), Fault> {
        let (slot, info) = slot::find(context, &uri.token)?;
        // The handle is good within one initialisation, and means another session after it: so it is
        // not closed by being dropped.
        let session = context
            .pkcs11
            .open_ro_session_no_drop(slot)
            .map_err(|error| Fault::call("opening a session", error))?;
        let found = slot::login(module, context, slot, &info, &session, pin)
            .and_then(|()| object::find(&session, uri));
        match found {
            Ok(key) => Ok((Self { session, key, generation: context.generation }, slot, info)),
            Err(fault) => {
                let _ = session.close();
                Err(fault)
            }
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn key(&self) -> ObjectHandle {
        self.key
    }

    /// What the token makes of an input that was prepared by `way`.
    pub(super) fn sign(&self, way: Way, input: &[u8]) -> Result<Vec<u8>, Fault> {
        self.session
            .sign(&way.mechanism(), self.key, input)
            .map_err(|error| Fault::call("signing", error))
    }

    /// The same with a key that asks for the PIN before each signature.
    pub(super) fn sign_with_pin(
        &self,
        way: Way,
        input: &[u8],
        pin: &Pin,
    ) -> Result<Vec<u8>, Fault> {
        let signing = |error| Fault::call("signing", error);
        let Some(pin) = pin.read()? else {
            return Err(Fault::new(
                "the key asks for the PIN before each signature, and none is configured",
                "add pin-source=file:/path/of/pin to the `pkcs11:` URI",
            ));
        };
        self.session.sign_init(&way.mechanism(), self.key).map_err(signing)?;
        self.session
            .login_with_raw(UserType::ContextSpecific, &pin::raw(&pin))
            .map_err(|error| Fault::call("asking for the PIN of the key", error))?;
        self.session.sign_update(input).map_err(signing)?;
        self.session.sign_final().map_err(signing)
    }

    /// Ends the session, if it is one of the module's present state.
    pub(super) fn close(self, context: &Context) {
        if self.generation == context.generation {
            // A session that cannot be closed is gone.
            let _ = self.session.close();
        }
    }
}

/// The sessions that nobody uses at the moment.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Ready>>);

impl Idle {
    /// One of the module's present state.
    pub(super) fn take(&self, context: &Context) -> Option<Ready> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|ready| ready.generation == context.generation);
        idle.pop()
    }

    pub(super) fn put(&self, ready: Ready) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ready);
    }

    /// Ends all of them.
    pub(super) fn close(&self, context: &Context) {
        let idle = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        idle.into_iter().for_each(|ready| ready.close(context));
    }
}

/// How many sessions the token lets one program have, as far as it says.
pub(super) fn limit(info: &TokenInfo) -> usize {
    match info.max_session_count() {
        Limit::Max(most) => usize::try_from(most).unwrap_or(MAX_SESSIONS).clamp(1, MAX_SESSIONS),
        Limit::Unavailable | Limit::Infinite => MAX_SESSIONS,
    }
}
