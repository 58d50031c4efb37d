//! How servers are called: proxies, DPoP, repeats.

use serde_json::json;

use crate::common::server::{answer, answering, recording};
use crate::common::{Sandbox, World};

#[test_support::test]
fn dpop_is_used_as_the_settings_say() {
    let (world, key_id) = World::with_key();
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]).json();
    let app = |id: &str, dpop: bool| {
        json!({
            "client_id": id, "scopes": ["okta.users.read"], "dpop_required": dpop,
            "jwks": {"keys": [jwk]},
        })
    };
    let seed = json!({"apps": [app("0oabound", true), app("0oaplain", false)]});
    world.write("seed.json", seed.to_string());
    let sandbox = Sandbox::start(&world, &["--seed", "seed.json"]);
    let run = |world: &World, client: &str, more: &[&str]| {
        let args = ["token", "--json", "--scope", "okta.users.read", "--client-id", client];
        let server = ["--issuer", sandbox.text("issuer"), "--key-file", "key.pem", "--key-id"];
        world.run(&[&args[..], &server, &[&key_id], more].concat())
    };
    for mode in [&[][..], &["--dpop", "auto"], &["--dpop", "always"]] {
        let token = run(&world, "0oabound", mode);
        assert_eq!(token.exits(0).json()["token_type"], "DPoP", "{mode:?}");
    }
    run(&world, "0oabound", &["--dpop", "never"]).fails(4, "the app demands DPoP");
    run(&world, "0oaplain", &["--dpop", "never"]).exits(0);
    run(&world, "0oaplain", &["--dpop", "always"]).fails(2, "not bound");
    run(&world, "0oaplain", &["--dpop", "maybe"]).fails(2, "use one of auto, always, never");

    world.write("okta.yaml", "okta: {client: {dpopEnabled: false}}");
    run(&world, "0oabound", &[]).fails(4, "the app demands DPoP");
    run(&world, "0oabound", &["--dpop", "auto"]).exits(0);
    world.write("okta.yaml", "okta: {client: {dpopEnabled: perhaps}}");
    run(&world, "0oabound", &[]).fails(2, "okta.yaml");
    world.write("okta.yaml", "okta: {client: {dpopEnabled: false}}");
    let world = world.set("OKTA_CLIENT_DPOPENABLED", "true");
    run(&world, "0oabound", &[]).exits(0);
    let world = world.set("OKTA_CLIENT_DPOPENABLED", "perhaps");
    run(&world, "0oabound", &[]).fails(2, "OKTA_CLIENT_DPOPENABLED");
}

#[test_support::test]
fn a_proxy_from_the_settings_is_asked_with_its_credentials() {
    let (world, _) = World::with_key();
    let proxy = recording(answer("502 Bad Gateway", "", ""));
    let issuer = proxy.issuer();
    let port = issuer.rsplit(':').next().unwrap().to_owned();
    let app = "orgUrl: 'https://acme.okta.com', clientId: 0oa1, privateKey: key.pem";
    let proxied = |members: &str| {
        let members = format!("{app}, rateLimit: {{maxRetries: 0}}, proxy: {{{members}}}");
        world.write("okta.yaml", format!("okta: {{client: {{{members}}}}}"));
    };
    proxied(&format!("host: 127.0.0.1, port: {port}, username: ada, password: s3cret"));
    world.pipe(&["introspect"], "t").fails(3, "opened no tunnel").hides("s3cret");
    let asked = &proxy.requests()[0];
    assert_eq!((&*asked.method, &*asked.target), ("CONNECT", "acme.okta.com:443"));
    // ada:s3cret
    assert_eq!(asked.header("proxy-authorization"), Some("Basic YWRhOnMzY3JldA=="));

    proxied("host: '', password: s3cret");
    world.pipe(&["introspect"], "t").fails(2, "has no host").hides("s3cret");
}

#[test_support::test]
fn a_proxy_of_the_environment_is_used_and_shown_whatever_else_is_set() {
    let (world, _) = World::with_key();
    let proxy = recording(answer("502 Bad Gateway", "", ""));
    let issuer = proxy.issuer();
    let address = issuer.strip_prefix("http://").unwrap();
    let world = world
        .set("OKTA_CLIENT_RATELIMIT_MAXRETRIES", "0")
        .set("REQUEST_METHOD", "GET")
        .set("HTTPS_PROXY", format!("http://ada:s3cret@{address}"));
    let app = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file", "key.pem"];
    let run = world.pipe(&[&["introspect"], &app[..]].concat(), "t");
    run.fails(3, "opened no tunnel").hides("s3cret");
    assert_eq!(proxy.requests()[0].header("proxy-authorization"), Some("Basic YWRhOnMzY3JldA=="));
    let told = format!("http://{address} (from HTTPS_PROXY)");
    for command in [&["config", "show"][..], &["doctor"]] {
        let run = world.run(&[command, &app].concat());
        assert!(run.hides("s3cret").stdout.contains(&told), "{run:?}");
    }
}

#[test_support::test]
fn a_proxy_that_refuses_our_password_is_asked_once_and_the_variable_is_named() {
    let (world, _) = World::with_key();
    let proxy = recording(answer("407 Proxy Authentication Required", "", ""));
    let address = proxy.issuer().replace("http://", "http://ada:s3cret@");
    let world = world.set("HTTPS_PROXY", address);
    let app = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file", "key.pem"];
    let run = world.pipe(&[&["introspect"], &app[..]].concat(), "t");
    run.fails(3, "did not accept the user name and password (status 407)").hides("s3cret");
    assert!(run.stderr.contains("HTTPS_PROXY"), "{run:?}");
    assert_eq!(proxy.requests().len(), 1);
}

#[test_support::test]
fn a_proxy_of_the_environment_that_is_none_is_refused_by_the_variables_name() {
    let (world, _) = World::with_key();
    let app = ["--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file", "key.pem"];
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for value in ["http://", "gopher://s3cret", "socks5://s3cret:1080", "http://s3cret:port"] {
            let mut command = world.command(&[&["token", "--scope", "a"], &app[..]].concat());
            let run = crate::common::Run::of(&[name], command.env(name, value).output().unwrap());
            run.fails(2, &format!("the variable {name} names")).hides("s3cret");
        }
    }
}

#[test_support::test]
fn retries_and_their_pauses_are_bounded_by_the_settings() {
    let (world, _) = World::with_key();
    let world = world.set("OKTA_CLIENT_RATELIMIT_MAXBACKOFF", "1");
    let failing = || answer("503 Service Unavailable", "", "");
    let server = recording(failing());
    let args = ["introspect", "--client-id", "0oa1", "--key-file", "key.pem", "--issuer"];
    world.pipe(&[&args[..], &[&server.issuer()]].concat(), "t").fails(3, "after 3 attempts");
    assert_eq!(server.requests().len(), 3);

    let world = world.set("OKTA_CLIENT_RATELIMIT_MAXBACKOFF", "long");
    let issuer = answering(move |_| failing());
    let run = world.pipe(&[&args[..], &[&issuer]].concat(), "t");
    run.fails(2, "OKTA_CLIENT_RATELIMIT_MAXBACKOFF");
}
