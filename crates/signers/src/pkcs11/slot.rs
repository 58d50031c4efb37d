//! Finds the token that a URI names, and logs in there.

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};

use super::fault::{Fault, Reach};
use super::module::{Context, Module};
use super::pin::{self, Pin};
use super::uri::Token;

/// The one slot with a token that the URI names.
pub(super) fn find(context: &Context, wanted: &Token) -> Result<(Slot, TokenInfo), Fault> {
    let pkcs11 = &context.pkcs11;
    let looking = |error| Fault::call("looking for tokens", error);
    check_library(pkcs11, wanted)?;
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for slot in pkcs11.get_slots_with_token().map_err(looking)? {
        // A token may be removed between the two calls.
        let Ok(info) = pkcs11.get_token_info(slot) else { continue };
        if !info.token_initialized() {
            continue;
        }
        match is_meant(pkcs11, slot, &info, wanted) {
            true => found.push((slot, info)),
            false => seen.push(info.label().to_owned()),
        }
    }
    match found.len() {
        1 => found.pop().ok_or_else(|| absent(wanted, &seen)),
        0 => Err(absent(wanted, &seen)),
        count => Err(Fault::new(
            format!("{count} tokens are meant by the `pkcs11:` URI, which asks for {wanted}"),
            format!(
                "add what tells one from the others, such as serial={}",
                found[0].1.serial_number()
            ),
        )),
    }
}

fn absent(wanted: &Token, seen: &[String]) -> Fault {
    let others = match seen {
        [] => "the module shows no token".to_owned(),
        labels => format!("the module shows {}", listed(labels)),
    };
    Fault::new(
        format!("the token is not there: {wanted}; {others}"),
        "plug it in or make it reachable, or correct the URI; `p11tool --list-tokens` shows what there is",
    )
    .reaching(Reach::Token)
}

/// A few names, for a message.
pub(super) fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    let mut list: Vec<_> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    if names.len() > MOST {
        list.push("others".to_owned());
    }
    list.join(", ")
}

fn check_library(pkcs11: &Pkcs11, wanted: &Token) -> Result<(), Fault> {
    let Token { library_manufacturer, library_description, library_version, .. } = wanted;
    if [library_manufacturer, library_description, library_version].iter().all(|it| it.is_none()) {
        return Ok(());
    }
    let info = pkcs11.get_library_info().map_err(|error| Fault::call("reading its name", error))?;
    let version = info.library_version();
    let fits = is(library_manufacturer, info.manufacturer_id())
        && is(library_description, info.library_description())
        && is(library_version, &format!("{}.{}", version.major(), version.minor()));
    match fits {
        true => Ok(()),
        false => Err(Fault::new(
            format!("the module is another than the `pkcs11:` URI asks for, with {wanted}"),
            "correct the library-… attributes, or name another module",
        )),
    }
}

fn is_meant(pkcs11: &Pkcs11, slot: Slot, info: &TokenInfo, wanted: &Token) -> bool {
    let is_slot = wanted.slot_id.is_none_or(|id| id == slot.id());
    let is_token = is(&wanted.label, info.label())
        && is(&wanted.manufacturer, info.manufacturer_id())
        && is(&wanted.serial, info.serial_number())
        && is(&wanted.model, info.model());
    if wanted.slot_manufacturer.is_none() && wanted.slot_description.is_none() {
        return is_slot && is_token;
    }
    let is_in = |slot: &cryptoki::slot::SlotInfo| {
        is(&wanted.slot_manufacturer, slot.manufacturer_id())
            && is(&wanted.slot_description, slot.slot_description())
    };
    is_slot && is_token && pkcs11.get_slot_info(slot).is_ok_and(|info| is_in(&info))
}

/// Whether an attribute is what is wanted. Modules pad with blanks.
fn is(wanted: &Option<String>, attribute: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted.trim_end() == attribute.trim_end())
}

/// Logs in, unless the token asks for no login or this process is logged in already.
///
/// A PIN that the token has refused is not tried again, and none when the token says that the next
/// wrong one is the last: tokens lock.
pub(super) fn login(
    module: &Module,
    context: &Context,
    slot: Slot,
    info: &TokenInfo,
    session: &Session,
    pin: &Pin,
) -> Result<(), Fault> {
    if !info.login_required() || is_logged_in(session)? {
        return Ok(());
    }
    let mut refused = module.refused_pins();
    // Another thread may have been first.
    if is_logged_in(session)? {
        return Ok(());
    }
    // As it is now, and not when the token was found.
    let info = context.pkcs11.get_token_info(slot).unwrap_or_else(|_| info.clone());
    if info.user_pin_locked() {
        return Err(locked());
    }
    if info.protected_authentication_path() {
        return logged_in(session.login(UserType::User, None));
    }
    let Some(digits) = pin.read()? else {
        return Err(Fault::new(
            format!("the token {:?} asks for a PIN, and none is configured", info.label()),
            "add pin-source=file:/path/of/pin to the `pkcs11:` URI, or give the PIN as the key's passphrase",
        ));
    };
    let mark = mark(&info, &digits);
    if refused.contains(&mark) {
        return Err(Fault::new(
            "the token has refused this PIN before, and it is not tried again",
            "correct the PIN: a token locks after a few wrong ones",
        ));
    }
    if info.user_pin_final_try() {
        return Err(Fault::new(
            "the token has one try for its PIN left, which is not used up here",
            "log in by hand with the right PIN, which gives the token its tries back",
        ));
    }
    match session.login_with_raw(UserType::User, &pin::raw(&digits)) {
        Err(error) if is_wrong_pin(&error) => {
            refused.insert(mark);
            Err(wrong_pin(context, slot, error))
        }
        outcome => logged_in(outcome),
    }
}

fn is_logged_in(session: &Session) -> Result<bool, Fault> {
    let info = session.get_session_info().map_err(|error| Fault::call("logging in", error))?;
    Ok(matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
}

fn logged_in(outcome: Result<(), ModuleError>) -> Result<(), Fault> {
    let Err(error) = outcome else { return Ok(()) };
    let ModuleError::Pkcs11(code, _) = &error else { return Err(Fault::call("logging in", error)) };
    let fault = match code {
        RvError::UserAlreadyLoggedIn => return Ok(()),
        RvError::PinLocked => locked(),
        RvError::PinExpired => Fault::new("the PIN of the token has expired", "set a new one"),
        RvError::UserPinNotInitialized => Fault::new(
            "the token has no PIN for its user yet",
            "set one with the token's own tool, such as `pkcs11-tool --init-pin`",
        ),
        RvError::UserAnotherAlreadyLoggedIn => Fault::new(
            "another user, such as the security officer, is logged in at the token",
            "log that one out",
        ),
        _ => return Err(Fault::call("logging in", error)),
    };
    Err(fault.because(error))
}

fn is_wrong_pin(error: &ModuleError) -> bool {
    matches!(
        error,
        ModuleError::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)
    )
}

fn wrong_pin(context: &Context, slot: Slot, error: ModuleError) -> Fault {
    let left = match context.pkcs11.get_token_info(slot) {
        Ok(info) if info.user_pin_locked() => "; it is locked now",
        Ok(info) if info.user_pin_final_try() => "; one try is left",
        Ok(info) if info.user_pin_count_low() => "; few tries are left",
        _ => "",
    };
    Fault::new(
        format!("the token refused the PIN{left}"),
        "correct the PIN; it is not tried again, because a token locks after a few wrong ones",
    )
    .because(error)
}

fn locked() -> Fault {
    Fault::new(
        "the PIN of the token is locked after too many wrong ones",
        "unlock it as its security officer, with the token's own tool",
    )
}

/// Tells a PIN of a token from others, and nothing else of it.
fn mark(info: &TokenInfo, pin: &[u8]) -> [u8; 32] {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(info.serial_number().as_bytes());
    hash.update(&[0]);
    hash.update(info.label().as_bytes());
    hash.update(&[0]);
    hash.update(pin);
    hash.finish()
}
