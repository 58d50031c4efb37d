//! What the program needs to know, merged from every source:
//! flag > environment > `./okta.yaml` or `./.okta.yaml` > `~/.okta/okta.yaml` > running sandbox.

mod connection;
mod environment;
mod file;
mod layer;
mod proxy;
mod show;
mod suggest;

use std::path::Path;
use std::time::Duration;

use okta_introspect::{
    Algorithm, CircuitConfig, Client, ClientBuilder, DpopConfig, DpopMode, Error, ErrorKind,
    HttpConfig, Issuer, KeyOptions, Scopes, Secret, SigningKey,
};

use crate::failure::Failure;
use crate::files;
use crate::output;
use crate::storage::runtime_folder::{RuntimeFolder, SandboxRecord};
use crate::storage::token_cache::TokenCache;
use crate::text;

pub(crate) use connection::{DPOP_MODES, dpop_mode};
pub(crate) use layer::{Found, Layer, Origin, Source};
pub(crate) use show::Shown;

/// The merged settings. Each is checked when it is asked for, so that a command fails only for
/// what it uses.
#[derive(Debug)]
pub(crate) struct Settings {
    layer: Layer,
}

impl Settings {
    /// Lays what was typed over all other sources. Says so in a note if the sandbox is used.
    pub(crate) fn gather(flags: impl Into<Layer>) -> Result<Self, Failure> {
        let home = std::env::home_dir().map(|home| home.join(".okta").join("okta.yaml"));
        let mut layer = flags
            .into()
            .over(environment::read(|name| std::env::var_os(name))?)
            .over(file::read_first(&["okta.yaml".into(), ".okta.yaml".into()])?)
            .over(file::read_first(home.as_slice())?);
        suggest::note_variables(&environment::names());
        if layer.names_nobody()
            && let Some(sandbox) = sandbox()
        {
            output::note(format_args!(
                "nothing is configured: using the sandbox at {}",
                sandbox.issuer
            ));
            layer = layer.over(sandbox.into());
        }
        Ok(Self { layer })
    }

    /// The client that the settings describe. No request is sent.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.client_at(self.issuer()?)
    }

    /// The same app's client of the org server, also when a custom one is configured: management
    /// APIs take no other tokens.
    pub(crate) fn org_client(&self) -> Result<Client, Failure> {
        let org = Issuer::parse(self.issuer()?.org())?;
        self.client_at(org)
    }

    /// As [`org_client`](Self::org_client), with service tokens that outlive the command.
    pub(crate) fn org_client_with_cache(&self) -> Result<Client, Failure> {
        let org = Issuer::parse(self.issuer()?.org())?;
        let (client_id, key) = self.credentials()?;
        let cache = TokenCache::of(&org, client_id, &key)?;
        Ok(self.builder(org, client_id, key)?.token_store(cache).build()?)
    }

    /// A client for so many calls at once, which may wait for their turn unless a time limit is set.
    pub(crate) fn patient_client(
        &self,
        timeout: Duration,
        concurrency: usize,
    ) -> Result<Client, Failure> {
        let mut settings = Self { layer: self.layer.clone() };
        let patient = Found::new(timeout.as_secs(), Origin::Flag("--batch"));
        settings.layer.timeout.get_or_insert(patient);
        let (client_id, key) = settings.credentials()?;
        let builder = settings.builder(settings.issuer()?, client_id, key)?;
        Ok(builder.max_in_flight(concurrency).build()?)
    }

    /// A client that nobody knows: for what a server tells everybody.
    pub(crate) fn stranger(&self, issuer: Issuer) -> Result<Client, Failure> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let client = Client::builder(issuer, "stranger", key)
            .http(connection::http(&self.layer)?)
            .retry(connection::retry(&self.layer))
            .circuit(CircuitConfig::off());
        Ok(client.build()?)
    }

    /// The same app's client of another server of its org.
    pub(crate) fn client_at(&self, issuer: Issuer) -> Result<Client, Failure> {
        let (client_id, key) = self.credentials()?;
        Ok(self.builder(issuer, client_id, key)?.build()?)
    }

    fn credentials(&self) -> Result<(&str, SigningKey), Failure> {
        self.check_mode()?;
        Ok((self.client_id()?, self.key()?))
    }

    fn builder(
        &self,
        issuer: Issuer,
        client_id: &str,
        key: SigningKey,
    ) -> Result<ClientBuilder, Failure> {
        let dpop = self.layer.dpop.as_ref().map_or_else(DpopMode::default, |found| found.value);
        Ok(Client::builder(issuer, client_id, key)
            .http(connection::http(&self.layer)?)
            .retry(connection::retry(&self.layer))
            .dpop(DpopConfig::new(dpop))
            // A command ends with its call: there is nothing to be left alone for.
            .circuit(CircuitConfig::off()))
    }

    /// The private key.
    pub(crate) fn key(&self) -> Result<SigningKey, Failure> {
        let Some(key) = &self.layer.key else {
            return Err(missing(
                "private key",
                "--key-file, OKTA_CLIENT_PRIVATEKEY or okta.client.privateKey",
            ));
        };
        let options = self.key_options()?;
        let loaded = match &key.value {
            Source::Text(text) => {
                refuse_placeholder("private key", text.expose(), &key.origin)?;
                SigningKey::parse(text.expose().as_bytes(), &options)
            }
            Source::File(path) => {
                refuse_non_path(path, &key.origin)?;
                SigningKey::from_file(path, &options)
            }
        };
        loaded.map_err(|error| Failure::from(error).found_in(&key.origin))
    }

    /// Whether anything says which scopes to request.
    pub(crate) fn has_scopes(&self) -> bool {
        self.layer.scopes.is_some()
    }

    /// The scopes to request.
    pub(crate) fn scopes(&self) -> Result<Scopes, Failure> {
        let Some(scopes) = &self.layer.scopes else {
            return Err(missing("scope", "--scope, OKTA_CLIENT_SCOPES or okta.client.scopes"));
        };
        refuse_placeholder("scope", &scopes.value, &scopes.origin)?;
        Scopes::parse(&scopes.value).map_err(|error| Failure::from(error).found_in(&scopes.origin))
    }

    /// Puts an error into words; a sandbox that has ended needs others than a network that fails.
    pub(crate) fn explain(&self, error: Error) -> Failure {
        let kind = error.kind();
        let failure = Failure::from(error);
        let from_sandbox =
            self.layer.server.as_ref().is_some_and(|found| found.origin == Origin::Sandbox);
        if from_sandbox && kind == ErrorKind::Unreachable {
            return failure.during("the sandbox is not running").advise(
                "start it with `okta-introspect sandbox`, or name an org with --issuer, --client-id and --key-file",
            );
        }
        failure
    }

    /// How servers are reached.
    pub(crate) fn http(&self) -> Result<HttpConfig, Failure> {
        connection::http(&self.layer)
    }

    /// Where the server, the client id and the key are named.
    pub(crate) fn origins(&self) -> Origins<'_> {
        let layer = &self.layer;
        Origins {
            server: layer.server.as_ref().map(|found| &found.origin),
            key: layer.key.as_ref().map(|found| &found.origin),
            key_file: layer.key.as_ref().and_then(|found| match &found.value {
                Source::File(path) => Some(path.as_path()),
                Source::Text(_) => None,
            }),
        }
    }

    /// The authorization server.
    pub(crate) fn issuer(&self) -> Result<Issuer, Failure> {
        let Some(server) = &self.layer.server else {
            return Err(missing("issuer", "--issuer, OKTA_CLIENT_ORGURL or okta.client.orgUrl"));
        };
        let issuer = Issuer::parse(&server.value)
            .map_err(|error| Failure::from(error).found_in(&server.origin))?;
        match &self.layer.auth_server {
            Some(id) => custom_server(&issuer, id),
            None => Ok(issuer),
        }
    }

    /// The client id of the app.
    pub(crate) fn client_id(&self) -> Result<&str, Failure> {
        let Some(id) = &self.layer.client_id else {
            return Err(missing(
                "client id",
                "--client-id, OKTA_CLIENT_CLIENTID or okta.client.clientId",
            ));
        };
        refuse_placeholder("client id", &id.value, &id.origin)?;
        Ok(&id.value)
    }

    fn key_options(&self) -> Result<KeyOptions, Failure> {
        let mut options = KeyOptions::default();
        options.algorithm = self.layer.algorithm.as_ref().map(|found| found.value);
        if let Some(id) = &self.layer.key_id {
            refuse_placeholder("key id", &id.value, &id.origin)?;
            options.key_id = Some(id.value.clone());
        }
        options.passphrase = self.layer.passphrase.as_ref().map(passphrase).transpose()?;
        Ok(options)
    }

    /// The official SDKs authenticate in several ways; this command in one.
    fn check_mode(&self) -> Result<(), Failure> {
        let Some(mode) = &self.layer.mode else {
            return Ok(());
        };
        if ["PrivateKey", "JWK"].iter().any(|known| mode.value.eq_ignore_ascii_case(known)) {
            return Ok(());
        }
        let reason = match mode.value.to_ascii_lowercase().as_str() {
            "ssws" => "API tokens cannot introspect",
            "bearer" => "an access token cannot introspect",
            "jwt" => "a ready-made assertion is good for one request to one endpoint",
            _ => "it is not a known one",
        };
        Err(Failure::usage(format!("the authorization mode is {}, and {reason}", mode.value))
            .found_in(&mode.origin)
            .advise("set it to PrivateKey, and name the service app's client id and private key"))
    }
}

/// Where settings stand, for those who tell about them.
pub(crate) struct Origins<'a> {
    pub(crate) server: Option<&'a Origin>,
    pub(crate) key: Option<&'a Origin>,
    pub(crate) key_file: Option<&'a Path>,
}

impl From<SandboxRecord> for Layer {
    fn from(record: SandboxRecord) -> Self {
        fn found<T>(value: T) -> Option<Found<T>> {
            Some(Found::new(value, Origin::Sandbox))
        }
        Self {
            server: found(record.issuer),
            client_id: found(record.client_id),
            key: found(Source::File(record.key_file)),
            key_id: found(record.key_id),
            scopes: found(record.scopes.join(" ")),
            ca_file: record.ca_file.and_then(found),
            ..Self::default()
        }
    }
}

/// The last sandbox, unless its record leads away from this computer.
fn sandbox() -> Option<SandboxRecord> {
    let record = RuntimeFolder::locate().record()?;
    Issuer::parse(&record.issuer).ok()?.is_loopback().then_some(record)
}

/// The scopes of an environment variable or file, where SDKs separate them by blanks or commas.
fn scope_words(text: &str) -> String {
    let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn custom_server(issuer: &Issuer, id: &Found<String>) -> Result<Issuer, Failure> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !id.value.bytes().all(plain) {
        return Err(Failure::usage("this is not the id of a custom authorization server")
            .found_in(&id.origin)
            .advise("copy the id from the server's issuer, after /oauth2/, such as default"));
    }
    Issuer::parse(&format!("{}/oauth2/{}", issuer.org(), id.value))
        .map_err(|error| Failure::from(error).found_in(&id.origin))
}

fn passphrase(found: &Found<Source>) -> Result<Secret, Failure> {
    match &found.value {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => {
            let text = files::read_text(path).map_err(|cause| {
                unreadable("passphrase", path).because(&cause).found_in(&found.origin)
            })?;
            // Editors end files with a line break; passphrases do not.
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
    }
}

fn missing(what: &str, places: &str) -> Failure {
    Failure::usage(format!("no {what} was given"))
        .advise(format!("set {places} (in okta.yaml), or try `okta-introspect sandbox`"))
}

fn unreadable(what: &str, path: &Path) -> Failure {
    Failure::usage(format!("the file with the {what} cannot be read: {}", text::path(path)))
        .advise("check the path and the right to read it")
}

/// Refuses what documentation puts where a value belongs: `{clientId}`.
fn refuse_placeholder(what: &str, value: &str, origin: &Origin) -> Result<(), Failure> {
    if value.split_whitespace().any(is_placeholder) {
        return Err(Failure::usage(format!("the {what} is still a placeholder"))
            .found_in(origin)
            .advise("put the real value in its place"));
    }
    Ok(())
}

fn is_placeholder(word: &str) -> bool {
    let name = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// Refuses, without repeating it, what was taken for a path and is none: it may be a key in a
/// notation that was not recognised.
fn refuse_non_path(path: &Path, origin: &Origin) -> Result<(), Failure> {
    let typed = matches!(origin, Origin::Flag(_) | Origin::Sandbox);
    if typed || path.exists() {
        return Ok(());
    }
    Err(Failure::usage("the private key is neither PEM, nor a JWK, nor the path of a file")
        .found_in(origin)
        .advise("give a PEM text with `BEGIN PRIVATE KEY`, a JWK, or the path of a key file"))
}
