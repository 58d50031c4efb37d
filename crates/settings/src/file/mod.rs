//! The lower layers: `okta.yaml` as the official SDKs have it.

mod malformed;
mod member;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use okta_introspect::Secret;
use serde::Deserialize;

use member::{DpopMember, KeyMember, NumberMember, ScopesMember, SharedMember, SharedMembers};
pub(crate) use read::{fault, text};

use crate::client_secret;
use crate::environment::Environment;
use crate::error::SettingsError;
use crate::found::{Found, Origin, Place, Source};
use crate::layer::Layer;
use crate::notation;
use crate::proxy::ProxyLayer;
use crate::shared::{self, SharedLayer};
use crate::suspect::{self, Suspect};

/// What a settings file says.
#[derive(Clone, Debug)]
pub(crate) struct SettingsFile {
    pub(crate) path: PathBuf,
    /// `okta.client`.
    pub(crate) client: Layer,
    /// `okta.profiles`, by their names.
    pub(crate) profiles: BTreeMap<String, Layer>,
    /// `okta.profile`: the profile that is used where none is chosen otherwise.
    pub(crate) profile: Option<Found<String>>,
}

impl SettingsFile {
    /// Reads the first settings file of a place; `None` if there is none. What looks like a
    /// setting, and is none, goes to `suspects`.
    pub(crate) fn read_first(
        place: Place,
        environment: &Environment,
        suspects: &mut Vec<Suspect>,
    ) -> Result<Option<Self>, SettingsError> {
        for path in place.candidates(environment) {
            if let Some(file) = Self::read(path, place, environment, suspects)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Reads the file at `path`; `None` if there is none.
    pub(crate) fn read(
        path: PathBuf,
        place: Place,
        environment: &Environment,
        suspects: &mut Vec<Suspect>,
    ) -> Result<Option<Self>, SettingsError> {
        let Some(text) = text(&path, place)? else { return Ok(None) };
        let file = Self::parse(&text, path, place, environment)?;
        let names_no_app = file.client.names_no_app() && file.profiles.is_empty();
        suspects.extend(suspect::in_file(&text, &file.path, names_no_app));
        Ok(Some(file))
    }

    /// Reads the text of a file.
    pub(crate) fn parse(
        text: &str,
        path: PathBuf,
        place: Place,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        // Snippets would quote the file in the error, and with it the private key.
        let options = serde_saphyr::options! { with_snippet: false };
        let document: Option<Document> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|cause| malformed::explain(text, &path, &cause))?;
        let document = document.unwrap_or_default();
        let okta = document.okta.unwrap_or_default();
        let (profiles, root) = match (okta.profiles, document.profiles) {
            (Some(_), Some(_)) => {
                return Err(fault(&path, "has the profiles twice: at its root and below okta")
                    .advise("keep those below okta"));
            }
            (None, Some(profiles)) => (profiles, "profiles"),
            (profiles, None) => (profiles.unwrap_or_default(), "okta.profiles"),
        };
        let members = |place_in_file: String, profile| Members {
            path: &path,
            place,
            environment,
            place_in_file,
            profile,
        };
        let mut layers = BTreeMap::new();
        for (name, profile) in profiles {
            check_name(&path, &name)?;
            let members = members(format!("{root}.{name}"), Some(name.clone()));
            layers.insert(name, profile.unwrap_or_default().into_layer(None, &members)?);
        }
        let chosen = members("okta".to_owned(), None).first_text([(okta.profile, "profile")])?;
        let own = members("okta.client".to_owned(), None);
        let client = okta.client.unwrap_or_default().into_layer(okta.idx, &own)?;
        Ok(Self { path, client, profiles: layers, profile: chosen })
    }

    /// The layer of a profile; `default` is `okta.client`, if that names an app.
    pub(crate) fn get(&self, profile: &str) -> Option<&Layer> {
        match profile {
            DEFAULT_PROFILE => Some(&self.client).filter(|layer| !layer.names_no_app()),
            _ => self.profiles.get(profile),
        }
    }

    /// The profiles with their names, that of `okta.client` first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Layer)> {
        let default = self.get(DEFAULT_PROFILE).map(|layer| (DEFAULT_PROFILE, layer));
        let profiles = self.profiles.iter().map(|(name, layer)| (name.as_str(), layer));
        default.into_iter().chain(profiles)
    }
}

fn check_name(path: &Path, name: &str) -> Result<(), SettingsError> {
    if name == DEFAULT_PROFILE {
        return Err(fault(path, "has a profile `default`, which is the name of okta.client")
            .advise("give the profile another name, or make it okta.client"));
    }
    match notation::is_profile_name(name) {
        true => Ok(()),
        false => {
            Err(fault(path, "has a profile whose name is none").advise(notation::PROFILE_NAME))
        }
    }
}

/// The name of `okta.client` among the profiles.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// The file's root. Members that are not named here are other programs' settings.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    okta: Option<Okta>,
    profiles: Option<Profiles>,
}

type Profiles = BTreeMap<String, Option<Client>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Okta {
    client: Option<Client>,
    idx: Option<Idx>,
    profile: Option<String>,
    profiles: Option<Profiles>,
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
    client_secret: Option<Secret>,
    client_secret_file: Option<String>,
    private_key: Option<KeyMember>,
    jwk: Option<KeyMember>,
    private_key_id: Option<String>,
    key_id: Option<String>,
    kid: Option<String>,
    scopes: Option<ScopesMember>,
    request_timeout: Option<NumberMember>,
    connection_timeout: Option<NumberMember>,
    rate_limit: Option<RateLimit>,
    dpop_enabled: Option<DpopMember>,
    proxy: Option<ProxyMember>,
    shared: Option<SharedMember>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RateLimit {
    max_retries: Option<NumberMember>,
    max_backoff: Option<NumberMember>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProxyMember {
    host: Option<String>,
    port: Option<NumberMember>,
    username: Option<String>,
    password: Option<Secret>,
}

impl Client {
    fn into_layer(self, idx: Option<Idx>, members: &Members<'_>) -> Result<Layer, SettingsError> {
        let client = self;
        let limits = client.rate_limit.unwrap_or_default();
        let idx = idx.unwrap_or_default();
        Ok(Layer {
            server: members.first_text([
                (client.issuer, "issuer"),
                (idx.issuer, "okta.idx.issuer"),
                (client.org_url, "orgUrl"),
                (client.okta_domain, "oktaDomain"),
            ])?,
            client_id: members.first_text([(client.client_id, "clientId")])?,
            key: match members.key(client.private_key, "privateKey")? {
                Some(key) => Some(key),
                None => members.key(client.jwk, "jwk")?,
            },
            secret: client_secret::one(
                members.read("clientSecret", client.client_secret, member::secret)?,
                members.sent_file("clientSecretFile", client.client_secret_file)?,
            )?,
            key_id: members.one_text([
                (client.private_key_id, "privateKeyId"),
                (client.key_id, "keyId"),
                (client.kid, "kid"),
            ])?,
            scopes: members.read("scopes", client.scopes, |it| it.words())?,
            timeout: members.number("requestTimeout", client.request_timeout)?,
            connect_timeout: members.number("connectionTimeout", client.connection_timeout)?,
            retries: members.number("rateLimit.maxRetries", limits.max_retries)?,
            max_backoff: members.number("rateLimit.maxBackoff", limits.max_backoff)?,
            dpop: members.read("dpopEnabled", client.dpop_enabled, |it| it.mode())?,
            proxy: client.proxy.unwrap_or_default().into_layer(members)?,
            shared: members.shared(client.shared)?,
            mode: members.first_text([(client.authorization_mode, "authorizationMode")])?,
            ..Layer::default()
        })
    }
}

impl ProxyMember {
    fn into_layer(self, members: &Members<'_>) -> Result<ProxyLayer, SettingsError> {
        let password = self.password.filter(|password| !password.expose().is_empty());
        Ok(ProxyLayer {
            host: members.first_text([(self.host, "proxy.host")])?,
            port: members.number("proxy.port", self.port)?,
            username: members.first_text([(self.username, "proxy.username")])?,
            password: password.map(|password| Found::new(password, members.at("proxy.password"))),
        })
    }
}

/// Reads the members of one file, and names the one that is wrong.
struct Members<'a> {
    path: &'a Path,
    place: Place,
    environment: &'a Environment,
    /// Where the members stand, such as `okta.client`.
    place_in_file: String,
    profile: Option<String>,
}

impl Members<'_> {
    fn at(&self, member: &str) -> Origin {
        let (path, place, profile) = (self.path.to_owned(), self.place, self.profile.clone());
        Origin::File { path, place, profile, member: self.full_name(member) }
    }

    fn full_name(&self, member: &str) -> String {
        match member.starts_with("okta.") {
            true => member.to_owned(),
            false => format!("{}.{member}", self.place_in_file),
        }
    }

    fn read<M, T>(
        &self,
        name: &str,
        member: Option<M>,
        read: impl FnOnce(M) -> Result<Option<T>, &'static str>,
    ) -> Result<Option<Found<T>>, SettingsError> {
        let Some(member) = member else { return Ok(None) };
        let value = read(member).map_err(|wrong| {
            let what = fault(self.path, &format!("is wrong: {} {wrong}", self.full_name(name)));
            what.advise(match name.rsplit('.').next().unwrap_or(name) {
                "dpopEnabled" => "write true, false or auto",
                "scopes" => "write a list such as [okta.users.read]",
                "privateKey" | "jwk" => "write the key, or the path of its file",
                "port" => "write a port, such as 3128",
                _ if wrong.contains("number") => "write a whole number, such as 30",
                _ => "write the value alone",
            })
        })?;
        Ok(value.map(|value| Found::new(value, self.at(name))))
    }

    fn number<T: TryFrom<u64>>(
        &self,
        name: &str,
        member: Option<NumberMember>,
    ) -> Result<Option<Found<T>>, SettingsError> {
        self.read(name, member, |it| it.number())
    }

    fn key(
        &self,
        member: Option<KeyMember>,
        name: &str,
    ) -> Result<Option<Found<Source>>, SettingsError> {
        let folder = self.folder();
        self.read(name, member, |it| it.source(|text| self.environment.path_from(&folder, text)))
    }

    /// A URL alone, or with what belongs to it.
    fn shared(&self, member: Option<SharedMember>) -> Result<SharedLayer, SettingsError> {
        let secret = |name: &str, text: Option<Secret>| self.read(name, text, member::secret);
        let members = match member {
            None => return Ok(SharedLayer::default()),
            Some(SharedMember::Url(url)) => {
                let url = secret("shared", Some(url))?;
                return Ok(SharedLayer { url, ..SharedLayer::default() });
            }
            Some(SharedMember::Members(members)) => *members,
            Some(SharedMember::Other(_)) => {
                let name = self.full_name("shared");
                let wrong = format!("is wrong: {name} is neither a URL nor a store's members");
                return Err(fault(self.path, &wrong).advise("write shared: rediss://HOST"));
            }
        };
        let file = |name: &str, path| self.source(name, path);
        let SharedMembers { url, username, password, .. } = members;
        Ok(SharedLayer {
            url: secret("shared.url", url)?,
            username: self.first_text([(username, "shared.username")])?,
            password: shared::password(
                secret("shared.password", password)?,
                self.sent_file("shared.passwordFile", members.password_file)?,
            )?,
            ca: file("shared.caFile", members.ca_file)?,
            secret: file("shared.secretFile", members.secret_file)?,
            previous_secret: file("shared.previousSecretFile", members.previous_secret_file)?,
        })
    }

    /// As [`source`](Self::source), of a file whose content is sent to a server. A file in the working
    /// folder may have come with a cloned repository, and name both the server and any file of the user.
    fn sent_file(
        &self,
        name: &str,
        path: Option<String>,
    ) -> Result<Option<Found<Source>>, SettingsError> {
        match self.source(name, path)? {
            Some(found) if found.origin.is_working_folder() => {
                let wrong =
                    format!("{} names a file whose content would be sent", self.full_name(name));
                Err(fault(self.path, &format!("is not taken: {wrong}")).advise(
                    "name it by a flag, a variable or in ~/.okta/okta.yaml: a file in the working folder, which \
                     may be another's, does not say what of yours is sent",
                ))
            }
            found => Ok(found),
        }
    }

    /// A file that a member names, seen from the folder of the settings file.
    fn source(
        &self,
        name: &str,
        path: Option<String>,
    ) -> Result<Option<Found<Source>>, SettingsError> {
        let folder = self.folder();
        let found = self.read(name, path, |it| member::text(&it))?;
        let file = |path: &str| Source::File(self.environment.path_from(&folder, path));
        Ok(found.map(|found| Found::new(file(&found.value), found.origin)))
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().map_or_else(PathBuf::new, Path::to_owned)
    }

    /// What these names of one setting say; they must not differ.
    fn one_text<const N: usize>(
        &self,
        members: [(Option<String>, &str); N],
    ) -> Result<Option<Found<String>>, SettingsError> {
        let mut first: Option<(Found<String>, &str)> = None;
        for (member, name) in members {
            let Some(found) = self.read(name, member, |it| member::text(&it))? else { continue };
            match &first {
                None => first = Some((found, name)),
                Some((same, _)) if same.value == found.value => {}
                Some((_, other)) => {
                    let names = (self.full_name(other), self.full_name(name));
                    return Err(differing(self.path, &names.0, &names.1));
                }
            }
        }
        Ok(first.map(|(found, _)| found))
    }

    /// The first of these that is set.
    fn first_text<const N: usize>(
        &self,
        members: [(Option<String>, &str); N],
    ) -> Result<Option<Found<String>>, SettingsError> {
        for (member, name) in members {
            if let Some(found) = self.read(name, member, |it| member::text(&it))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Two members that mean one setting, and do not say the same.
fn differing(path: &Path, first: &str, other: &str) -> SettingsError {
    fault(path, &format!("has two values for one setting: {first} and {other}"))
        .advise("keep one of them")
}

#[cfg(test)]
mod tests;
