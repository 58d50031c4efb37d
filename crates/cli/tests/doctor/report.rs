//! What the report says, and to whom.

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
