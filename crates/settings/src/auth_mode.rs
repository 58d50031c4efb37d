//! How the app authenticates, as `authorizationMode` has it.

use okta_introspect::HmacAlgorithm;

use crate::error::SettingsError;
use crate::found::Found;
use crate::text;

/// How the app authenticates.
///
/// `PrivateKey` and `JWK` are words of Okta's SDKs; the others are the registered names of OpenID
/// Connect, which Okta's API has as `token_endpoint_auth_method`. Capital and small letters are the same.
///
/// # Example: every word
///
/// ```
/// use okta_introspect_settings::AuthMode;
///
/// for word in AuthMode::WORDS {
///     assert!(AuthMode::parse(word).is_some());
/// }
/// assert_eq!(AuthMode::parse("JWK"), Some(AuthMode::PrivateKeyJwt));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthMode {
    /// By a private key: `PrivateKey`, `JWK` or `private_key_jwt`.
    PrivateKeyJwt,
    /// By the client secret in the `Authorization` header: `client_secret_basic`.
    ClientSecretBasic,
    /// By the client secret in the form: `client_secret_post`.
    ClientSecretPost,
    /// By a JWT that the client secret signs: `client_secret_jwt`, which is HS256, or
    /// `client_secret_jwt:HS384` and `client_secret_jwt:HS512`.
    ClientSecretJwt(HmacAlgorithm),
    /// By nothing but the client id: `none`.
    None,
}

impl AuthMode {
    /// Every word for a mode, those of Okta's SDKs first.
    pub const WORDS: [&str; 9] = [
        "PrivateKey",
        "JWK",
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "client_secret_jwt:HS384",
        "client_secret_jwt:HS512",
        "none",
    ];

    /// Reads a word; `None` if it is another.
    pub fn parse(word: &str) -> Option<Self> {
        let (mode, algorithm) = match word.split_once(':') {
            Some((mode, algorithm)) => (mode, Some(algorithm)),
            None => (word, None),
        };
        let is = |known: &str| mode.eq_ignore_ascii_case(known);
        if is("client_secret_jwt") {
            let name = algorithm.map(str::to_ascii_uppercase);
            let algorithm = name.map_or(Ok(HmacAlgorithm::Hs256), |name| name.parse());
            return algorithm.ok().map(Self::ClientSecretJwt);
        }
        Some(match algorithm {
            Some(_) => return None,
            None if is("PrivateKey") || is("JWK") || is("private_key_jwt") => Self::PrivateKeyJwt,
            None if is("client_secret_basic") => Self::ClientSecretBasic,
            None if is("client_secret_post") => Self::ClientSecretPost,
            None if is("none") => Self::None,
            None => return None,
        })
    }

    /// Its registered name, with the algorithm if that is not the default.
    pub fn word(self) -> &'static str {
        match self {
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt(HmacAlgorithm::Hs384) => "client_secret_jwt:HS384",
            Self::ClientSecretJwt(HmacAlgorithm::Hs512) => "client_secret_jwt:HS512",
            Self::ClientSecretJwt(_) => "client_secret_jwt",
            Self::None => "none",
        }
    }

    /// Whether it takes a client secret.
    pub(crate) fn takes_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt(_))
    }
}

/// Reads the setting. The SDKs have modes that are none for this crate.
pub(crate) fn read(mode: &Found<String>) -> Result<AuthMode, SettingsError> {
    if let Some(known) = AuthMode::parse(&mode.value) {
        return Ok(known);
    }
    let reason = match mode.value.to_ascii_lowercase().as_str() {
        "ssws" => "API tokens cannot introspect",
        "bearer" => "an access token cannot introspect",
        "jwt" => "a ready-made assertion is good for one request to one endpoint",
        _ => "it is not a known one",
    };
    let shown = text::setting(&mode.value);
    Err(SettingsError::new(format!("the authorization mode is {shown}, and {reason}"))
        .found_in(&mode.origin)
        .advise(
            "set it to PrivateKey, and name the service app's client id and private key; or to \
             client_secret_basic, client_secret_post, client_secret_jwt or none, as the app is set",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_whatever_their_letters_and_no_others() {
        for (word, mode) in [
            ("privatekey", Some(AuthMode::PrivateKeyJwt)),
            ("jwk", Some(AuthMode::PrivateKeyJwt)),
            ("Client_Secret_Basic", Some(AuthMode::ClientSecretBasic)),
            ("client_secret_jwt", Some(AuthMode::ClientSecretJwt(HmacAlgorithm::Hs256))),
            ("client_secret_jwt:HS256", Some(AuthMode::ClientSecretJwt(HmacAlgorithm::Hs256))),
            ("client_secret_jwt:hs512", Some(AuthMode::ClientSecretJwt(HmacAlgorithm::Hs512))),
            ("None", Some(AuthMode::None)),
            ("client_secret_jwt:RS256", None),
            ("client_secret_jwt:", None),
            ("client_secret_basic:HS256", None),
            ("SSWS", None),
            ("", None),
        ] {
            assert_eq!(AuthMode::parse(word), mode, "{word}");
            assert_eq!(mode.and_then(|mode| AuthMode::parse(mode.word())), mode);
        }
    }
}
