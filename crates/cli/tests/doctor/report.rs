//! What the report says, and to whom.

use okta_introspect::sandbox::CustomServer;
use serde_json::Value;

use crate::common::org::Org;
use crate::common::{Sandbox, World};

#[test_support::test]
fn what_may_not_be_read_is_skipped_and_the_scope_for_it_named() {
    let org = Org::new();
    let run = org.run(&["doctor"], &[("--scope", "okta.users.read")], "");
    let told = &run.exits(0).stdout;
    assert!(told.contains("this needs the scope okta.apps.read"), "{told}");
    assert!(told.ends_with("healthy: everything that was checked works\n"), "{told}");
    for line in told.lines().take(8) {
        assert!(line.starts_with("ok "), "{told}");
    }
}

#[test_support::test]
fn hints_are_for_those_who_ask() {
    let org = Org::with(|app| app.dpop_required(true), |builder| builder);
    let changes = [("--scope", "okta.users.read"), ("--dpop", "never")];
    let plain = org.run(&["doctor"], &changes, "");
    let hinted = org.run(&["doctor", "--fix-hints"], &changes, "");
    assert!(!plain.exits(4).stdout.contains("try: "), "{plain:?}");
    assert!(
        hinted.exits(4).stdout.contains("try: export OKTA_CLIENT_DPOPENABLED=true"),
        "{hinted:?}"
    );
    assert!(plain.stderr.starts_with("error: 1 of "), "{plain:?}");
}

#[test_support::test]
fn a_sandbox_that_has_ended_is_not_examined() {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    world.run(&["doctor"]).exits(0);
    #[cfg(unix)]
    assert_eq!(sandbox.end("TERM"), 0);
    #[cfg(not(unix))]
    drop(sandbox);
    let run = world.run(&["doctor"]);
    assert!(run.exits(2).stdout.contains("no issuer was given"), "{run:?}");
}

/// A check of the report.
fn check(org: &Org, name: &str, changes: &[(&str, &str)]) -> Value {
    let report = org.run(&["doctor", "--json"], changes, "").exits(4).json();
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("{report:#}"))
        .clone()
}

#[test_support::test]
fn the_scope_that_was_meant_is_one_that_is_granted_or_that_the_server_names() {
    let server = CustomServer::new("billing").scope("invoices:write");
    let org = Org::with(
        |app| app.grant("okta.appGrants.read").grant("custom.reports"),
        |builder| builder.server(server),
    );
    for (scope, told) in [
        ("okta.user.read", "okta.user.read is not granted, and okta.users.read is"),
        ("custom.report", "custom.report is not granted, and custom.reports is"),
    ] {
        let grants = check(&org, "app_grants", &[("--scope", scope)]);
        assert_eq!((&grants["status"], &grants["cause"]), (&"warn".into(), &told.into()));
    }
    let grants = check(&org, "app_grants", &[("--scope", "okta.policies.read")]);
    assert_eq!(grants["status"], "ok", "it is like none of them: {grants}");

    let scope = [("--scope", "invoice:write"), ("--auth-server", "billing")];
    let token = check(&org, "token invoice:write", &scope);
    let cure = token["cure"].as_str().unwrap();
    assert!(cure.starts_with("did you mean invoices:write? Else "), "{cure}");
}
