//! What is taken, what is shown, and that the published files are up to date.

mod documents;
mod expansions;
mod mistakes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use okta_introspect::checker::SignalMode;
use okta_introspect::{Algorithm, SigningKey};
use okta_introspect_settings::Environment;
use tempfile::TempDir;

use super::*;
use crate::path::Decoding;

/// The folder of a configuration, with a key.
pub(super) struct Place {
    folder: TempDir,
    pub(super) environment: Environment,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        key.write_new_file(folder.path().join("private-key")).unwrap();
        Self { folder, environment: Environment::empty() }
    }

    /// One whose environment names an app, so that `okta` can be left out.
    pub(super) fn with_app() -> Self {
        let mut place = Self::new();
        let key = fs::read_to_string(place.path("private-key")).unwrap();
        place.environment = place
            .environment
            .variable("OKTA_CLIENT_ISSUER", "https://acme.okta.com")
            .variable("OKTA_CLIENT_CLIENTID", "0oa1b2c3d4")
            .variable("OKTA_CLIENT_PRIVATEKEY", key);
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(super) fn load(&self, text: &str) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
        self.write("serve.yaml", text);
        load(&self.path("serve.yaml"), &self.environment)
    }

    /// The lines that are said of a text: faults, or else warnings.
    pub(super) fn lines(&self, text: &str) -> Vec<String> {
        let said = match self.load(text) {
            Ok((_, warnings)) => warnings.iter().map(|fault| format!("warning: {fault}")).collect(),
            Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        };
        let folder = self.folder.path().display().to_string();
        said.into_iter().map(|line| line.replace(&folder, "FOLDER")).collect()
    }
}

/// Compares a file of the repository with what it should be, or writes it anew if that is asked for.
#[track_caller]
fn same_as_file(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{} is not up to date:\n{text}", path.display());
}

/// The example of the package, in the folder of its key.
fn example() -> (Place, String) {
    let mut place = Place::new();
    let text = include_str!("../../../../packaging/serve/serve.yaml");
    place.environment = place.environment.variable("CREDENTIALS_DIRECTORY", place.folder.path());
    (place, text.to_owned())
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    same_as_file("../../docs/serve.schema.json", &json_schema());
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_code() {
    let place = Place::with_app();
    let written = place.load("listeners: [{mode: nginx}]").unwrap().0.check_lines();
    let mut text = "listeners: [{mode: nginx}]\n".to_owned();
    let root = schema::schema();
    let default = |of: &serde_json::Value| Some(of.get("default")?.to_string());
    for (section, part) in [
        ("checker", "CheckerDocument"),
        ("signals", "SignalsDocument"),
        ("paths", "PathsDocument"),
        ("identity", "IdentityDocument"),
        ("log", "LogDocument"),
    ] {
        text.push_str(&format!("{section}:\n"));
        let members = root["$defs"][part]["properties"].as_object().unwrap();
        let known = members.iter().filter_map(|(name, of)| Some((name, default(of)?)));
        known.for_each(|(name, value)| text.push_str(&format!("  {name}: {value}\n")));
    }
    for name in ["drain", "dry_run", "management"] {
        let value = default(&root["properties"][name]).unwrap();
        text.push_str(&format!("{name}: {value}\n"));
    }
    assert_eq!(place.load(&text).unwrap().0.check_lines(), written, "{text}");
    assert_eq!(text.lines().count(), 27, "{text}");
}

#[test]
fn the_example_of_the_package_is_taken_without_a_warning() {
    let (place, text) = example();
    let (config, warnings) = place.load(&text).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.rule_configs.len(), 4);
    assert_eq!(config.files, [place.path("private-key")]);
}

#[test]
fn check_shows_the_configuration_as_it_is_understood_in_80_columns() {
    let (place, text) = example();
    let (config, _) = place.load(&text).unwrap();
    let lines = config.check_lines();
    assert!(lines.lines().all(|line| line.chars().count() <= 80), "{lines}");
    assert!(!lines.contains("2bb80d53"), "{lines}");
    same_as_file("src/config/tests/example.golden", &lines);
}

#[test]
fn everything_that_can_be_written_is_understood() {
    let place = Place::new();
    place.write("full.yaml", include_str!("tests/full.yaml"));
    let authority = test_support::tls::authority().certificate.to_pem().unwrap();
    fs::write(place.path("ca.pem"), authority).unwrap();
    let text = fs::read_to_string(place.path("full.yaml")).unwrap();
    let (config, warnings) = place.load(&text).unwrap();
    assert_eq!(warnings, []);
    let folder = place.folder.path().display().to_string();
    let lines = config.check_lines().replace(&folder, "FOLDER");
    same_as_file("src/config/tests/full.golden", &lines);
    assert_eq!(config.okta.key_id.as_deref(), Some("k1"));
    assert_eq!(config.settings().unwrap().issuer().unwrap().as_str(), "https://acme.okta.com");
    assert_eq!(config.checker.capacity, 5);
    assert_eq!(config.checker.signals, SignalMode::Extend);
    assert_eq!(config.checker.extension_limit, Duration::from_secs(240));
    let poll = config.signals.poll.unwrap();
    assert_eq!(
        (poll.interval, poll.cursor),
        (Duration::from_secs(1), Some(place.path("signals.cursor")))
    );
    assert_eq!(config.identity.token.unwrap().lifetime, Duration::from_secs(30));
    assert_eq!(config.drain, Duration::ZERO);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn what_is_left_out_has_its_default() {
    let place = Place::with_app();
    let (config, _) = place.load("listeners: [{mode: nginx}]").unwrap();
    let socket =
        Address::Unix { path: "/run/okta-introspect/authz.sock".into(), permissions: 0o660 };
    assert_eq!(config.listeners[0].address, socket);
    assert_eq!(config.management.to_string(), "tcp 127.0.0.1:9464");
    assert_eq!(config.decodings, [Decoding::Raw, Decoding::Once]);
    assert_eq!(config.identity.prefix, "X-Auth-");
    assert_eq!(config.checker.timeout, Duration::from_secs(5));
    assert_eq!((config.checker.signals, config.signals.poll), (SignalMode::Purge, None));
    let polled = "listeners: [{mode: nginx}]\nsignals: {poll: {}}";
    let poll = place.load(polled).unwrap().0.signals.poll.unwrap();
    assert_eq!((poll.interval, poll.cursor), (Duration::from_secs(2), None));
    assert_eq!(config.drain, Duration::from_secs(5));
    let (config, _) = place.load("listeners: [{mode: envoy}]").unwrap();
    assert_eq!(config.checker.timeout, Duration::from_millis(150));
    assert_eq!(config.listeners[0].path_prefix, "/authz");
}

#[test]
fn a_dry_run_of_all_is_one_of_each_rule() {
    let place = Place::with_app();
    let text =
        "listeners: [{mode: nginx}]\ndry_run: true\nrules: [{name: a, path: /a, require: {}}]";
    assert!(
        place.load(text).unwrap().0.rules.iter().find(|rule| rule.name == "a").unwrap().dry_run
    );
    let text = text.replace("true", "false");
    assert!(
        !place.load(&text).unwrap().0.rules.iter().find(|rule| rule.name == "a").unwrap().dry_run
    );
}

#[test]
fn a_lower_limit_lowers_the_default_too() {
    let place = Place::with_app();
    let text = "listeners: [{mode: nginx}]\nchecker: {max_age_limit: 5s}";
    assert_eq!(place.load(text).unwrap().0.checker.max_age, Duration::from_secs(5));
}

#[test]
fn a_socket_of_systemd_is_judged_when_its_address_is_known() {
    let place = Place::with_app();
    let (config, _) = place.load("listeners: [{systemd: authz, mode: nginx}]").unwrap();
    let listener = &config.listeners[0];
    assert_eq!(listener.unsafe_at(&"127.0.0.1:80".parse().unwrap(), false), []);
    assert_eq!(listener.unsafe_at(&"[::ffff:127.0.0.1]:80".parse().unwrap(), false), []);
    assert_eq!(listener.unsafe_at(&"10.0.0.1:80".parse().unwrap(), false).len(), 3);
}

#[test]
fn debug_shows_neither_keys_nor_hashes() {
    let (place, text) = example();
    let (config, _) = place.load(&text).unwrap();
    let key = fs::read_to_string(place.path("private-key")).unwrap();
    let mut secrets = test_support::secrets::Secrets::default();
    secrets.add("key", key.lines().nth(1).unwrap());
    secrets.add("hash", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
    secrets.assert_absent("a configuration", &format!("{config:?}"));
}
