//! What must hold for any input. The fuzz targets call these with the fuzzer's inputs, and the
//! test `fuzz_corpus` of the main package with the committed ones.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use chrono::DateTime;
use okta_introspect::verify::signature_only;
use okta_introspect::{
    Algorithm, Error, IdTokenClaims, Introspection, InvalidToken, Issuer, JwkSet, Jwks, KeyOptions,
    ManualClock, SigningKey, Token, Verification, Verifier,
};

/// The time at which the tokens of the corpus are good.
pub const NOW: i64 = 1_795_211_259;

const ISSUER: &str = "https://acme.okta.com/oauth2/default";

struct Verifiers {
    keys: JwkSet,
    access: Verifier,
    id: Verifier<IdTokenClaims>,
}

/// With the sample keys, so that tokens of the corpus verify and mutations of them do not.
static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let jwk = |pem: &[u8], algorithm, key_id: &str| {
        let options = KeyOptions::default().algorithm(algorithm).key_id(key_id);
        SigningKey::parse(pem, &options).unwrap().public_jwk().to_json()
    };
    let document = format!(
        r#"{{"keys":[{},{}]}}"#,
        jwk(include_bytes!("../../keys/sample-rsa-2048.pem"), Algorithm::Rs256, "k1"),
        jwk(include_bytes!("../../keys/sample-p256.pem"), Algorithm::Es256, "k2"),
    );
    let keys = JwkSet::parse(document.as_bytes()).unwrap();
    let issuer = || Issuer::parse(ISSUER).unwrap();
    let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
    let algorithms = [Algorithm::Rs256, Algorithm::Es256];
    Verifiers {
        access: Verifier::access_token(issuer(), "api://default")
            .algorithms(algorithms)
            .keys(Jwks::fixed(keys.clone()))
            .clock(clock.clone())
            .build()
            .unwrap(),
        id: Verifier::id_token(issuer(), "0oa1client")
            .algorithms(algorithms)
            .keys(Jwks::fixed(keys.clone()))
            .clock(clock)
            .build()
            .unwrap(),
        keys,
    }
});

/// A presented token: refused or verified, never a panic; no refusal shows what was presented;
/// and whatever is verified as a token has a good signature.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Token::parse(text) {
        Ok(token) => {
            let is_b64 = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
            assert!(token.expose() == text && text.chars().all(is_b64), "not a b64token");
        }
        Err(error) => discreet_error(&error, data),
    }
    let verifiers = &*VERIFIERS;
    let signature = signature_only(text, &verifiers.keys);
    discreet(&signature, text);
    let access = now_or_never(verifiers.access.verify(text)).unwrap();
    discreet(&access, text);
    let id = now_or_never(verifiers.id.verify(text, None)).unwrap();
    discreet(&id, text);
    let with_nonce = now_or_never(verifiers.id.verify(text, Some("n"))).unwrap();
    assert!(!(id.is_verified() && with_nonce.is_verified()), "with and without a nonce");
    assert!(!(access.is_verified() && id.is_verified()), "of both kinds");
    if access.is_verified() || id.is_verified() {
        assert!(signature.is_verified(), "no good signature");
    }
}

/// The body of an introspection answer: an error, or an answer whose listed members stay the same
/// when it is written and read again, and which is active only by the word itself.
pub fn introspection(data: &[u8]) {
    let Ok(mut answer) = serde_json::from_slice::<Introspection>(data) else { return };
    if answer.active {
        assert!(data.windows(4).any(|word| word == b"true"));
    }
    // serde_json is not exact in the last digit of long fractions, which only these can have.
    answer.extra.clear();
    if let Some(confirmation) = &mut answer.cnf {
        confirmation.extra.clear();
    }
    let written = serde_json::to_vec(&answer).unwrap();
    let again: Introspection = serde_json::from_slice(&written).unwrap();
    assert_eq!(again, answer);
}

/// A key document: an error, or a set whose keys are counted right.
pub fn keys(data: &[u8]) {
    let Ok(set) = JwkSet::parse(data) else { return };
    assert!(set.len() <= JwkSet::MAX_KEYS);
    assert_eq!(set.usable() + set.faults().count(), set.len());
    assert_eq!(set.thumbprints().count(), set.usable());
}

/// The text of a private key: an error that repeats nothing of it, or a key that signs and that is
/// the same when its public half is read as a key set.
pub fn private_keys(data: &[u8]) {
    let key = match SigningKey::parse(data, &KeyOptions::default()) {
        Ok(key) => key,
        Err(error) => return discreet_error(&error, data),
    };
    assert!(key.sign_blocking(b"input").is_ok(), "a key that does not sign");
    assert!(std::str::from_utf8(data).is_ok_and(SigningKey::is_key) || !data.is_ascii());
    let Ok(set) = JwkSet::parse(key.public_jwk().to_json().as_bytes()) else {
        panic!("the public half is no JWK");
    };
    // Own keys may be larger, or have a larger exponent, than is taken from a server.
    for (_, thumbprint) in set.thumbprints() {
        assert_eq!(thumbprint, key.public_jwk().thumbprint());
    }
}

/// No error repeats a word of the input that is long enough to be a secret.
fn discreet_error(error: &Error, data: &[u8]) {
    let said = format!("{error} {} {error:?}", error.advice());
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    for word in said.split(|c| !is_inner(c)).filter(|word| word.len() > 24) {
        assert!(!data.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
    }
}

/// No refusal repeats a token that is long enough to be one.
fn discreet<C>(verification: &Verification<C>, token: &str) {
    let Some(rejection) = verification.reason() else { return };
    let said = format!("{rejection} {rejection:?} {}", serde_json::to_string(rejection).unwrap());
    let signature = token.rsplit('.').next().unwrap_or_default();
    assert!(signature.len() < 40 || !said.contains(signature), "{}", name(rejection));
}

fn name(rejection: &InvalidToken) -> String {
    serde_json::to_value(rejection).unwrap()["reason"].to_string()
}

/// Runs a future that never has to wait: the keys are fixed.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("fixed keys need not be waited for"),
    }
}
