//! The layers that are texts: `OKTA_CLIENT_…`, and what the program gives.

use std::ffi::{OsStr, OsString};
use std::str::FromStr;

use okta_introspect::{Algorithm, DpopMode, Secret};
use zeroize::Zeroizing;

use crate::client_secret;
use crate::environment::Environment;
use crate::error::SettingsError;
use crate::found::{Found, Origin, Source};
use crate::layer::Layer;
use crate::notation::{self, scope_words};
use crate::proxy::ProxyLayer;
use crate::setting::Setting;
use crate::shared::{self, SharedLayer};

/// The variable that chooses a profile.
pub(crate) const PROFILE: &str = "OKTA_PROFILE";

/// The names of all variables that are read.
pub fn names() -> Vec<&'static str> {
    let settings = Setting::ALL.iter().flat_map(|setting| setting.variables()).copied();
    settings.chain([PROFILE]).collect()
}

/// A value that the program gives.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) setting: Setting,
    /// How the program calls it.
    pub(crate) name: &'static str,
    pub(crate) value: OsString,
}

/// Reads the layer of the variables.
pub(crate) fn read(environment: &Environment) -> Result<Layer, SettingsError> {
    let values = |setting: Setting| {
        let names = setting.variables().iter();
        let set = names.filter_map(|name| Some((Origin::Variable(name), environment.get(name)?)));
        set.collect::<Vec<_>>()
    };
    check_one(&values(Setting::KeyId))?;
    Texts { values, environment }.layer()
}

/// Refuses variables that mean one setting, and do not say the same.
fn check_one(values: &[(Origin, &OsStr)]) -> Result<(), SettingsError> {
    let set = values.iter().map(|(origin, value)| (origin, value.as_encoded_bytes().trim_ascii()));
    let mut set = set.filter(|(_, value)| !value.is_empty());
    let Some((first, value)) = set.next() else { return Ok(()) };
    match set.find(|(_, other)| *other != value) {
        None => Ok(()),
        Some((other, _)) => Err(SettingsError::new(format!(
            "two variables differ for one setting: {first} and {other}"
        ))
        .advise("keep one of them")),
    }
}

/// Reads the layer of what the program gives; later values win.
pub(crate) fn given(given: &[Given], environment: &Environment) -> Result<Layer, SettingsError> {
    let values = |setting: Setting| {
        let values = given.iter().rev().filter(|it| it.setting == setting);
        values.map(|it| (Origin::Flag(it.name), it.value.as_os_str())).collect()
    };
    Texts { values, environment }.layer()
}

/// The profile that the environment chooses.
pub(crate) fn profile(environment: &Environment) -> Result<Option<Found<String>>, SettingsError> {
    let value = environment.get(PROFILE).map(|value| (Origin::Variable(PROFILE), value));
    first(value)?.map(plain).transpose()
}

/// A source of texts. `values` gives those of a setting, the first of which counts.
struct Texts<'a, F> {
    values: F,
    environment: &'a Environment,
}

impl<'a, F: Fn(Setting) -> Vec<(Origin, &'a OsStr)>> Texts<'a, F> {
    fn layer(&self) -> Result<Layer, SettingsError> {
        let path = |text: &str| self.environment.path(text.trim());
        Ok(Layer {
            server: self.plain(Setting::Issuer)?,
            auth_server: self.plain(Setting::AuthServer)?,
            client_id: self.plain(Setting::ClientId)?,
            key: self.first(Setting::Key)?.map(|it| it.map(|key| Source::key(key, path))),
            secret: self.secret()?,
            key_id: self.plain(Setting::KeyId)?,
            passphrase: self
                .first(Setting::Passphrase)?
                .map(|it| it.map(|text| Source::Text(Secret::new(text)))),
            algorithm: self.first(Setting::Algorithm)?.map(algorithm).transpose()?,
            scopes: self
                .plain(Setting::Scopes)?
                .map(|found| Found::new(scope_words(&found.value), found.origin)),
            timeout: self.number(Setting::Timeout)?,
            connect_timeout: self.number(Setting::ConnectTimeout)?,
            retries: self.number(Setting::Retries)?,
            max_backoff: self.number(Setting::MaxBackoff)?,
            dpop: self.first(Setting::Dpop)?.map(dpop).transpose()?,
            proxy: ProxyLayer {
                host: self.plain(Setting::ProxyHost)?,
                port: self.number(Setting::ProxyPort)?,
                username: self.plain(Setting::ProxyUsername)?,
                password: self
                    .first(Setting::ProxyPassword)?
                    .map(|it| it.map(|text| Secret::new(text))),
            },
            ca_file: self.first(Setting::CaFile)?.map(|it| it.map(path)),
            shared: self.shared()?,
            mode: self.plain(Setting::AuthorizationMode)?,
        })
    }

    fn secret(&self) -> Result<Option<Found<Source>>, SettingsError> {
        let file = |text: &str| Source::File(self.environment.path(text.trim()));
        client_secret::one(
            self.first(Setting::ClientSecret)?.map(|text| text.map(|text| Secret::new(text))),
            self.first(Setting::ClientSecretFile)?.map(|text| text.map(file)),
        )
    }

    fn shared(&self) -> Result<SharedLayer, SettingsError> {
        let secret = |text: Text| text.map(|text| Secret::new(text));
        let file = |setting| {
            let path = |text: &str| Source::File(self.environment.path(text.trim()));
            Ok::<_, SettingsError>(self.first(setting)?.map(|text| text.map(path)))
        };
        Ok(SharedLayer {
            url: self.first(Setting::SharedUrl)?.map(|it| it.map(|url| Secret::new(url.trim()))),
            username: self.plain(Setting::SharedUsername)?,
            password: shared::password(
                self.first(Setting::SharedPassword)?.map(secret),
                file(Setting::SharedPasswordFile)?,
            )?,
            ca: file(Setting::SharedCaFile)?,
            secret: file(Setting::SharedSecretFile)?,
            previous_secret: file(Setting::SharedPreviousSecretFile)?,
        })
    }

    fn first(&self, setting: Setting) -> Result<Option<Text>, SettingsError> {
        first((self.values)(setting))
    }

    fn plain(&self, setting: Setting) -> Result<Option<Found<String>>, SettingsError> {
        self.first(setting)?.map(plain).transpose()
    }

    fn number<T: FromStr>(&self, setting: Setting) -> Result<Option<Found<T>>, SettingsError> {
        self.first(setting)?.map(number).transpose()
    }
}

/// A value, which may be a secret.
struct Text {
    origin: Origin,
    value: Zeroizing<String>,
}

impl Text {
    fn map<T>(self, f: impl FnOnce(&str) -> T) -> Found<T> {
        Found::new(f(&self.value), self.origin)
    }

    fn fault(&self, what: &str) -> SettingsError {
        fault(&self.origin, what)
    }
}

/// What is wrong with a value, which is not told.
fn fault(origin: &Origin, what: &str) -> SettingsError {
    let kind = if matches!(origin, Origin::Variable(_)) { "the variable " } else { "" };
    SettingsError::new(format!("{kind}{origin} {what}"))
}

/// The first value that is more than white space: shells often leave empty variables.
fn first<'a>(
    values: impl IntoIterator<Item = (Origin, &'a OsStr)>,
) -> Result<Option<Text>, SettingsError> {
    for (origin, value) in values {
        match value.to_str() {
            Some(value) if value.trim().is_empty() => {}
            Some(value) => {
                return Ok(Some(Text { origin, value: Zeroizing::new(value.to_owned()) }));
            }
            None => {
                return Err(fault(&origin, "is not text").advise("set it to UTF-8 text"));
            }
        }
    }
    Ok(None)
}

fn plain(text: Text) -> Result<Found<String>, SettingsError> {
    if notation::is_quoted(&text.value) {
        let what = match text.origin {
            Origin::Variable(name) => format!("the value of the variable {name} "),
            ref origin => format!("the value of {origin} "),
        };
        return Err(SettingsError::new(what + notation::QUOTED).advise(
            "set it without them; docker takes the quotes of an env file for a part of the value",
        ));
    }
    Ok(text.map(|value| value.trim().to_owned()))
}

fn number<T: FromStr>(text: Text) -> Result<Found<T>, SettingsError> {
    match text.value.trim().parse() {
        Ok(number) => Ok(Found::new(number, text.origin)),
        Err(_) => Err(text.fault("is not a number").advise("set it to a whole number")),
    }
}

fn dpop(text: Text) -> Result<Found<DpopMode>, SettingsError> {
    match notation::dpop_mode(&text.value) {
        Some(mode) => Ok(Found::new(mode, text.origin)),
        None => Err(text.fault("is no DPoP mode").advise("set it to true, false or auto")),
    }
}

fn algorithm(text: Text) -> Result<Found<Algorithm>, SettingsError> {
    match text.value.trim().parse() {
        Ok(algorithm) => Ok(Found::new(algorithm, text.origin)),
        Err(_) => Err(text.fault("is no algorithm").advise("set it to one such as ES256")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn layer(variables: &[(&str, &str)]) -> Result<Layer, SettingsError> {
        let empty = Environment::empty();
        read(&variables.iter().fold(empty, |it, (name, value)| it.variable(name, value)))
    }

    #[test]
    fn every_spelling_is_understood_and_named_as_found() {
        for name in Setting::KeyId.variables() {
            let found = layer(&[(name, "k1")]).unwrap().key_id.unwrap();
            assert_eq!((found.value.as_str(), found.origin), ("k1", Origin::Variable(name)));
        }
        for name in Setting::Issuer.variables() {
            assert!(layer(&[(name, "https://a.example")]).unwrap().server.is_some(), "{name}");
        }
        for name in Setting::Timeout.variables() {
            assert_eq!(layer(&[(name, "7")]).unwrap().timeout.unwrap().value, 7, "{name}");
        }
        for name in Setting::Retries.variables() {
            assert_eq!(layer(&[(name, "1")]).unwrap().retries.unwrap().value, 1, "{name}");
        }
        for name in Setting::MaxBackoff.variables() {
            assert_eq!(layer(&[(name, "9")]).unwrap().max_backoff.unwrap().value, 9, "{name}");
        }
        for name in Setting::ConnectTimeout.variables() {
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

    #[test]
    fn what_the_program_gives_is_read_as_variables_are_and_the_last_one_counts() {
        let give = |setting, value: &str| Given { setting, name: "--it", value: value.into() };
        let layer = given(
            &[
                give(Setting::ClientId, "first"),
                give(Setting::ClientId, " second "),
                give(Setting::AuthServer, "default"),
                give(Setting::Algorithm, "ES256"),
            ],
            &Environment::empty(),
        );
        let layer = layer.unwrap();
        assert_eq!(layer.client_id.unwrap().value, "second");
        assert_eq!(layer.auth_server.unwrap().origin, Origin::Flag("--it"));
        assert_eq!(layer.algorithm.unwrap().value, Algorithm::Es256);
        let wrong = given(&[give(Setting::Algorithm, "s3cret")], &Environment::empty());
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("--it") && !wrong.contains("s3cret"), "{wrong}");
    }
}
