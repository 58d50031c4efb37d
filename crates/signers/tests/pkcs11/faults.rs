//! Each thing that can be wrong with a token is one clear error, and no PIN is in it.

use std::error::Error as _;
use std::fs;
use std::path::Path;

use okta_introspect::{Algorithm, Error, ErrorKind, KeyOptions, PublicJwk, Secret, SigningKey};
use okta_introspect_signers::pkcs11::Pkcs11Key;

use crate::token::{Kind, PIN, Token, with};

const WRONG: &str = "13571357";

fn open(uri: &str) -> Result<Pkcs11Key, Error> {
    Pkcs11Key::open(uri, &KeyOptions::default())
}

/// The whole text of an error, which is of kind `Key`, says what to do and no PIN.
fn told(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    assert!(!error.advice().is_empty(), "{error}");
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let text = format!("{error}: {cause}; {}; {error:?}", error.advice());
    for pin in [PIN, WRONG] {
        assert!(!text.contains(pin), "{text}");
    }
    text
}

fn assert_refused(uri: &str, says: &str) {
    let text = told(&open(uri).unwrap_err());
    assert!(text.contains(says), "{uri}: {text}");
}

fn file_uri(path: &Path) -> String {
    format!("&pin-source=file:{}", path.display())
}

#[test]
fn what_is_not_there_or_not_the_only_one_is_told() {
    let name = "faults::what_is_not_there_or_not_the_only_one_is_told";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("one", Algorithm::Es256, 0);
    let pin = file_uri(&token.folder.join("pin"));
    assert!(open(&token.uri("", &pin)).is_ok(), "the only key needs no name");
    token.make("two", Algorithm::Es256, 0);
    for (path, says) in [
        ("object=three", r#"no such private key: object "three"; the token shows"#),
        ("id=%99", "no such private key: id %99"),
        ("", "2 private keys are meant"),
        ("object=one;serial=1", r#"the token is not there: token "okta", serial "1""#),
        ("object=one;slot-id=987654", "not there"),
        ("object=one;library-manufacturer=Other", "another than"),
    ] {
        assert_refused(&token.uri(path, &pin), says);
    }
    let generate = |uri: &str| {
        Pkcs11Key::generate(uri, Algorithm::Es256, 2048, &KeyOptions::default()).unwrap_err()
    };
    assert!(told(&generate(&token.key_uri("one"))).contains("of this label already"));
    assert!(told(&generate(&token.uri("", &pin))).contains("no label"));
    let wrong = KeyOptions::default().algorithm(Algorithm::Rs256);
    assert!(
        told(&Pkcs11Key::open(&token.key_uri("one"), &wrong).unwrap_err()).contains("does not fit")
    );
}

#[test]
fn several_slots_are_told_apart_and_used_side_by_side() {
    let name = "faults::several_slots_are_told_apart_and_used_side_by_side";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.init_another("second");
    token.make("key", Algorithm::Es256, 0);
    let uri = token.key_uri("key").replace("token=okta", "token=second");
    Pkcs11Key::generate(&uri, Algorithm::Es384, 0, &KeyOptions::default()).unwrap();
    let first = token.open("key", &KeyOptions::default());
    let second = open(&uri).unwrap();
    for _ in 0..3 {
        for key in [&first, &second] {
            let signature = key.sign_blocking(b"input").unwrap();
            assert!(key.public_jwk().verifies(b"input", &signature));
        }
    }
    assert_refused(&token.key_uri("key").replace("token=okta;", ""), "2 tokens are meant");
}

#[test]
fn a_wrong_pin_is_tried_once() {
    let name = "faults::a_wrong_pin_is_tried_once";
    let Some(token) = with(Kind::Spied, name) else { return };
    token.make("key", Algorithm::Es256, 0);
    let path = token.folder.join("other");
    let uri = token.uri("object=key", &file_uri(&path));
    let logins = || {
        let log = fs::read_to_string(token.folder.join("spy.log")).unwrap();
        log.lines().filter(|line| line.ends_with(": C_Login")).count()
    };
    assert_refused(&uri, "cannot be read");
    fs::write(&path, "\n").unwrap();
    assert_refused(&uri, "the PIN is empty");
    let before = logins();
    fs::write(&path, WRONG).unwrap();
    assert_refused(&uri, "the token refused the PIN; few tries are left");
    for _ in 0..10 {
        assert_refused(&uri, "refused this PIN before, and it is not tried again");
    }
    assert_eq!(logins() - before, 1);
    // The PIN was corrected meanwhile.
    fs::write(&path, PIN).unwrap();
    assert!(open(&uri).is_ok());
    assert_eq!(logins() - before, 2);
}

#[test]
fn a_pin_is_asked_for_and_may_be_a_passphrase() {
    let name = "faults::a_pin_is_asked_for_and_may_be_a_passphrase";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("key", Algorithm::Es256, 0);
    let uri = token.uri("object=key", "");
    assert_refused(&uri, "asks for a PIN, and none is configured");
    assert_refused(&format!("{uri}&pin-source=env:NO_SUCH_VARIABLE"), "is not set");
    assert_refused(&format!("{uri}&pin-source=credential:pin"), "passed none on");
    assert_refused(&format!("{uri}&pin-value={PIN}"), "the PIN itself");
    let options = KeyOptions::default().passphrase(Secret::new(PIN));
    let key = Pkcs11Key::open(&uri, &options).unwrap();
    assert!(!format!("{key:?}").contains(PIN));
    assert!(format!("{key:?}").contains("okta"));
}

#[test]
fn files_that_are_no_modules_are_not_loaded() {
    assert_refused("pkcs11:?module-path=/etc/passwd", "cannot be loaded");
    assert_refused("pkcs11:?module-path=/nowhere/module.so", "cannot be found");
    assert_refused("pkcs11:?module-path=module.so", "not absolute");
    assert_refused("pkcs11:?module-name=no-such-module", "no PKCS#11 module of this name");
}

/// A token that tells nothing but the private key, as some do.
fn without_public_object(token: &Token, label: &str) {
    let module = cryptoki::context::Pkcs11::new("/usr/lib/softhsm/libsofthsm2.so").unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    let pin = cryptoki::types::RawAuthPin::new(Box::new(PIN.as_bytes().to_vec()));
    // Logged in by the key that is open.
    let _ = session.login_with_raw(cryptoki::session::UserType::User, &pin);
    let public = [
        cryptoki::object::Attribute::Class(cryptoki::object::ObjectClass::PUBLIC_KEY),
        cryptoki::object::Attribute::Label(label.into()),
    ];
    for object in session.find_objects(&public).unwrap() {
        session.destroy_object(object).unwrap();
    }
    assert!(token.folder.is_dir());
}

#[test]
fn the_public_half_may_be_in_a_file_and_has_to_belong_to_the_key() {
    let name = "faults::the_public_half_may_be_in_a_file_and_has_to_belong_to_the_key";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("key", Algorithm::Es256, 0);
    let key = token.open("key", &KeyOptions::default());
    let public: PublicJwk = key.public_jwk().clone();
    without_public_object(&token, "key");
    assert_refused(&token.key_uri("key"), "does not tell the public half");

    let path = token.folder.join("public.json");
    let uri = format!("{}&public-key-source=file:{}", token.key_uri("key"), path.display());
    assert_refused(&uri, "cannot be read");
    fs::write(&path, public.to_json()).unwrap();
    let key = open(&uri).unwrap();
    assert_eq!(key.public_jwk(), &public);
    key.sign_blocking(b"input").unwrap();

    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    fs::write(&path, other.public_jwk().to_json()).unwrap();
    let error = open(&uri).unwrap().sign_blocking(b"input").unwrap_err();
    assert!(told(&error).contains("does not fit the public half"));
}
