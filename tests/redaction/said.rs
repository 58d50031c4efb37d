//! How everything is made to say what it can, and where the secrets are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::*;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::Value;
use test_support::Recorded;
use test_support::secrets::Secrets;

pub(crate) const JSON: &str = "application/json";
pub(crate) const CLIENT: &str = "0oa1service";
pub(crate) const PASSPHRASE: &str = "c0rrect horse battery staple";

/// A token with every character that one of the ways through a protocol writes differently.
pub(crate) const TOKEN: &str = "pr3sented/t0ken+must~never.show-anywhere_at_all=";

/// A value that is to say everything it can: `Debug` in both forms, and `Display` and JSON where
/// it has them. Where it has not, the methods of [`Silent`] answer instead.
pub(crate) struct Said<'a, T: ?Sized>(pub &'a T);

pub(crate) trait Silent {
    fn display(&self) -> String {
        String::new()
    }

    fn json(&self) -> String {
        String::new()
    }
}

impl<T: ?Sized> Silent for Said<'_, T> {}

impl<T: std::fmt::Debug + ?Sized> Said<'_, T> {
    pub(crate) fn debug(&self) -> String {
        format!("{:?}\n{:#?}\n", self.0, self.0)
    }
}

impl<T: std::fmt::Display + ?Sized> Said<'_, T> {
    pub(crate) fn display(&self) -> String {
        format!("{}\n{:#}\n", self.0, self.0)
    }
}

impl<T: serde::Serialize + ?Sized> Said<'_, T> {
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self.0).unwrap() + "\n"
    }
}

/// All that a value can say, as one text.
macro_rules! said {
    ($value:expr) => {{
        #[allow(unused_imports)] // nothing is left to the trait where a value says it all
        use $crate::said::{Said, Silent as _};
        let value = &$value;
        let said = Said(value);
        said.debug() + &said.display() + &said.json()
    }};
}
/// Everything that an error can be made to say.
pub(crate) fn told(error: &Error) -> String {
    let mut text = said!(*error) + error.advice();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("{cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    text.extend(error.refusal().map(|refusal| said!(*refusal)));
    text.extend(error.diagnosis().map(|diagnosis| said!(*diagnosis)));
    text.extend(error.attempts().map(|attempts| said!(*attempts)));
    text + &said!(error.kind())
}

/// Everything that an outcome says, be it as it was hoped or not.
pub(crate) fn outcome<T: std::fmt::Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?} {value:#?}"),
        Err(error) => told(error),
    }
}

pub(crate) fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(crate) fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub(crate) fn signing_key(key: &PKey<Private>, key_id: &str) -> SigningKey {
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    SigningKey::parse(&pem, &KeyOptions::default().key_id(key_id)).unwrap()
}

/// The private JWK of a key.
pub(crate) fn private_jwk(key: &PKey<Private>) -> Value {
    let mut jwk: Value =
        serde_json::from_str(&signing_key(key, "k1").public_jwk().to_json()).unwrap();
    let number = |bytes: Vec<u8>| Value::from(URL_SAFE_NO_PAD.encode(bytes));
    if let Ok(ec) = key.ec_key() {
        jwk["d"] = number(ec.private_key().to_vec_padded(32).unwrap());
        return jwk;
    }
    let rsa = key.rsa().unwrap();
    jwk["d"] = number(rsa.d().to_vec());
    let others = [rsa.p(), rsa.q(), rsa.dmp1(), rsa.dmq1(), rsa.iqmp()];
    for (name, value) in ["p", "q", "dp", "dq", "qi"].into_iter().zip(others) {
        jwk[name] = number(value.unwrap().to_vec());
    }
    jwk
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

pub(crate) fn token() -> Token {
    Token::parse(TOKEN).unwrap()
}

/// The token in a request.
pub(crate) fn presented(request: &Recorded) -> Option<String> {
    let header = request.header("authorization").and_then(|header| header.split_once(' '));
    request.form("token").or_else(|| header.map(|(_, token)| token.to_owned()))
}

/// A proof's payload may have a nonce, which is what the peer said, and so no secret.
fn add_proof(secrets: &mut Secrets, proof: &str) {
    let parts: Vec<_> = proof.split('.').collect();
    let payload = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    if payload["nonce"].is_string() {
        secrets.add("id of the proof", payload["jti"].as_str().unwrap());
        secrets.add("signature of the proof", parts[2]);
    } else {
        secrets.add_jwt("the proof", proof);
    }
}

/// Adds what is secret in these requests.
pub(crate) fn add_sent(secrets: &mut Secrets, requests: &[Recorded]) {
    for request in requests {
        if let Some(token) = presented(request) {
            secrets.add("the token", token);
        }
        if let Some(assertion) = request.form("client_assertion") {
            secrets.add_jwt("the assertion", &assertion);
        }
        if let Some(proof) = request.header("dpop") {
            add_proof(secrets, proof);
        }
    }
}
