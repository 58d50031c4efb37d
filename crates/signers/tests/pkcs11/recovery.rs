//! A token that is removed, and comes back.

use std::error::Error as _;
use std::fs;
use std::time::Duration;

use okta_introspect::{Algorithm, Error, ErrorKind, Signer as _};
use okta_introspect_signers::pkcs11::Pkcs11Key;
use rustix::process::{Pid, Signal, kill_process};

use crate::token::{Kind, PIN, start_tpm, with};

fn assert_is_of_the_key(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    assert!(!error.advice().is_empty(), "{error}");
    let cause = error.source().map(ToString::to_string);
    assert!(!format!("{error:?} {cause:?}").contains(PIN));
}

#[test]
fn soft_hsm_is_found_again_without_a_restart() {
    let name = "recovery::soft_hsm_is_found_again_without_a_restart";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("p256", Algorithm::Es256, 0);
    let (key, clock) = token.open_with_clock("p256");
    key.sign_blocking(b"before").unwrap();
    let (tokens, away) = (token.folder.join("tokens"), token.folder.join("away"));
    fs::rename(&tokens, &away).unwrap();
    fs::create_dir(&tokens).unwrap();
    let removed = key.sign_blocking(b"removed").unwrap_err();
    assert_is_of_the_key(&removed);
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&away, &tokens).unwrap();
    // The module is left alone for a second after it was initialised again.
    clock.advance(Duration::from_millis(999));
    assert_is_of_the_key(&key.sign_blocking(b"too early").unwrap_err());
    clock.advance(Duration::from_millis(1));
    let signature = key.sign_blocking(b"back").unwrap();
    assert!(key.public_jwk().verifies(b"back", &signature));
}

#[test]
fn a_tpm_is_found_again_without_a_restart() {
    let name = "recovery::a_tpm_is_found_again_without_a_restart";
    let Some(token) = with(Kind::Tpm, name) else { return };
    token.make("p256", Algorithm::Es256, 0);
    let (key, clock) = token.open_with_clock("p256");
    key.sign_blocking(b"before").unwrap();
    let pid = fs::read_to_string(token.folder.join("pid")).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    assert_is_of_the_key(&key.sign_blocking(b"removed").unwrap_err());
    let mut tpm = start_tpm(&token.folder);
    clock.advance(Duration::from_secs(1));
    let signature = key.sign_blocking(b"back").unwrap();
    assert!(key.public_jwk().verifies(b"back", &signature));
    tpm.kill().unwrap();
    tpm.wait().unwrap();
}

/// What a server with a busy token meets: all that wait get an error, and go on when it is back.
#[test_support::test(multi_thread)]
async fn a_hundred_meet_the_removal_and_go_on_after_it() {
    let name = "recovery::a_hundred_meet_the_removal_and_go_on_after_it";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("p256", Algorithm::Es256, 0);
    let (key, clock) = token.open_with_clock("p256");
    let (tokens, away) = (token.folder.join("tokens"), token.folder.join("away"));
    fs::rename(&tokens, &away).unwrap();
    fs::create_dir(&tokens).unwrap();
    assert_eq!(signed(&key).await, 0);
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&away, &tokens).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(signed(&key).await, 100);
}

/// How many of a hundred signatures at once are made.
async fn signed(key: &Pkcs11Key) -> usize {
    let signing = |index: usize| {
        let key = key.clone();
        tokio::spawn(async move {
            let input = format!("input {index}");
            let signature = key.sign(input.as_bytes()).await.ok()?;
            assert!(key.public_jwk().verifies(input.as_bytes(), &signature));
            Some(())
        })
    };
    let mut made = 0;
    for signature in (0..100).map(signing).collect::<Vec<_>>() {
        made += usize::from(signature.await.unwrap().is_some());
    }
    made
}

/// Another program may log this one out, or end its sessions.
#[test]
fn sessions_that_ended_are_opened_again() {
    let name = "recovery::sessions_that_ended_are_opened_again";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("p256", Algorithm::Es256, 0);
    let (key, _) = token.open_with_clock("p256");
    let (other, _) = token.open_with_clock("p256");
    key.sign_blocking(b"before").unwrap();
    let module = cryptoki::context::Pkcs11::new("/usr/lib/softhsm/libsofthsm2.so").unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let session = module.open_ro_session(slot).unwrap();
    session.logout().unwrap();
    for key in [&key, &other] {
        let signature = key.sign_blocking(b"logged out").unwrap();
        assert!(key.public_jwk().verifies(b"logged out", &signature));
    }
    module.finalize().unwrap();
    for key in [&key, &other] {
        let signature = key.sign_blocking(b"not initialised").unwrap();
        assert!(key.public_jwk().verifies(b"not initialised", &signature));
    }
}
