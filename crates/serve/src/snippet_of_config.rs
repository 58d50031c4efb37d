//! The snippet that a configuration asks for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{self, Config};
use crate::error::Fault;
use crate::identity::BackendCredentials;
use crate::original::Mode;
use crate::snippet::{Address, Proxy, SnippetConfig};

impl SnippetConfig {
    /// What a configuration says that concerns this proxy: the listener of its mode, the identity
    /// headers, and how long the sidecar may take. `sidecar` is where the proxy reaches that
    /// listener, if it is elsewhere for the proxy than for the sidecar.
    ///
    /// # Errors
    ///
    /// If no listener is for this proxy, or its address is known to systemd alone; and if it speaks TLS,
    /// which snippets do not, unless `sidecar` is given.
    pub fn of(config: &Config, proxy: Proxy, sidecar: Option<Address>) -> Result<Self, Fault> {
        let mode = mode(proxy);
        let mut listeners = config.listeners.iter().enumerate();
        let found = listeners.find(|(_, listener)| listener.mode == Some(mode));
        let (index, listener) = found.ok_or_else(|| {
            Fault::new(format!("no listener has the mode {mode}"))
                .advise(format!("add one to listeners, with mode: {mode}"))
        })?;
        if listener.tls.is_some() && sidecar.is_none() {
            return Err(Fault::new(
                "a snippet speaks no TLS to the sidecar, and this listener does",
            )
            .advise("say by --sidecar where that is which adds TLS, such as the gateway itself"));
        }
        // Where certificates tell the callers apart, no secret is looked at.
        let named = listener.tls.as_ref().is_some_and(|tls| !tls.client_names.is_empty());
        let identity = config.identity.identity()?;
        let strip = identity.undeclared().map(|name| title(name.as_str()));
        let mut strip: Vec<_> = strip.collect();
        let mut names: Vec<_> = identity.names().iter().map(|name| title(name.as_str())).collect();
        if config.identity.token.is_some() {
            names.push(format!("{}Token", title(&config.identity.prefix)));
            strip.retain(|name| !names.contains(name));
        }
        Ok(Self {
            sidecar: sidecar.map_or_else(|| address(&listener.address, index), Ok)?,
            identity: names,
            strip,
            keep_authorization: config.identity.credentials == BackendCredentials::Keep,
            dpop: config.origins.iter().next().is_some(),
            metadata: config.origin_configs.iter().any(|origin| origin.resource.is_some()),
            caller_key: !config.callers.is_empty() && !named,
            path_prefix: match mode {
                Mode::Envoy => listener.path_prefix.clone(),
                _ => crate::routes::AUTHZ.to_owned(),
            },
            timeout: timeout(config),
            ..Self::default()
        })
    }
}

/// Longer than the sidecar waits for Okta by any of its rules, so that it is the sidecar that says what is
/// not known.
fn timeout(config: &Config) -> Duration {
    let rules = config.rule_configs.iter();
    let of_rules = rules.filter_map(|rule| Some(rule.written.as_ref()?.timeout?.0));
    let waits = of_rules.fold(config.checker.timeout, Duration::max);
    let waits = waits.saturating_add(Duration::from_millis(500));
    waits.clamp(Duration::from_secs(1), Duration::from_secs(60))
}

fn mode(proxy: Proxy) -> Mode {
    match proxy {
        Proxy::Nginx => Mode::Nginx,
        Proxy::Caddy => Mode::Caddy,
        Proxy::Traefik => Mode::Traefik,
        Proxy::Haproxy => Mode::Haproxy,
        Proxy::Envoy | Proxy::EnvoyGrpc | Proxy::GatewayApi => Mode::Envoy,
    }
}

fn address(address: &config::Address, index: usize) -> Result<Address, Fault> {
    match address {
        config::Address::Unix { path, .. } => {
            let address = Address::Unix(resolved(path).display().to_string());
            let wrong = |fault: Fault| {
                fault
                    .at(format!("listeners[{index}].unix"))
                    .advise("name such a path, or another way to it by --sidecar")
            };
            address.check().map_err(wrong)?;
            Ok(address)
        }
        config::Address::Tcp(address) => Ok(Address::tcp(address.ip().to_string(), address.port())),
        config::Address::Systemd(name) => {
            Err(Fault::new(format!("the address of systemd's socket {name} is not known here"))
                .advise("say it by --sidecar, such as unix:/run/okta-introspect/authz.sock"))
        }
    }
}

/// As seen from anywhere, without `..`: the proxy runs in another folder.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        // A folder that is not on this computer.
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// `x-auth-sub` as `X-Auth-Sub`, which is how people write it.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect_settings::Environment;
    use okta_introspect_settings::files::{self, Readers};

    fn config(listen: &str, rest: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("serve.yaml");
        let text = format!(
            "listeners: [{{tcp: '{listen}', mode: nginx}}]\n\
             rules: [{{path: /a, public: true}}]\n{rest}\n"
        );
        files::replace(&file, text.as_bytes(), Readers::Owner).unwrap();
        let key = concat!(env!("CARGO_MANIFEST_DIR"), "/../../keys/sample-p256.pem");
        let environment = Environment::empty()
            .variable("OKTA_CLIENT_ISSUER", "https://acme.okta.com")
            .variable("OKTA_CLIENT_CLIENTID", "0oa1b2c3d4")
            .variable("OKTA_CLIENT_PRIVATEKEY", std::fs::read_to_string(key).unwrap());
        config::load(&file, &environment).unwrap().0
    }

    #[test]
    fn a_proxy_waits_longer_than_the_sidecar() {
        for (waits, expected) in [("150ms", 1000), ("5s", 5500), ("1m", 60_000)] {
            let config = config("127.0.0.1:1", &format!("checker: {{timeout: {waits}}}"));
            let config = SnippetConfig::of(&config, Proxy::Nginx, None).unwrap();
            assert_eq!(config.timeout, Duration::from_millis(expected), "{waits}");
        }
    }

    #[test]
    fn a_proxy_waits_longer_than_the_slowest_rule() {
        let mut config = config("127.0.0.1:1", "checker: {timeout: 2s}");
        let rule = config.rule_configs[0].clone();
        for timeout in [10, 1] {
            let written = format!(r#"{{"timeout": "{timeout}s"}}"#);
            let written = Some(serde_json::from_str(&written).unwrap());
            config.rule_configs.push(config::RuleConfig { written, ..rule.clone() });
        }
        let config = SnippetConfig::of(&config, Proxy::Nginx, None).unwrap();
        assert_eq!(config.timeout, Duration::from_millis(10_500));
    }

    #[test]
    fn a_socket_is_named_without_dots_and_where_that_cannot_be_its_place_is() {
        let folder = tempfile::tempdir().unwrap().keep();
        let blank = folder.join("a b");
        std::fs::create_dir(&blank).unwrap();
        let mut config = config("127.0.0.1:1", "");
        let mut sidecar = |path: PathBuf| {
            config.listeners[0].address = config::Address::Unix { path, permissions: 0o660 };
            SnippetConfig::of(&config, Proxy::Nginx, None).map(|config| config.sidecar)
        };
        let expected = folder.canonicalize().unwrap().join("authz.sock").display().to_string();
        assert_eq!(sidecar(blank.join("../authz.sock")), Ok(Address::Unix(expected)));
        let fault = sidecar(blank.join("authz.sock")).unwrap_err().to_string();
        assert!(fault.starts_with("listeners[0].unix: "), "{fault}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_metadata_is_handed_on_where_an_origin_has_some() {
        for (resource, expected) in [("", false), (", resource: {scopes: [a]}", true)] {
            let config = config(
                "127.0.0.1:1",
                &format!("origins: [{{url: 'https://a.example'{resource}}}]"),
            );
            let config = SnippetConfig::of(&config, Proxy::Nginx, None).unwrap();
            assert_eq!(config.metadata, expected, "{resource}");
        }
    }

    #[test]
    fn a_secret_has_a_place_where_callers_have_some() {
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let callers = format!("callers: [{{name: edge, secret_sha256: {hash}}}]");
        for (rest, expected) in [("", false), (callers.as_str(), true)] {
            let config = config("127.0.0.1:1", rest);
            let config = SnippetConfig::of(&config, Proxy::Nginx, None).unwrap();
            assert_eq!(config.caller_key, expected, "{rest}");
        }
    }

    #[test]
    fn an_address_is_the_listeners_unless_the_user_knows_better() {
        let mut config = config("127.0.0.1:1", "");
        let sidecar = |config: &Config, given| {
            SnippetConfig::of(config, Proxy::Nginx, given).map(|config| config.sidecar.to_string())
        };
        assert_eq!(sidecar(&config, None).unwrap(), "127.0.0.1:1");
        let given = Address::tcp("sidecar", 9180);
        config.listeners[0].address = config::Address::Systemd("authz".to_owned());
        assert_eq!(sidecar(&config, Some(given.clone())).unwrap(), "sidecar:9180");
        let fault = sidecar(&config, None).unwrap_err().to_string();
        assert!(fault.contains("--sidecar"), "{fault}");
        config.listeners[0].tls = Some(config::TlsConfig {
            certificate: String::new(),
            key: okta_introspect::Secret::new(String::new()),
            client_ca: None,
            client_names: Vec::new(),
        });
        assert!(sidecar(&config, None).unwrap_err().to_string().contains("TLS"));
        assert_eq!(sidecar(&config, Some(given)).unwrap(), "sidecar:9180");
    }

    #[test]
    fn trap_headers_that_are_not_declared_are_removed_by_the_proxy() {
        let config = config("127.0.0.1:1", "identity: {headers: [sub, scope]}");
        let config = SnippetConfig::of(&config, Proxy::Nginx, None).unwrap();
        assert_eq!(config.identity, ["X-Auth-Sub", "X-Auth-Scope"]);
        let files = config.files(Proxy::Nginx).unwrap();
        for removed in ["X-Auth-Uid", "X-Auth-Client-Id", "X-Auth-Token"] {
            let line = format!("proxy_set_header {removed} \"\";").to_lowercase();
            assert!(files[0].text.to_lowercase().contains(&line), "{removed}: {}", files[0].text);
        }
    }
}
