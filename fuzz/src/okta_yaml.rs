//! What must hold of `okta.yaml` for any input. This is a module of the settings' crate, where it
//! is fuzzed (`--cfg fuzzing` and the feature `_fuzzing`) or tested: the reader of one file is private.

use std::path::Path;

use okta_introspect::Secret;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::error::SettingsError;
use crate::file::SettingsFile;
use crate::found::{Place, Source};
use crate::layer::Layer;
use crate::suspect;

/// A settings file: an error that repeats nothing of it, or settings that are bounded, that do not
/// show the key, and that are the same when they are written and read again.
pub fn okta_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let layer = match read(text) {
        Ok(layer) => layer,
        Err(error) => return repeats_nothing(&error, text),
    };
    for suspect in suspect::in_file(text, Path::new(PATH), layer.names_no_app()) {
        assert!(suspect.what().len() + suspect.cure().len() < 1024, "{}", suspect.what());
    }
    let written = written(&layer);
    if is_printable(&written) {
        let again = read(&written.to_string()).unwrap();
        assert_eq!(self::written(&again), written);
    }
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        agrees(&layer, &document["okta"]["client"]);
    }
}

const PATH: &str = "dir/okta.yaml";

fn shows_no_secret(layer: &Layer) {
    let shown = format!("{layer:?}");
    if let Some(Source::Text(key)) = layer.key.as_ref().map(|key| &key.value) {
        let lines = key.expose().lines().filter(|line| line.len() > 24);
        lines.for_each(|line| assert!(!shown.contains(line), "the key is shown"));
    }
    let (url, password) = (layer.shared.url.as_ref(), layer.shared.password.as_ref());
    let password = password.map(|found| &found.value);
    let password = password.and_then(|it| if let Source::Text(it) = it { Some(it) } else { None });
    for secret in url.map(|found| &found.value).into_iter().chain(password).map(Secret::expose) {
        assert!(secret.len() < 25 || !shown.contains(secret), "a secret of the store is shown");
    }
    if let Some(password) = layer.proxy.password.as_ref().map(|found| found.value.expose()) {
        assert!(password.len() < 9 || !shown.contains(password), "the password is shown");
    }
}

fn read(text: &str) -> Result<Layer, SettingsError> {
    let file = SettingsFile::parse(text, PATH.into(), Place::Home, &Environment::empty())?;
    shows_no_secret(&file.client);
    file.profiles.values().for_each(shows_no_secret);
    Ok(file.client)
}

/// The error has no word of the file that is long enough to be a secret, besides those that it says
/// of any file.
fn repeats_nothing(error: &SettingsError, text: &str) {
    let said = format!("{error} {} {error:?}", error.advice());
    let words = said.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() > 24) {
        assert!(!text.contains(word), "{word}");
    }
}

/// The settings of a layer as a file has them.
fn written(layer: &Layer) -> Value {
    let mut client = json!({
        "orgUrl": layer.server.as_ref().map(|it| &it.value),
        "clientId": layer.client_id.as_ref().map(|it| &it.value),
        "privateKeyId": layer.key_id.as_ref().map(|it| &it.value),
        "scopes": layer.scopes.as_ref().map(|it| &it.value),
        "requestTimeout": layer.timeout.as_ref().map(|it| it.value),
        "connectionTimeout": layer.connect_timeout.as_ref().map(|it| it.value),
        "authorizationMode": layer.mode.as_ref().map(|it| &it.value),
        "dpopEnabled": layer.dpop.as_ref().map(|it| format!("{:?}", it.value).to_lowercase()),
        "rateLimit": {
            "maxRetries": layer.retries.as_ref().map(|it| it.value),
            "maxBackoff": layer.max_backoff.as_ref().map(|it| it.value),
        },
        "proxy": {
            "host": layer.proxy.host.as_ref().map(|it| &it.value),
            "port": layer.proxy.port.as_ref().map(|it| it.value),
            "username": layer.proxy.username.as_ref().map(|it| &it.value),
            "password": layer.proxy.password.as_ref().map(|it| it.value.expose()),
        },
    });
    let store = &layer.shared;
    client["shared"] = json!({
        "url": store.url.as_ref().map(|it| it.value.expose()),
        "username": store.username.as_ref().map(|it| &it.value),
    });
    if let Some(Source::Text(password)) = store.password.as_ref().map(|it| &it.value) {
        client["shared"]["password"] = password.expose().into();
    }
    if let Some(Source::Text(secret)) = layer.secret.as_ref().map(|it| &it.value) {
        client["clientSecret"] = secret.expose().into();
    }
    if let Some(Source::Text(key)) = layer.key.as_ref().map(|key| &key.value) {
        client["privateKey"] = key.expose().into();
    }
    json!({"okta": {"client": client}})
}

/// Whether JSON of it is YAML, which has no control characters, written as they are or escaped in
/// JSON's way.
fn is_printable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(|c: char| {
            c.is_control() || "\u{feff}\u{2028}\u{2029}\u{fffe}\u{ffff}".contains(c)
        }),
        Value::Object(members) => members.values().all(is_printable),
        _ => true,
    }
}

/// A file in JSON says the same to a reader of JSON.
fn agrees(layer: &Layer, client: &Value) {
    let text = |name: &str| client[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    assert_eq!(layer.client_id.as_ref().map(|it| &*it.value), text("clientId"));
    assert_eq!(layer.mode.as_ref().map(|it| &*it.value), text("authorizationMode"));
    let number = client["requestTimeout"].as_u64();
    assert!(number.is_none() || layer.timeout.as_ref().map(|it| it.value) == number);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn settings_files_hold() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/okta_yaml");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let checked = files.map(|file| super::okta_yaml(&std::fs::read(file).unwrap()));
        assert!(checked.count() >= 10);
    }
}
