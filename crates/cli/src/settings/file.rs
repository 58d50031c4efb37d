//! The lower layers: `okta.yaml` as the official SDKs have it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use okta_introspect::{DpopMode, Secret};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::error::SettingsError;
use super::found::{Found, Origin, Source};
use super::layer::Layer;
use super::misspelt;
use super::notation::{self, scope_words};
use super::proxy::ProxyLayer;

/// The longest settings file read, in bytes: the same limit as in Okta's Python SDK.
const MAX_LEN: u64 = 1024 * 1024;

/// Reads the first of `paths` that exists; an empty layer if none does.
pub(super) fn read_first(
    paths: &[PathBuf],
    note: &mut dyn FnMut(String),
) -> Result<Layer, SettingsError> {
    for path in paths {
        if let Some(text) = text(path)? {
            let layer = parse(&text, path)?;
            misspelt::members(&text, path).into_iter().for_each(note);
            return Ok(layer);
        }
    }
    Ok(Layer::default())
}

fn text(path: &Path) -> Result<Option<Zeroizing<String>>, SettingsError> {
    // Looked at before it is opened: opening a pipe waits for its writer.
    if path.metadata().is_ok_and(|file| !file.is_file()) {
        return Err(fault(path, "is not a regular file").advise("replace it, or remove it"));
    }
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|file| file.take(MAX_LEN + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > MAX_LEN => {
            Err(fault(path, "is longer than 1 MiB").advise("check that it is a settings file"))
        }
        Ok(_) => Ok(Some(text)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) if cause.kind() == ErrorKind::InvalidData => {
            Err(fault(path, "is not text").advise("check that it is a settings file"))
        }
        Err(cause) => Err(fault(path, "cannot be read")
            .because(&cause)
            .advise("give this user the right to read it, or remove it")),
    }
}

fn parse(text: &str, path: &Path) -> Result<Layer, SettingsError> {
    // Snippets would quote the file in the error, and with it the private key.
    let options = serde_saphyr::options! { with_snippet: false };
    let document: Option<Document> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|cause| match cause.location() {
            Some(place) => fault(
                path,
                &format!("is not valid at line {}, column {}", place.line(), place.column()),
            ),
            None => fault(path, "is not valid YAML"),
        })
        .map_err(|fault| {
            fault.advise("write `okta:`, below it `client:`, and the settings below that")
        })?;
    Ok(document.unwrap_or_default().okta.unwrap_or_default().into_layer(path))
}

fn fault(path: &Path, what: &str) -> SettingsError {
    SettingsError::new(format!("the settings file {} {what}", path.display()))
}

/// The file's root. Members that are not named here are other programs' settings.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    okta: Option<Okta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Okta {
    client: Option<Client>,
    idx: Option<Idx>,
}

/// `okta.idx`: where the SDKs for sign-in keep a custom authorization server.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Idx {
    issuer: Option<String>,
}

/// `okta.client`: a union of what the SDKs of all languages know.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Client {
    issuer: Option<String>,
    org_url: Option<String>,
    okta_domain: Option<String>,
    authorization_mode: Option<String>,
    client_id: Option<String>,
    private_key: Option<KeyMember>,
    jwk: Option<KeyMember>,
    private_key_id: Option<String>,
    key_id: Option<String>,
    kid: Option<String>,
    scopes: Option<ScopesMember>,
    request_timeout: Option<u64>,
    connection_timeout: Option<u64>,
    rate_limit: Option<RateLimit>,
    dpop_enabled: Option<DpopMember>,
    proxy: Option<ProxyMember>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RateLimit {
    max_retries: Option<u32>,
    max_backoff: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProxyMember {
    host: Option<String>,
    port: Option<u16>,
    username: Option<String>,
    password: Option<Secret>,
}

/// Whether DPoP is used; beside the SDKs' `true` and `false`, the words of `--dpop`.
#[derive(Clone, Copy)]
struct DpopMember(DpopMode);

impl<'de> Deserialize<'de> for DpopMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Member {
            Switch(bool),
            Word(String),
        }
        let word = match Member::deserialize(deserializer)? {
            Member::Switch(on) => on.to_string(),
            Member::Word(word) => word,
        };
        notation::dpop_mode(&word).map(Self).ok_or_else(|| D::Error::custom("no DPoP mode"))
    }
}

/// A key as text or, in .NET's manner, a JWK written out as YAML.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeyMember {
    Text(Secret),
    Jwk(Map<String, Value>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ScopesMember {
    Text(String),
    List(Vec<String>),
}

impl Okta {
    fn into_layer(self, path: &Path) -> Layer {
        let client = self.client.unwrap_or_default();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let at = |member| Origin::File { path: path.to_owned(), member };
        let text = |value: Option<String>, member| {
            let value = value.filter(|value| !value.trim().is_empty());
            value.map(|value| Found::new(value.trim().to_owned(), at(member)))
        };
        let key = |value: Option<KeyMember>, member| {
            value.and_then(|value| value.into_source(folder)).map(|key| Found::new(key, at(member)))
        };
        let seconds = |value: Option<u64>, member| value.map(|value| Found::new(value, at(member)));
        let rate_limit = client.rate_limit.unwrap_or_default();
        let proxy = client.proxy.unwrap_or_default();
        let scopes =
            client.scopes.map(|scopes| Found::new(scopes.words(), at("okta.client.scopes")));
        Layer {
            server: text(client.issuer, "okta.client.issuer")
                .or_else(|| text(self.idx.unwrap_or_default().issuer, "okta.idx.issuer"))
                .or_else(|| text(client.org_url, "okta.client.orgUrl"))
                .or_else(|| text(client.okta_domain, "okta.client.oktaDomain")),
            client_id: text(client.client_id, "okta.client.clientId"),
            key: key(client.private_key, "okta.client.privateKey")
                .or_else(|| key(client.jwk, "okta.client.jwk")),
            key_id: text(client.private_key_id, "okta.client.privateKeyId")
                .or_else(|| text(client.key_id, "okta.client.keyId"))
                .or_else(|| text(client.kid, "okta.client.kid")),
            scopes: scopes.filter(|found| !found.value.is_empty()),
            timeout: seconds(client.request_timeout, "okta.client.requestTimeout"),
            connect_timeout: seconds(client.connection_timeout, "okta.client.connectionTimeout"),
            retries: rate_limit
                .max_retries
                .map(|retries| Found::new(retries, at("okta.client.rateLimit.maxRetries"))),
            max_backoff: seconds(rate_limit.max_backoff, "okta.client.rateLimit.maxBackoff"),
            dpop: client.dpop_enabled.map(|mode| Found::new(mode.0, at("okta.client.dpopEnabled"))),
            proxy: ProxyLayer {
                host: text(proxy.host, "okta.client.proxy.host"),
                port: proxy.port.map(|port| Found::new(port, at("okta.client.proxy.port"))),
                username: text(proxy.username, "okta.client.proxy.username"),
                password: proxy
                    .password
                    .map(|password| Found::new(password, at("okta.client.proxy.password"))),
            },
            mode: text(client.authorization_mode, "okta.client.authorizationMode"),
            ..Layer::default()
        }
    }
}

impl KeyMember {
    fn into_source(self, folder: &Path) -> Option<Source> {
        match self {
            Self::Text(text) if text.expose().trim().is_empty() => None,
            Self::Text(text) => Some(Source::key(text.expose(), folder)),
            Self::Jwk(members) => {
                Some(Source::Text(Secret::new(Value::Object(members).to_string())))
            }
        }
    }
}

impl ScopesMember {
    fn words(self) -> String {
        match self {
            Self::Text(text) => scope_words(&text),
            Self::List(list) => scope_words(&list.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Result<Layer, SettingsError> {
        parse(text, Path::new("dir/okta.yaml"))
    }

    #[test]
    fn the_members_of_all_sdks_are_read_and_others_ignored() {
        let layer = layer(
            "okta:\n  client:\n    orgUrl: https://acme.okta.com/\n    clientId: 0oa1\n    \
             authorizationMode: PrivateKey\n    kid: k1\n    scopes: [a, 'b,c']\n    \
             privateKey: keys/app.pem\n    requestTimeout: 5\n    connectionTimeout: 0\n    \
             rateLimit: {maxRetries: 0, maxBackoff: 30, x: 1}\n    \
             token: x\n    dpopEnabled: true\n    proxy: {host: p.example, port: 1}\n  testing: {disableHttpsCheck: true}\nother: 1\n",
        )
        .unwrap();
        let server = layer.server.unwrap();
        assert_eq!(server.value, "https://acme.okta.com/");
        assert_eq!(server.origin.to_string(), "okta.client.orgUrl in dir/okta.yaml");
        assert_eq!(layer.client_id.unwrap().value, "0oa1");
        assert_eq!(layer.key_id.unwrap().origin.to_string(), "okta.client.kid in dir/okta.yaml");
        assert_eq!(layer.scopes.unwrap().value, "a b c");
        assert_eq!(layer.timeout.unwrap().value, 5);
        assert_eq!(layer.retries.unwrap().value, 0);
        assert_eq!(layer.max_backoff.unwrap().value, 30);
        assert_eq!(layer.dpop.unwrap().value, DpopMode::Always);
        assert_eq!(layer.proxy.host.unwrap().value, "p.example");
        assert!(matches!(
            layer.key.unwrap().value,
            Source::File(path) if path == Path::new("dir/keys/app.pem")
        ));
    }

    #[test]
    fn a_key_may_be_a_block_of_text_or_a_mapping() {
        for text in [
            "okta: {client: {privateKey: \"-----BEGIN X-----\\nAA\\n-----END X-----\"}}",
            "okta:\n  client:\n    privateKey: |\n      -----BEGIN X-----\n      AA\n",
            "okta: {client: {privateKey: {kty: EC, d: s3cret}}}",
            "okta: {client: {jwk: '{\"kty\":\"EC\"}'}}",
        ] {
            assert!(matches!(layer(text).unwrap().key.unwrap().value, Source::Text(_)), "{text}");
        }
    }

    #[test]
    fn a_file_without_settings_is_an_empty_layer() {
        for text in
            ["", "# nothing\n", "okta:\n", "okta:\n  client:\n", "okta: {client: {clientId: }}"]
        {
            assert!(layer(text).unwrap().names_no_app(), "{text}");
        }
    }

    #[test]
    fn a_malformed_file_is_named_and_never_quoted() {
        for text in [
            "okta: [s3cret",
            "okta:\n  client:\n    privateKey: [s3cret]",
            "okta:\n  client:\n    requestTimeout: s3cret",
            "s3cret",
            "okta:\n  client:\n\tclientId: s3cret",
            "okta: {client: {kid: s3cret1, kid: s3cret2}}",
            "okta: {client: {kid: *s3cret}}",
        ] {
            let message = layer(text).expect_err(text).to_string();
            assert!(message.contains("dir/okta.yaml"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
