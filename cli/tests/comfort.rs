//! What makes the command pleasant: manual pages, a look at the settings, requests told, mistakes
//! understood.

mod common;

use common::World;

#[test]
fn manual_pages_are_printed_and_written() {
    let world = World::new();
    let page = world.run(&["man", "introspect"]);
    assert!(page.exits(0).stdout.contains(".TH okta-introspect-introspect 1"), "{page:?}");
    assert!(page.stdout.contains("Exit codes:"), "{page:?}");
    assert!(world.run(&["man"]).exits(0).stdout.contains(".TH okta-introspect 1"));
    world.run(&["man", "s3cret"]).fails(2, "no such command").hides("s3cret");
    std::fs::create_dir(world.path("man1")).unwrap();
    world.run(&["man", "--out-dir", "man1"]).exits(0);
    assert!(world.path("man1/okta-introspect-doctor.1").exists());
    assert!(world.path("man1/okta-introspect.1").exists());
    world.run(&["man", "--out-dir", "no/such"]).fails(2, "cannot be written");
}

#[test]
fn mistyped_settings_are_noted_with_what_was_meant() {
    let (world, _) = World::with_key();
    world.write("okta.yaml", "okta: {client: {clientid: s3cret, token: x, orgURl: s3cret}}");
    let world = world.set("OKTA_CLIENT_CLIENT_ID", "s3cret").set("OKTA_CLIENT_TOKEN", "x");
    let run = world.run(&["jwk", "--key-file", "key.pem"]);
    run.exits(0).hides("s3cret");
    for told in [
        "note: nothing reads the variable OKTA_CLIENT_CLIENT_ID; did you mean OKTA_CLIENT_CLIENTID?",
        "note: nothing reads okta.client.clientid in okta.yaml; did you mean clientId?",
        "note: nothing reads okta.client.orgURl in okta.yaml; did you mean orgUrl?",
    ] {
        assert!(run.stderr.lines().any(|line| line == told), "{told}: {run:?}");
    }
    assert_eq!(run.stderr.lines().count(), 3, "{run:?}");
}
