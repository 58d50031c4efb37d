//! Apps of which there is nothing bad to say.

use okta_introspect::sandbox::App;
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
