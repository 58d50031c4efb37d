//! The second layer: `OKTA_CLIENT_…`, in every spelling that the official SDKs use.

use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

use okta_introspect::{DpopMode, Secret};
use zeroize::Zeroizing;

use crate::error::SettingsError;
use crate::found::{Found, Origin, Source, expanded};
use crate::layer::Layer;
use crate::notation::{self, scope_words};
use crate::proxy::ProxyLayer;

/// Earlier names win. `OKTA_CLIENT_ISSUER` is ours; `OKTA_IDX_ISSUER` is how the SDKs for
/// sign-in name a custom authorization server.
const SERVER: [&str; 4] =
    ["OKTA_CLIENT_ISSUER", "OKTA_IDX_ISSUER", "OKTA_CLIENT_ORGURL", "OKTA_CLIENT_OKTADOMAIN"];
const CLIENT_ID: [&str; 1] = ["OKTA_CLIENT_CLIENTID"];
const KEY: [&str; 2] = ["OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_JWK"];
/// The spellings of Go, of Node, and of Python and Java.
const KEY_ID: [&str; 3] = ["OKTA_CLIENT_PRIVATEKEYID", "OKTA_CLIENT_KEYID", "OKTA_CLIENT_KID"];
const PASSPHRASE: [&str; 1] = ["OKTA_CLIENT_PRIVATEKEYPASSPHRASE"];
const SCOPES: [&str; 1] = ["OKTA_CLIENT_SCOPES"];
/// Here and below: Go's documents say the first, its code the second.
const TIMEOUT: [&str; 2] = ["OKTA_CLIENT_REQUESTTIMEOUT", "OKTA_CLIENT_REQUEST_TIMEOUT"];
const CONNECT_TIMEOUT: [&str; 2] =
    ["OKTA_CLIENT_CONNECTIONTIMEOUT", "OKTA_CLIENT_CONNECTION_TIMEOUT"];
const RETRIES: [&str; 2] =
    ["OKTA_CLIENT_RATELIMIT_MAXRETRIES", "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES"];
const MAX_BACKOFF: [&str; 2] =
    ["OKTA_CLIENT_RATELIMIT_MAXBACKOFF", "OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF"];
const DPOP: [&str; 1] = ["OKTA_CLIENT_DPOPENABLED"];
const PROXY_HOST: [&str; 1] = ["OKTA_CLIENT_PROXY_HOST"];
const PROXY_PORT: [&str; 1] = ["OKTA_CLIENT_PROXY_PORT"];
const PROXY_USERNAME: [&str; 1] = ["OKTA_CLIENT_PROXY_USERNAME"];
const PROXY_PASSWORD: [&str; 1] = ["OKTA_CLIENT_PROXY_PASSWORD"];
const CA_FILE: [&str; 1] = ["OKTA_CLIENT_CAFILE"];
const MODE: [&str; 1] = ["OKTA_CLIENT_AUTHORIZATIONMODE"];

/// Every name that is read.
pub fn names() -> Vec<&'static str> {
    [
        &SERVER[..],
        &CLIENT_ID,
        &KEY,
        &KEY_ID,
        &PASSPHRASE,
        &SCOPES,
        &TIMEOUT,
        &CONNECT_TIMEOUT,
        &RETRIES,
        &MAX_BACKOFF,
        &DPOP,
        &PROXY_HOST,
        &PROXY_PORT,
        &PROXY_USERNAME,
        &PROXY_PASSWORD,
        &CA_FILE,
        &MODE,
    ]
    .concat()
}

/// Reads the layer; `lookup` gives the value of a variable.
pub(crate) fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Layer, SettingsError> {
    let text = |names: &[&'static str]| first(&lookup, names);
    let seconds = |names: &[&'static str]| text(names)?.map(number).transpose();
    Ok(Layer {
        server: text(&SERVER)?.map(plain).transpose()?,
        auth_server: None,
        client_id: text(&CLIENT_ID)?.map(plain).transpose()?,
        key: text(&KEY)?.map(|found| found.map(|value| Source::key(value, Path::new("")))),
        key_id: text(&KEY_ID)?.map(plain).transpose()?,
        passphrase: text(&PASSPHRASE)?
            .map(|found| found.map(|value| Source::Text(Secret::new(value)))),
        algorithm: None,
        scopes: text(&SCOPES)?
            .map(plain)
            .transpose()?
            .map(|found| Found::new(scope_words(&found.value), found.origin)),
        timeout: seconds(&TIMEOUT)?,
        connect_timeout: seconds(&CONNECT_TIMEOUT)?,
        retries: text(&RETRIES)?.map(number).transpose()?,
        max_backoff: seconds(&MAX_BACKOFF)?,
        dpop: text(&DPOP)?.map(dpop).transpose()?,
        proxy: ProxyLayer {
            host: text(&PROXY_HOST)?.map(plain).transpose()?,
            port: text(&PROXY_PORT)?.map(number).transpose()?,
            username: text(&PROXY_USERNAME)?.map(plain).transpose()?,
            password: text(&PROXY_PASSWORD)?.map(|found| found.map(|value| Secret::new(value))),
        },
        ca_file: text(&CA_FILE)?.map(|found| found.map(|value| expanded(value.trim()))),
        mode: text(&MODE)?.map(plain).transpose()?,
    })
}

/// A variable's value, which may be a secret.
struct Variable {
    name: &'static str,
    value: Zeroizing<String>,
}

impl Variable {
    fn map<T>(self, f: impl FnOnce(&str) -> T) -> Found<T> {
        Found::new(f(&self.value), Origin::Variable(self.name))
    }
}

/// The first of `names` that is set. An empty variable counts as not set, as shells often leave
/// them.
fn first(
    lookup: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<Variable>, SettingsError> {
    for name in names {
        match lookup(name).map(OsString::into_string) {
            Some(Ok(value)) if value.trim().is_empty() => {}
            Some(Ok(value)) => return Ok(Some(Variable { name, value: Zeroizing::new(value) })),
            Some(Err(_)) => {
                return Err(SettingsError::new(format!("the variable {name} is not text"))
                    .advise("set it to UTF-8 text"));
            }
            None => {}
        }
    }
    Ok(None)
}

fn plain(variable: Variable) -> Result<Found<String>, SettingsError> {
    if notation::is_quoted(&variable.value) {
        let (name, quoted) = (variable.name, notation::QUOTED);
        return Err(SettingsError::new(format!("the value of the variable {name} {quoted}"))
            .advise("set it without them; docker takes the quotes of an env file for a part of the value"));
    }
    Ok(variable.map(|value| value.trim().to_owned()))
}

fn number<T: FromStr>(variable: Variable) -> Result<Found<T>, SettingsError> {
    match variable.value.trim().parse() {
        Ok(number) => Ok(Found::new(number, Origin::Variable(variable.name))),
        Err(_) => {
            Err(SettingsError::new(format!("the variable {} is not a number", variable.name))
                .advise("set it to a whole number"))
        }
    }
}

fn dpop(variable: Variable) -> Result<Found<DpopMode>, SettingsError> {
    match notation::dpop_mode(&variable.value) {
        Some(mode) => Ok(Found::new(mode, Origin::Variable(variable.name))),
        None => Err(SettingsError::new(format!("the variable {} is no DPoP mode", variable.name))
            .advise("set it to true, false or auto")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(variables: &[(&str, &str)]) -> Result<Layer, SettingsError> {
        read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn every_spelling_is_understood_and_named_as_found() {
        for name in KEY_ID {
            let found = layer(&[(name, "k1")]).unwrap().key_id.unwrap();
            assert_eq!((found.value.as_str(), found.origin), ("k1", Origin::Variable(name)));
        }
        for name in SERVER {
            assert!(layer(&[(name, "https://a.example")]).unwrap().server.is_some(), "{name}");
        }
        for name in TIMEOUT {
            assert_eq!(layer(&[(name, "7")]).unwrap().timeout.unwrap().value, 7, "{name}");
        }
        for name in RETRIES {
            assert_eq!(layer(&[(name, "1")]).unwrap().retries.unwrap().value, 1, "{name}");
        }
        for name in MAX_BACKOFF {
            assert_eq!(layer(&[(name, "9")]).unwrap().max_backoff.unwrap().value, 9, "{name}");
        }
        for name in CONNECT_TIMEOUT {
            assert_eq!(layer(&[(name, "0")]).unwrap().connect_timeout.unwrap().value, 0);
        }
    }

    #[test]
    fn an_empty_variable_is_not_set_and_hides_no_other() {
        let found = layer(&[("OKTA_CLIENT_PRIVATEKEYID", " "), ("OKTA_CLIENT_KID", "k1")]);
        assert_eq!(found.unwrap().key_id.unwrap().value, "k1");
    }

    #[test]
    fn scopes_may_be_separated_by_commas_and_blanks() {
        let found = layer(&[("OKTA_CLIENT_SCOPES", "a, b  c,d")]).unwrap();
        assert_eq!(found.scopes.unwrap().value, "a b c d");
    }

    #[test]
    fn a_key_is_told_from_the_path_of_one() {
        let key = |value| layer(&[("OKTA_CLIENT_PRIVATEKEY", value)]).unwrap().key.unwrap().value;
        assert!(
            matches!(key("dir/key.pem"), Source::File(path) if path == Path::new("dir/key.pem"))
        );
        assert!(matches!(key(" {\"kty\":\"EC\"}"), Source::Text(_)));
        let encoded = "QUJD/".repeat(30);
        for text in [
            "-----BEGIN PRIVATE KEY-----\\nAA\\n-----END PRIVATE KEY-----",
            "'-----BEGIN PRIVATE KEY----- AA -----END PRIVATE KEY-----'",
            "Bag Attributes\n-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----",
            &encoded,
        ] {
            assert!(matches!(key(text), Source::Text(_)), "{text}");
        }
    }

    #[test]
    fn a_timeout_that_is_no_number_is_refused_by_name() {
        let failure = layer(&[("OKTA_CLIENT_REQUESTTIMEOUT", "soon")]).unwrap_err();
        assert!(failure.to_string().contains("OKTA_CLIENT_REQUESTTIMEOUT"));
    }
}
