//! What went wrong at a token, how far it reaches, and what to do about it.

use std::borrow::Cow;
use std::fmt;

use cryptoki::error::{Error as ModuleError, RvError};
use okta_introspect::Error;

/// Why something could not be done.
#[derive(Debug)]
pub(super) struct Fault {
    what: String,
    advice: Cow<'static, str>,
    cause: Option<Cause>,
    reach: Reach,
}

/// What has to be made anew before another attempt can succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// The session, its login or its handle of the key.
    Session,
    /// The token, which may have been removed: it has to be looked for, in a module that was
    /// initialised again if need be.
    Token,
    /// Nothing helps but a change by a person.
    Final,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, advice: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), advice: advice.into(), cause: None, reach: Reach::Final }
    }

    /// A call of the module that failed while `doing`.
    pub(super) fn call(doing: &str, error: ModuleError) -> Self {
        let reach = match &error {
            ModuleError::Pkcs11(code, _) => reach(*code),
            _ => Reach::Final,
        };
        let advice = match reach {
            Reach::Session => "try again; if it stays so, see the module's own log",
            Reach::Token => {
                "see that the token is plugged in, unlocked and reachable; the next signature looks for it again"
            }
            Reach::Final => "see what the module's documentation says of this code",
        };
        Self::new(format!("the token failed while {doing}"), advice).because(error).reaching(reach)
    }

    pub(super) fn because(mut self, error: ModuleError) -> Self {
        self.cause = Some(Cause(error));
        self
    }

    pub(super) fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let cause = fault.cause.map(|cause| Box::new(cause) as _);
        Self::from_signer(fault.what, fault.advice, cause)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

fn reach(code: RvError) -> Reach {
    match code {
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::UserNotLoggedIn
        | RvError::ObjectHandleInvalid
        | RvError::KeyHandleInvalid
        | RvError::OperationActive
        | RvError::OperationNotInitialized => Reach::Session,
        RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::SlotIdInvalid
        | RvError::CryptokiNotInitialized
        // What modules say of a connection that broke, too.
        | RvError::DeviceError
        | RvError::GeneralError
        | RvError::FunctionFailed => Reach::Token,
        _ => Reach::Final,
    }
}

/// What a module gave back: function and code, by the names of the standard. Its own text repeats the
/// standard at length.
#[derive(Debug)]
struct Cause(ModuleError);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ModuleError::Pkcs11(RvError::VendorDefined(code), function) => {
                write!(f, "C_{function:?} gave the vendor's code {code:#x}")
            }
            ModuleError::Pkcs11(RvError::UnknownErrorCode(code), function) => {
                write!(f, "C_{function:?} gave the unknown code {code:#x}")
            }
            ModuleError::Pkcs11(code, function) => {
                write!(f, "C_{function:?} gave {}", name(&format!("{code:?}")))
            }
            other => write!(f, "{other}"),
        }
    }
}

impl std::error::Error for Cause {}

/// `TokenNotPresent` is `CKR_TOKEN_NOT_PRESENT`.
fn name(variant: &str) -> String {
    let mut name = String::from("CKR");
    for c in variant.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;
    use std::error::Error as _;

    #[test]
    fn codes_have_the_standards_names_and_a_reach() {
        for (code, says, expected) in [
            (RvError::DeviceRemoved, "C_Sign gave CKR_DEVICE_REMOVED", Reach::Token),
            (
                RvError::SessionHandleInvalid,
                "C_Sign gave CKR_SESSION_HANDLE_INVALID",
                Reach::Session,
            ),
            (RvError::UserNotLoggedIn, "C_Sign gave CKR_USER_NOT_LOGGED_IN", Reach::Session),
            (RvError::PinIncorrect, "C_Sign gave CKR_PIN_INCORRECT", Reach::Final),
            (
                RvError::VendorDefined(0x8000_0001),
                "C_Sign gave the vendor's code 0x80000001",
                Reach::Final,
            ),
        ] {
            let fault = Fault::call("signing", ModuleError::Pkcs11(code, Function::Sign));
            assert_eq!(fault.reach(), expected, "{says}");
            let error = Error::from(fault);
            assert_eq!(error.kind(), okta_introspect::ErrorKind::Key);
            assert_eq!(error.source().unwrap().to_string(), says);
            assert!(!error.advice().is_empty());
        }
    }
}
