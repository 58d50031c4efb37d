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
    world.write(
        "okta.yaml",
        format!("okta: {{client: {{rateLimit: {{maxRetries: 0}}, proxy: {{host: 127.0.0.1, port: {port}, username: ada}}}}}}"),
    );
    let world = world.set("OKTA_CLIENT_PROXY_PASSWORD", "s3cret");
    let args =
        ["introspect", "--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--key-file"];
    world.pipe(&[&args[..], &["key.pem"]].concat(), "t").fails(3, "status 502").hides("s3cret");
    let asked = &proxy.requests()[0];
    assert_eq!((&*asked.method, &*asked.target), ("CONNECT", "acme.okta.com:443"));
    // ada:s3cret
    assert_eq!(asked.header("proxy-authorization"), Some("Basic YWRhOnMzY3JldA=="));

    world.write("okta.yaml", "");
    world.pipe(&[&args[..], &["key.pem"]].concat(), "t").fails(2, "has no host").hides("s3cret");
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
