//! Tables of signatures, keys and forms, by the classes that Project Wycheproof has for JSON web
//! signatures and keys. Every case is made here, with keys of our own.

pub mod ecdsa;
pub mod form;
pub mod keys;
pub mod pkcs1;
pub mod pss;

/// A JWS, the keys to verify it with, and what must come of it: nothing, or the name of the
/// reason for its rejection.
pub struct Case {
    pub name: String,
    pub jws: String,
    pub keys: String,
    pub rejection: Option<&'static str>,
}

impl Case {
    pub fn valid(name: impl Into<String>, jws: impl Into<String>, keys: &str) -> Self {
        Self { name: name.into(), jws: jws.into(), keys: keys.to_owned(), rejection: None }
    }

    pub fn refused(
        name: impl Into<String>,
        jws: impl Into<String>,
        keys: &str,
        reason: &'static str,
    ) -> Self {
        let rejection = Some(reason);
        Self { name: name.into(), jws: jws.into(), keys: keys.to_owned(), rejection }
    }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = form::cases();
    cases.extend(pkcs1::cases());
    cases.extend(pss::cases());
    cases.extend(ecdsa::cases());
    cases.extend(keys::cases());
    cases
}
