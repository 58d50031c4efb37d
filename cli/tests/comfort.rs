//! What makes the command pleasant: manual pages, a look at the settings, requests told, mistakes
//! understood.

mod common;

use common::World;

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
