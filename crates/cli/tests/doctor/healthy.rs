//! Apps of which there is nothing bad to say.

use okta_introspect::sandbox::{App, Fault, Times};
use serde_json::{Value, json};

use crate::common::org::Org;

#[test_support::test]
fn a_healthy_app_has_no_warning() {
    let all = |app: App| {
        ["okta.apps.read", "okta.appGrants.read", "okta.roles.read", "okta.logs.read"]
            .into_iter()
            .fold(app, App::grant)
    };
    for (name, app, changes) in [
        (
            "as it is",
            (|app| app) as fn(App) -> App,
            &[("--scope", "okta.users.read okta.logs.read")][..],
        ),
        ("DPoP", |app| app.dpop_required(true), &[("--scope", "okta.users.read")]),
        ("a custom server", |app| app, &[("--scope", "orders.read"), ("--auth-server", "default")]),
        ("no scope", |app| app, &[]),
    ] {
        let org = Org::with(|own| all(app(own)), |builder| builder);
        let run = org.run(&["doctor", "--json"], changes, "");
        let report = run.exits(0).json();
        assert_eq!(
            report["verdict"], "healthy: everything that was checked works",
            "{name}: {report:#}"
        );
        let statuses: Vec<&Value> =
            report["checks"].as_array().unwrap().iter().map(|check| &check["status"]).collect();
        assert!(!statuses.contains(&&json!("warn")), "{name}: {report:#}");
        let keys = report["checks"].as_array().unwrap().iter().find(|it| it["check"] == "app_keys");
        assert_eq!(keys.unwrap()["status"], "ok", "{name}: {report:#}");
        assert_eq!(run.stderr, "", "{name}");
        run.hides("eyJ");
    }
}

/// Refusals that do not say in Okta's words that a proof is missing.
#[test_support::test]
fn an_app_that_demands_proofs_in_other_words_is_healthy() {
    for (name, refusal) in [
        ("a code", Fault::oauth(400, "invalid_dpop_proof")),
        ("a nonce", Fault::oauth(401, "use_dpop_nonce")),
        ("nothing", Fault::empty(400)),
    ] {
        let org = Org::with(|app| app.dpop_required(true), |builder| builder);
        let scope = [("--scope", "okta.users.read")];
        let demand = || {
            org.sandbox.faults().inject(refusal.clone().at("/oauth2/v1/token"), Times::Once);
        };
        demand();
        let report = org.run(&["doctor", "--json"], &scope, "").exits(0).json();
        let checks = report["checks"].as_array().unwrap();
        let dpop = checks.iter().find(|check| check["check"] == "dpop").unwrap();
        assert_eq!(dpop["seen"], "the app demands it, and tokens are bound", "{name}: {report:#}");
        demand();
        let token = org.run(&["token", "--json"], &scope, "").exits(0).json();
        assert_eq!(token["token_type"], "DPoP", "{name}");
    }
}
