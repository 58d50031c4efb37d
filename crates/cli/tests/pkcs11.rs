//! The command with a key in SoftHSM, whose module has its configuration from the environment.

use std::fs;
use std::path::Path;
use std::process::Command;

use okta_introspect::sandbox::{App, AppKey};
use serde_json::json;

use crate::common::org::Org;
use crate::common::{Run, World, skip};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A sample, which nothing shows.
const PIN: &str = "90817263";

const ID: &str = "0oa1hsm";

/// The same app, whose tokens are bound.
const BOUND: &str = "0oa1bound";

/// Makes a token in a world, whose commands find it from then on.
fn token_in(world: &mut World, test: &str) -> bool {
    let installed = |path: &str| Path::new(path).exists();
    if !installed(MODULE) || !installed("/usr/bin/softhsm2-util") {
        skip(test, "SoftHSM is not installed");
        return false;
    }
    let tokens = world.path("tokens");
    fs::create_dir(&tokens).unwrap();
    let config = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    let config = world.write("softhsm2.conf", config);
    world.write("pin", PIN);
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "okta", "--so-pin", "12345678", "--pin", PIN])
        .env("SOFTHSM2_CONF", &config)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    world.put("SOFTHSM2_CONF", config);
    true
}

fn uri(world: &World, label: &str) -> String {
    let pin = world.path("pin");
    format!(
        "pkcs11:token=okta;object={label}?module-path={MODULE}&pin-source=file:{}",
        pin.display()
    )
}

/// An org that knows an app by a key that was made in the token, and the key's URI.
fn org(test: &str) -> Option<(Org, String)> {
    let mut org = Org::with(|app| app, |builder| builder);
    if !token_in(&mut org.world, test) {
        return None;
    }
    let uri = uri(&org.world, "app");
    let made = org.world.run(&["keygen", "--pkcs11", &uri, "--key-id", "k1"]);
    made.exits(0).hides(PIN);
    let key = AppKey::from_jwk(&made.json()).unwrap();
    for (id, bound) in [(ID, false), (BOUND, true)] {
        let app = App::service(id).key(key.clone()).grant("okta.users.read").admin(true);
        org.sandbox.register(app.dpop_required(bound));
    }
    Some((org, uri))
}

fn run(org: &Org, uri: &str, id: &str, command: &[&str], input: &str) -> Run {
    let run = org.run(command, &[("--key-file", uri), ("--client-id", id)], input);
    run.hides(PIN);
    run
}

#[test_support::test]
fn every_command_works_with_a_key_in_a_token() {
    let Some((org, uri)) = org("every_command_works_with_a_key_in_a_token") else { return };
    for (id, dpop) in [(ID, "never"), (BOUND, "always")] {
        let run = |command: &[&str], input: &str| run(&org, &uri, id, command, input);
        let token = run(&["token", "--scope", "okta.users.read", "--dpop", dpop], "");
        let token = token.exits(0).stdout.clone();
        assert_eq!(run(&["introspect", "--json"], &token).exits(0).json()["active"], json!(true));
        run(&["revoke"], &token).exits(0);
        assert_eq!(
            run(&["introspect", "--json"], &token).exits(1).json(),
            json!({"active": false})
        );
    }
    let run = |command: &[&str], input: &str| run(&org, &uri, ID, command, input);
    let report = run(&["doctor", "--scope", "okta.users.read"], "");
    assert_eq!(report.code, 0, "{report:?}");
    assert!(report.stdout.contains("ES256, key id k1, thumbprint"), "{report:?}");
    assert!(run(&["assertion", "--endpoint", "token"], "").exits(0).stdout.starts_with("ey"));
    run(&["api", "/api/v1/users/00u1ada", "--token-cache"], "").fails(2, "never leaves its place");
}

#[test_support::test]
fn a_key_is_made_in_a_token_and_its_public_half_told() {
    let name = "a_key_is_made_in_a_token_and_its_public_half_told";
    let mut world = World::new();
    if !token_in(&mut world, name) {
        return;
    }
    for (label, options, alg) in [
        ("ec", &[][..], "ES256"),
        ("p521", &["--algorithm", "ES512"], "ES512"),
        ("rsa", &["--rsa", "3072"], "RS256"),
        ("pss", &["--algorithm", "PS384"], "PS384"),
    ] {
        let uri = uri(&world, label);
        let made = world.run(&[&["keygen", "--pkcs11", &uri, "--json"], options].concat());
        let made = made.exits(0).hides(PIN).json();
        assert_eq!(made["jwk"]["alg"], json!(alg));
        assert!(made["jwk"].get("d").is_none());
        let jwk = world.run(&["jwk", &uri, "--algorithm", alg]).exits(0).json();
        assert_eq!(jwk, made["jwk"]);
        let again = world.run(&["keygen", "--pkcs11", &uri]);
        again.fails(2, "has a private key of this label already").hides(PIN);
    }
    let uri = uri(&world, "new");
    world
        .run(&["keygen", "--pkcs11", &uri, "--rsa", "2048", "--algorithm", "ES256"])
        .fails(2, "--rsa");
    world.run(&["keygen", "--pkcs11", &uri, "key.pem"]).exits(2);
    let pin_value = format!("pkcs11:token=okta;object=new?pin-value={PIN}");
    world.run(&["keygen", "--pkcs11", &pin_value]).fails(2, "the PIN itself").hides(PIN);
    world.run(&["jwk", &pin_value]).fails(2, "the PIN itself").hides(PIN);
    world.write("pin", "13571357");
    world.run(&["jwk", &uri]).fails(2, "the token refused the PIN").hides("13571357");
}

#[test_support::test]
fn the_sidecar_takes_a_key_in_a_token() {
    let Some((org, uri)) = org("the_sidecar_takes_a_key_in_a_token") else { return };
    let config = |uri: &str| {
        let issuer = org.sandbox.issuer();
        let okta =
            format!("{{issuer: '{issuer}', client_id: {ID}, private_key: '{uri}', key_id: k1}}");
        let path =
            org.world.write("serve.yaml", format!("listeners: [{{mode: nginx}}]\nokta: {okta}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, mode).unwrap();
        org.world.run(&["serve", "--config", "serve.yaml", "--check"])
    };
    config(&uri).exits(0).hides(PIN);
    let absent = config(&uri.replace("object=app", "object=none"));
    absent.hides(PIN);
    assert!(absent.code == 2 && absent.stderr.contains("no such private key"), "{absent:?}");
    let pin_value = config(&format!("{uri}&pin-value={PIN}"));
    pin_value.hides(PIN);
    assert!(pin_value.code == 2 && pin_value.stderr.contains("the PIN itself"), "{pin_value:?}");
}

#[test_support::test]
fn the_settings_may_name_a_key_in_a_token() {
    let Some((mut org, uri)) = org("the_settings_may_name_a_key_in_a_token") else { return };
    let issuer = org.sandbox.issuer().to_string();
    let init = ["config", "init", "--issuer", &issuer, "--client-id", ID, "--key-file", &uri];
    org.world
        .run(&[&init[..], &["--key-id", "k1", "--scope", "okta.users.read"]].concat())
        .exits(0);
    org.world.run(&["token"]).exits(0).hides(PIN);
    let shown = org.world.run(&["config", "show"]);
    shown.exits(0).hides(PIN);
    assert!(shown.stdout.contains("ES256 key at pkcs11:token=okta;object=app"), "{shown:?}");
    // The PIN as a passphrase, for a URI that names none.
    let (bare, _) = uri.split_once("&pin-source").unwrap();
    org.world.put("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", PIN);
    for (name, value) in
        [("ORGURL", issuer.as_str()), ("CLIENTID", ID), ("PRIVATEKEY", bare), ("KEYID", "k1")]
    {
        org.world.put(&format!("OKTA_CLIENT_{name}"), value);
    }
    org.world.run(&["token", "--scope", "okta.users.read"]).exits(0).hides(PIN);
}
