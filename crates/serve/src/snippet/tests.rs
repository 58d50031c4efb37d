//! The snippets word by word, and what none of them may say. `SNAPSHOTS=overwrite` writes them anew.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

fn config() -> SnippetConfig {
    SnippetConfig::default()
}

/// Everything else than the default.
fn other() -> SnippetConfig {
    SnippetConfig {
        sidecar: Address::tcp("okta-introspect", 9180),
        identity: vec!["Remote-User".to_owned(), "X-Scope".to_owned()],
        strip: vec!["Remote-Groups".to_owned()],
        keep_authorization: false,
        dpop: false,
        caller_key: true,
        metadata: true,
        path_prefix: "/check".to_owned(),
        timeout: Duration::from_millis(250),
        listen: Address::tcp("::1", 8443),
        upstream: Address::tcp("orders", 80),
    }
}

fn files(config: &SnippetConfig, proxy: Proxy) -> Vec<SnippetFile> {
    let mut config = config.clone();
    config.caller_key &= proxy != Proxy::GatewayApi; // see below
    config.files(proxy).unwrap()
}

fn text(config: &SnippetConfig, proxy: Proxy) -> String {
    let files = files(config, proxy);
    files.iter().map(|file| format!("==> {} <==\n{}", file.name, file.text)).collect()
}

#[test]
fn each_snippet_is_as_it_is_kept() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut differing = Vec::new();
    for proxy in Proxy::ALL {
        let mut usual = config();
        if matches!(proxy, Proxy::Traefik | Proxy::GatewayApi) {
            usual.sidecar = Address::tcp("okta-introspect", 9180);
            usual.upstream = Address::tcp("orders", 80);
        }
        for (kind, config) in [("usual", usual), ("other", other())] {
            let file = folder.join(format!("snippet-{proxy}.{kind}.txt"));
            let text = text(&config, proxy);
            if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, &text).unwrap();
            }
            if fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
                differing.push(file);
            }
        }
    }
    assert!(differing.is_empty(), "SNAPSHOTS=overwrite writes them anew: {differing:#?}");
}

#[test]
fn no_place_is_left_unfilled() {
    for proxy in Proxy::ALL {
        let text = text(&other(), proxy);
        let capitals = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
        assert!(!text.split('@').any(capitals), "{proxy}: {text}");
    }
}

#[test]
fn trap_failure_mode_allow_is_never_set_and_the_route_cache_is_kept() {
    for proxy in [Proxy::Envoy, Proxy::EnvoyGrpc] {
        let text = text(&config(), proxy);
        assert!(!text.contains("failure_mode_allow:"), "{text}");
        assert!(text.contains("clear_route_cache: false"), "{text}");
        assert!(text.contains("status_on_error: {code: ServiceUnavailable}"), "{text}");
    }
}

#[test]
fn trap_every_identity_header_is_copied_and_every_spelling_of_it_removed() {
    let config = other();
    for (proxy, copied, removed) in [
        (
            Proxy::Nginx,
            "proxy_set_header Remote-User $okta_remote_user;",
            "underscores_in_headers off;",
        ),
        (Proxy::Caddy, "copy_headers Remote-User X-Scope", "request_header -remote_groups\n"),
        (Proxy::Traefik, "- Remote-User\n", "remote_groups: \"\"\n"),
        (Proxy::Envoy, "- exact: remote-user\n", "headers_with_underscores_action: DROP_HEADER"),
        (Proxy::Haproxy, "\"remote-user\",\n", "http-request del-header remote_groups\n"),
    ] {
        let text = text(&config, proxy);
        assert!(text.contains(copied), "{proxy}: {text}");
        assert!(text.contains(removed), "{proxy}: {text}");
    }
}

#[test]
fn trap_connections_to_the_sidecar_are_kept_alive() {
    for (proxy, kept) in
        [(Proxy::Nginx, "keepalive 64;"), (Proxy::Caddy, "keepalive_idle_conns_per_host 64")]
    {
        assert!(text(&config(), proxy).contains(kept), "{proxy}");
    }
}

#[test]
fn trap_traefik_takes_no_forwarded_header_from_the_client() {
    let text = text(&other(), Proxy::Traefik);
    for line in ["trustForwardHeader: false", "X-Forwarded-Prefix: \"\"", "Forwarded: \"\""] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn what_could_mean_more_in_a_proxys_file_is_refused() {
    type Change = fn(&mut SnippetConfig);
    let changes: [(&str, Change); 14] = [
        ("identity: ", |c| c.identity.clear()),
        ("identity: ", |c| c.identity.push("X-Auth; }".to_owned())),
        ("identity: ", |c| c.identity.push("X-Auth\nEvil".to_owned())),
        ("identity: ", |c| c.identity.push("X_Auth".to_owned())),
        ("identity: ", |c| c.identity.push("x-auth-sub".to_owned())),
        ("identity: ", |c| c.identity.push("Authorization".to_owned())),
        ("identity: ", |c| c.identity.push("a-a-a-a-a-a-a".to_owned())),
        ("strip: ", |c| c.strip.push("Content_Length".to_owned())),
        ("path_prefix: ", |c| c.path_prefix = "/authz;".to_owned()),
        ("path_prefix: ", |c| c.path_prefix = "/authz/".to_owned()),
        ("timeout: ", |c| c.timeout = Duration::ZERO),
        ("timeout: ", |c| c.timeout = Duration::from_secs(61)),
        ("sidecar: ", |c| c.sidecar = Address::Unix("/a b".to_owned())),
        ("listen: ", |c| c.listen = Address::Unix("/a".to_owned())),
    ];
    for (index, (place, change)) in changes.into_iter().enumerate() {
        let mut config = config();
        change(&mut config);
        for proxy in Proxy::ALL {
            let fault = config.files(proxy).map(drop).unwrap_err().to_string();
            assert!(fault.starts_with(place), "{index} {proxy}: {fault}");
        }
    }
}

#[test]
fn a_proxy_that_cannot_ask_by_a_unix_socket_says_so() {
    for proxy in [Proxy::Traefik, Proxy::GatewayApi] {
        let fault = config().files(proxy).unwrap_err();
        assert_eq!(fault.to_string(), "sidecar: is a unix socket; give a host and a port");
    }
}

/// A client must not choose as which caller the proxy asks.
#[test]
fn a_callers_secret_is_set_by_the_proxy_and_never_printed() {
    let keyed = SnippetConfig { caller_key: true, ..other() };
    for (proxy, line) in [
        (Proxy::Nginx, "include okta-introspect.key;\n"),
        (Proxy::Caddy, "header_up X-Okta-Introspect-Key {env.OKTA_INTROSPECT_KEY}\n"),
        (Proxy::Traefik, "X-Okta-Introspect-Key: \"{{ env `OKTA_INTROSPECT_KEY` }}\"\n"),
        (Proxy::Haproxy, "os.getenv(\"OKTA_INTROSPECT_KEY\")"),
        (Proxy::Envoy, "value: \"%ENVIRONMENT(OKTA_INTROSPECT_KEY)%\""),
        (Proxy::EnvoyGrpc, "value: \"%ENVIRONMENT(OKTA_INTROSPECT_KEY)%\""),
    ] {
        assert!(text(&keyed, proxy).contains(line), "{proxy}: {}", text(&keyed, proxy));
        let plain = text(&SnippetConfig { caller_key: false, ..other() }, proxy);
        assert!(!plain.to_lowercase().contains("introspect-key"), "{proxy}: {plain}");
    }
    let fault = keyed.files(Proxy::GatewayApi).unwrap_err().to_string();
    assert!(fault.contains("client_names"), "{fault}");
}

/// A client that has no token yet reads there which server gives it one.
#[test]
fn the_metadata_of_the_resource_can_be_read_without_a_check_and_only_that_path() {
    let path = "/.well-known/oauth-protected-resource";
    for proxy in Proxy::ALL {
        let text = text(&other(), proxy);
        assert!(text.contains(path), "{proxy}: {text}");
        let without = self::text(&SnippetConfig { metadata: false, ..other() }, proxy);
        assert!(
            !without.contains("well-known") && !without.contains("metadata\n"),
            "{proxy}: {without}"
        );
    }
    let line = "http-request deny deny_status 503 unless { var(txn.okta_introspect) -m str yes }";
    let plain = text(&config(), Proxy::Haproxy);
    assert!(plain.contains(&format!("{line}\n")), "{plain}");
}

#[test]
fn a_prefix_covers_the_names_that_share_it_and_nothing_broader() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let prefix = |identity: &[&str]| Headers::new(&names(identity), &[]).unwrap().prefix;
    assert_eq!(prefix(&["X-Auth-Sub", "X-Auth-Client-Id"]).as_deref(), Some("x-auth-"));
    assert_eq!(prefix(&["X-Auth-Client-Id"]).as_deref(), Some("x-auth-client-"));
    assert_eq!(prefix(&["X-Sub", "X-Scope"]), None);
    assert_eq!(prefix(&["Remote-User", "X-Scope"]), None);
}

/// The headers that are to be removed before the backend, but not before the check.
#[test]
fn credentials_that_are_to_be_stripped_are_left_to_the_check() {
    let mut config = config();
    config.strip = vec!["authorization".to_owned(), "dpop".to_owned()];
    let usual = self::config();
    assert_eq!(text(&config, Proxy::Haproxy), text(&usual, Proxy::Haproxy));
    assert_eq!(text(&config, Proxy::Nginx), text(&usual, Proxy::Nginx));
}

#[test]
fn traefiks_and_the_gateways_files_are_yaml() {
    for proxy in [Proxy::Traefik, Proxy::GatewayApi, Proxy::Envoy, Proxy::EnvoyGrpc] {
        for file in files(&other(), proxy) {
            let read: Result<serde_json::Value, _> = serde_saphyr::from_str(&file.text);
            assert!(read.is_ok(), "{proxy}: {:?}\n{}", read.err(), file.text);
        }
    }
}
