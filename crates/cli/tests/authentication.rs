//! Apps that authenticate otherwise than by a key, and servers that are not Okta's.

use okta_introspect::sandbox::AuthMethod;

use crate::common::World;
use crate::common::org::{CLIENT, Org};

const SECRET: &str = "s3cret%2B+:&=pä-0123456789-0123456789-0123456789-0123456789-0123456789";

fn org(method: AuthMethod) -> Org {
    Org::with(|app| app.auth_method(method).secret(SECRET), |builder| builder)
}

/// A token that nobody knows.
const PRESENTED: &str = "presented-token-0123456789";

/// The options of a client of the custom server that has a secret and no key.
fn changes<'a>(method: &'a str, file: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("--key-file", ""),
        ("--key-id", ""),
        ("--auth-server", "default"),
        ("--client-secret-file", file),
        ("--auth-method", method),
    ]
}

const METHODS: [(AuthMethod, &str); 5] = [
    (AuthMethod::ClientSecretBasic, "client_secret_basic"),
    (AuthMethod::ClientSecretPost, "client_secret_post"),
    (AuthMethod::ClientSecretJwt, "client_secret_jwt"),
    (AuthMethod::ClientSecretJwt, "client_secret_jwt:HS384"),
    (AuthMethod::ClientSecretJwt, "client_secret_jwt:HS512"),
];

#[test_support::test]
fn each_method_requests_introspects_and_revokes() {
    for (method, name) in METHODS {
        let org = org(method);
        org.world.write("secret.txt", format!("{SECRET}\n"));
        let changes = changes(name, "secret.txt");
        let scope = [&changes[..], &[("--scope", "orders.read")]].concat();
        let token = org.run(&["token"], &scope, "");
        let token = token.exits(0).hides(SECRET).stdout.clone();
        let asked = org.run(&["introspect", "--json"], &changes, &token);
        assert_eq!(asked.exits(0).json()["active"], true, "{name}");
        org.run(&["revoke", "--confirm"], &changes, &token).exits(0);
        let batch = org.run(&["introspect", "--batch"], &changes, &token);
        batch.exits(1).hides(SECRET);
        let report = org.run(&["doctor", "--json"], &scope, "");
        report.hides(SECRET);
        let report: serde_json::Value = report.json();
        let of = |check: &str| {
            let checks = report["checks"].as_array().unwrap();
            checks.iter().find(|found| found["check"] == check).unwrap().to_string()
        };
        assert!(of("key").contains("has a client secret (from --client-secret-file)"), "{report}");
        let told = of("assertion");
        let expected = if name.contains("jwt") { "iss and sub" } else { "authenticates by" };
        assert!(told.contains(expected), "{name}: {told}");
    }
}

#[test_support::test]
fn a_secret_is_named_by_a_variable_or_a_file_of_settings_too() {
    let org = org(AuthMethod::ClientSecretPost);
    let issuer = format!("{}/oauth2/default", org.sandbox.issuer());
    let world = World::new()
        .set("OKTA_CLIENT_ISSUER", &*issuer)
        .set("OKTA_CLIENT_CLIENTID", CLIENT)
        .set("OKTA_CLIENT_CLIENTSECRET", SECRET)
        .set("OKTA_CLIENT_AUTHORIZATIONMODE", "client_secret_post")
        .set("OKTA_CLIENT_SCOPES", "orders.read");
    world.run(&["token"]).exits(0).hides(SECRET);
    let shown = world.run(&["config", "show"]);
    shown.exits(0).hides(SECRET);
    assert!(shown.stdout.contains("client_secret"), "{shown:?}");
    let file = World::new();
    file.write("secret.txt", SECRET);
    let members = "clientSecretFile: secret.txt, authorizationMode: client_secret_post";
    let text = format!(
        "okta: {{client: {{issuer: '{issuer}', clientId: {CLIENT}, {members}, scopes: [orders.read]}}}}"
    );
    file.write("okta.yaml", text);
    // In the working folder it would name no file whose content is sent.
    file.run(&["token", "--config", "okta.yaml"]).exits(0).hides(SECRET);
}

#[test_support::test]
fn a_wrong_secret_or_method_is_told_with_its_cause_and_ours() {
    let org = org(AuthMethod::ClientSecretBasic);
    org.world.write("secret.txt", SECRET);
    org.world.write("wrong.txt", "wr0ng-0123456789-0123456789-0123456789");
    for (method, file, told) in [
        ("client_secret_basic", "wrong.txt", "not one of the app's active secrets"),
        ("client_secret_post", "secret.txt", "by another method than ours"),
        ("client_secret_jwt", "secret.txt", "authentication method: client_secret_jwt"),
    ] {
        let run = org.run(&["introspect"], &changes(method, file), PRESENTED);
        run.fails(4, told).hides("wr0ng").hides("s3cret");
    }
    let none = [("--key-file", ""), ("--key-id", ""), ("--auth-method", "none")];
    org.run(&["introspect"], &none, PRESENTED).fails(4, "by another method than ours");
    let missing = [("--key-file", ""), ("--key-id", ""), ("--auth-method", "client_secret_post")];
    org.run(&["introspect"], &missing, PRESENTED).fails(2, "--client-secret-file");
    // An app with a secret has no assertions, and the org server no tokens for it.
    let basic = changes("client_secret_basic", "secret.txt");
    let assertion = org.run(&["assertion", "--endpoint", "token"], &basic, "");
    assertion.fails(2, "authenticates by client_secret_basic");
    let at_org: Vec<_> =
        basic.iter().copied().filter(|(name, _)| *name != "--auth-server").collect();
    let at_org = [&at_org[..], &[("--scope", "okta.users.read")]].concat();
    org.run(&["token"], &at_org, "").fails(4, "only to apps that authenticate by public key");
}

#[test_support::test]
fn a_public_client_introspects() {
    let org = org(AuthMethod::None);
    let none = [("--key-file", ""), ("--key-id", ""), ("--auth-method", "none")];
    org.run(&["introspect"], &none, PRESENTED).exits(1);
}

#[cfg(unix)]
#[test_support::test]
fn a_secret_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;

    let org = org(AuthMethod::ClientSecretBasic);
    let path = org.world.write("secret.txt", SECRET);
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let run =
            org.run(&["introspect"], &changes("client_secret_basic", "secret.txt"), PRESENTED);
        assert_eq!(run.exits(1).stderr.contains("client secret's file"), is_told, "{run:?}");
    }
}

#[test_support::test]
fn endpoints_are_discovered_or_named_and_the_audience_is_chosen() {
    let org = Org::new();
    let issuer = format!("{}/oauth2/default", org.sandbox.issuer());
    let at = |flags: &[(&'static str, String)]| {
        let mut changes = vec![("--issuer", issuer.clone()), ("--scope", "orders.read".into())];
        changes.extend_from_slice(flags);
        let changes: Vec<(&str, &str)> =
            changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        org.run(&["token"], &changes, "")
    };
    let named = ("--token-endpoint", format!("{issuer}/v1/token"));
    at(std::slice::from_ref(&named)).exits(0);
    at(&[named.clone(), ("--audience", "endpoint".into())]).exits(0);
    at(&[named.clone(), ("--audience", "token".into())]).exits(0);
    at(&[named.clone(), ("--audience", format!("{issuer}/v1/token"))]).exits(0);
    at(&[named.clone(), ("--audience", "issuer".into())]).fails(4, "audience");
    at(&[("--audience", "nobody".into())]).fails(2, "--audience is neither");
    at(&[("--token-endpoint", format!("{issuer}/v1/nothing"))]).fails(3, "/v1/nothing");
    at(&[("--token-endpoint", "http://id.example/t".into())]).fails(2, "--token-endpoint");
    let run = |command: &[&str], input: &str| {
        let changes = [("--issuer", issuer.as_str())];
        org.run(&[command, &["--discover"]].concat(), &changes, input)
    };
    let token = run(&["token", "--scope", "orders.read"], "").exits(0).stdout.clone();
    run(&["introspect"], &token).exits(0);
    run(&["revoke", "--confirm"], &token).exits(0);
    run(&["introspect"], &token).exits(1);
    run(&["introspect", "--batch"], &token).exits(1);
    let nowhere = [("--issuer", "{org}/nowhere")];
    let run = org.run(&["introspect", "--discover"], &nowhere, PRESENTED);
    run.fails(3, "well-known");
}
