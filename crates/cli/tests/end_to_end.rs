//! The whole way with the real binary: sandbox, token, introspection, revocation.

use serde_json::json;

use crate::common::{Sandbox, World};

#[test_support::test]
fn a_token_is_active_until_it_is_revoked_with_no_configuration_at_all() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);

    let token = world.run(&["token", "--scope", "okta.users.read"]);
    token.exits(0);
    assert_eq!(token.stderr.lines().count(), 1, "{token:?}");
    let token = token.stdout;

    let active = world.pipe(&["introspect", "--json"], &token);
    active.exits(0).hides(token.trim());
    let answer = active.json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "okta.users.read");
    assert_eq!(answer["client_id"], sandbox.text("client_id"));
    assert_eq!(answer["iss"], sandbox.text("issuer"));

    let text = world.pipe(&["introspect"], &token);
    assert!(
        text.exits(0).stdout.starts_with("active\n  scope       okta.users.read\n"),
        "{text:?}"
    );

    let revoked = world.pipe(&["revoke"], &token);
    assert_eq!(revoked.exits(0).hides(token.trim()).stdout, "accepted\n");
    assert!(revoked.stderr.contains("--confirm"), "{revoked:?}");

    let inactive = world.pipe(&["introspect", "--json"], &token);
    assert_eq!(inactive.exits(1).stdout, "{\"active\":false}\n");
    assert_eq!(world.pipe(&["introspect"], &token).exits(1).stdout, "inactive\n");
}

#[test_support::test]
fn the_exported_settings_serve_as_well_as_the_record() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    let elsewhere = World::new()
        .set("OKTA_CLIENT_ORGURL", sandbox.text("issuer"))
        .set("OKTA_CLIENT_CLIENTID", sandbox.text("client_id"))
        .set("OKTA_CLIENT_PRIVATEKEY", sandbox.text("key_file"))
        .set("OKTA_CLIENT_PRIVATEKEYID", sandbox.text("key_id"))
        .set("OKTA_CLIENT_SCOPES", "okta.users.read,okta.logs.read");
    let token = elsewhere.run(&["token", "--json"]);
    assert_eq!(token.exits(0).stderr, "");
    let token = token.json();
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["expires_in"], 3600);
    assert_eq!(token["scope"], "okta.logs.read okta.users.read");
    let access_token = token["access_token"].as_str().unwrap();

    let confirmed = elsewhere.pipe(&["revoke", "--confirm", "--json"], access_token);
    confirmed.exits(0).hides(access_token);
    assert_eq!(confirmed.json(), json!({"accepted": true, "active": false}));
}

#[test_support::test]
fn a_token_of_another_server_of_the_org_is_asked_about_there() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    let custom = ["--auth-server", "default"];
    let token = world.run(&[&["token", "--scope", "orders.read"], &custom[..]].concat());
    let token = &token.exits(0).stdout;
    let right = world.pipe(&[&["introspect", "--json"], &custom[..]].concat(), token);
    assert_eq!(right.exits(0).json()["iss"], sandbox.text("custom_issuer"));

    let other = world.pipe(&["introspect", "--json"], token);
    assert_eq!(other.exits(0).json(), right.json());
    assert!(other.stderr.contains(sandbox.text("custom_issuer")), "{other:?}");
}

#[test_support::test]
fn a_wrong_key_is_our_problem_and_says_nothing_about_the_token() {
    let (world, _) = World::with_key();
    let sandbox = Sandbox::start(&world, &[]);
    let client = [
        "--issuer",
        sandbox.text("issuer"),
        "--client-id",
        sandbox.text("client_id"),
        "--key-file",
        "key.pem",
        "--key-id",
        sandbox.text("key_id"),
    ];
    let refused = world.pipe(&[&["introspect", "--json"], &client[..]].concat(), "some-token");
    refused.fails(4, "The client_assertion signature is invalid.").hides("some-token");
    assert!(refused.stderr.contains("thumbprint"), "{refused:?}");

    let mut unknown = client;
    unknown[7] = "nobody";
    let unknown = world.run(&[&["token", "--scope", "okta.users.read"], &unknown[..]].concat());
    unknown.fails(4, "The client_assertion JWT kid is invalid.");
}

#[test_support::test]
fn a_scope_that_was_not_granted_is_refused() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    world.run(&["token", "--scope", "okta.devices.manage"]).fails(4, "scope");
}

#[cfg(unix)]
#[test_support::test]
fn a_sandbox_that_has_ended_leaves_nothing_and_is_not_used() {
    let world = World::new();
    for ending in ["TERM", "INT", "HUP"] {
        let sandbox = Sandbox::start(&world, &["--tls"]);
        assert_eq!(sandbox.end(ending), 0, "{ending}");
        let left = std::fs::read_dir(world.runtime().join("okta-introspect")).unwrap();
        assert_eq!(left.count(), 0, "{ending}");
    }
    let run = world.pipe(&["introspect", "--json"], "some-token");
    run.fails(2, "no issuer was given").hides("some-token");
}

/// The newest that runs, however the others ended.
#[cfg(unix)]
#[test_support::test]
fn of_two_sandboxes_the_newest_that_runs_is_used() {
    let world = World::new();
    let used =
        || world.run(&["config", "show", "--json"]).exits(0).json()["settings"][0]["value"].clone();
    let first = Sandbox::start(&world, &[]);
    let second = Sandbox::start(&world, &[]);
    assert_eq!(used(), second.text("issuer"));
    assert_eq!(second.end("INT"), 0);
    assert_eq!(used(), first.text("issuer"));
    world.run(&["token", "--scope", "okta.users.read"]).exits(0);
    let third = Sandbox::start(&world, &[]);
    assert_eq!(used(), third.text("issuer"));
    let key = third.text("key_file").to_owned();
    // Its record stays, and its key.
    third.kill();
    assert_eq!(used(), first.text("issuer"));
    let fourth = Sandbox::start(&world, &[]);
    assert!(!std::path::Path::new(&key).exists(), "the next one clears away");
    drop((first, fourth));
    world.run(&["config", "show"]).exits(0);
}

#[cfg(unix)]
#[test_support::test]
fn a_verbose_sandbox_tells_of_each_request_and_of_no_secret() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &["--verbose"]);
    let token = world.run(&["token", "--scope", "okta.users.read"]);
    world.run(&["token", "--scope", "okta.devices.read"]).fails(4, "scope");
    let token = token.stdout.trim().to_owned();
    world.pipe(&["introspect"], &token).exits(0);
    let said = sandbox.end_and_tell();
    for line in [
        "POST /oauth2/v1/token 200\n",
        "POST /oauth2/v1/token 400 consent_required: You are not allowed any of the requested scopes.\n",
        "POST /oauth2/v1/introspect 200\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains(&token) && !said.contains("client_assertion="), "{said}");
}

/// The call of the README.
#[test_support::test]
fn a_group_is_made_in_the_sandbox() {
    let world = World::new();
    let _sandbox = Sandbox::start(&world, &[]);
    let made = world.run(&["api", "POST", "/api/v1/groups", "-f", "profile.name=Auditors"]);
    assert_eq!(made.exits(0).json()["profile"]["name"], "Auditors");

    let path = "/api/v1/groups";
    let made = world.run(&["api", path, "-X", "post", "-f", "profile.name=Operators"]);
    assert_eq!(made.exits(0).json()["profile"]["name"], "Operators");
    let listed = world.run(&["api", path, "-X", "GET", "--filter", ".[].profile.name", "--raw"]);
    let listed = &listed.exits(0).stdout;
    assert!(listed.contains("Auditors") && listed.contains("Operators"), "{listed}");
}

#[cfg(unix)]
#[test_support::test]
fn what_the_sandbox_leaves_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    let folder = world.runtime().join("okta-introspect");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(format!("sandbox-{}.json", sandbox.pid()))), 0o600);
    assert_eq!(mode(std::path::Path::new(sandbox.text("key_file"))), 0o600);

    // Opened to others, the folder may have been written to by anybody.
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    world.run(&["token", "--scope", "okta.users.read"]).fails(2, "no issuer was given");
}

/// What the README shows is a seed, and its limits hold.
#[test_support::test]
fn the_seed_of_the_readme_is_one() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, seed) = readme.split_once("`--seed FILE` takes JSON or YAML:\n\n```yaml\n").unwrap();
    let (seed, _) = seed.split_once("```").unwrap();
    let (_, limits) = seed.split_once("\nrate_limits:").unwrap();
    for limit in ["org_token", "org", "custom_token", "custom", "logs", "api"] {
        assert!(limits.contains(&format!("\n  {limit}: ")), "{limit}");
    }
    let (world, key_id) = World::with_key();
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]).exits(0).json();
    let seed = seed.replace("jwks: { keys: [] }", &format!("jwks: {{ keys: [{jwk}] }}"));
    world.write("seed.yaml", seed.replace("org_token: 300 ", "org_token: 2 "));
    let sandbox = Sandbox::start(&world, &["--seed", "seed.yaml"]);
    let own = ["--issuer", sandbox.text("issuer"), "--client-id", "0oa1service"];
    let key = ["--key-file", "key.pem", "--key-id", &key_id, "--scope", "okta.users.read"];
    let token = [&["token"], &own[..], &key].concat();
    world.run(&token).exits(0);
    world.run(&[&token[..], &["--timeout", "1"]].concat()).fails(3, "called too often");
}

#[test_support::test]
fn a_seed_adds_apps_and_servers_to_the_sandbox() {
    let (world, key_id) = World::with_key();
    let jwk = world.run(&["jwk", "--key-file", "key.pem"]).stdout;
    world.write(
        "seed.yaml",
        format!(
            "apps:\n  - client_id: 0oaown\n    scopes: [okta.users.read]\n    jwks:\n      keys: \
             [{jwk}]\nservers:\n  - id: shop\n    scopes: [orders.read]\n"
        ),
    );
    let sandbox = Sandbox::start(&world, &["--seed", "seed.yaml"]);
    let client = [
        "--issuer",
        sandbox.text("issuer"),
        "--client-id",
        "0oaown",
        "--key-file",
        "key.pem",
        "--key-id",
        &key_id,
    ];
    world.run(&[&["token", "--scope", "okta.users.read"], &client[..]].concat()).exits(0);
    let shop = ["token", "--auth-server", "shop", "--scope", "orders.read"];
    world.run(&[&shop[..], &client[..]].concat()).exits(0);
    // The sandbox's own app and server are still there.
    world.run(&["token", "--auth-server", "default", "--scope", "orders.read"]).exits(0);
}

#[test_support::test]
fn the_demo_needs_nothing_and_shows_everything_but_secrets() {
    let world = World::new();
    let told = world.run(&["demo"]);
    told.exits(0).hides("eyJhbGci").hides("eyJraWQi").hides("eyJ0eXAi");
    for line in ["   active: true", "   active: false", "   aud: http://127.0.0.1:"] {
        assert!(told.stdout.lines().any(|told| told.starts_with(line)), "{line}: {told:?}");
    }
    for refusal in ["audience claim", "already been used"] {
        assert!(told.stdout.contains(refusal), "{refusal}: {told:?}");
    }
    let steps = world.run(&["demo", "--json"]);
    let names: Vec<_> =
        steps.json()["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(
        json!(names),
        json!([
            "sandbox",
            "key",
            "assertion",
            "token",
            "introspect",
            "revoke",
            "introspect",
            "wrong_audience",
            "used_assertion",
        ])
    );
}
