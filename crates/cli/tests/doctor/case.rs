//! Broken set-ups, and what must be said of them.

use okta_introspect::sandbox::{App, SandboxBuilder};
use serde_json::Value;

use crate::common::org::Org;

/// One broken set-up, and what must be said of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) app: fn(App) -> App,
    pub(crate) build: fn(SandboxBuilder) -> SandboxBuilder,
    pub(crate) after: fn(&Org),
    pub(crate) changes: &'static [(&'static str, &'static str)],
    /// The first check that is not well, its status, and a part of the likely cause.
    pub(crate) found: (&'static str, &'static str, &'static str),
    pub(crate) exit: i32,
}

impl Case {
    pub(crate) const WELL: Self = Self {
        name: "",
        app: |app| app,
        build: |builder| builder,
        after: |_| {},
        changes: &[],
        found: ("", "", ""),
        exit: 0,
    };

    /// A setting that is wrong.
    pub(crate) const fn setting(
        name: &'static str,
        changes: &'static [(&'static str, &'static str)],
        found: (&'static str, &'static str, &'static str),
        exit: i32,
    ) -> Self {
        Self { name, changes, found, exit, ..Self::WELL }
    }

    /// An app that is registered wrongly.
    pub(crate) const fn app(
        name: &'static str,
        app: fn(App) -> App,
        cause: &'static str,
        exit: i32,
    ) -> Self {
        Self { name, app, found: ("token okta.users.read", "fail", cause), exit, ..Self::WELL }
    }

    /// A server that misbehaves.
    pub(crate) const fn server(
        name: &'static str,
        after: fn(&Org),
        found: (&'static str, &'static str, &'static str),
        exit: i32,
    ) -> Self {
        Self { name, after, found, exit, ..Self::WELL }
    }

    #[track_caller]
    pub(crate) fn check(&self) {
        let org = Org::with(self.app, self.build);
        (self.after)(&org);
        let mut changes = self.changes.to_vec();
        if !changes.iter().any(|(name, _)| *name == "--scope") {
            changes.push(("--scope", "okta.users.read"));
        }
        let run = org.run(&["doctor", "--json"], &changes, "");
        let report: Value = run.exits(self.exit).json();
        let checks = report["checks"].as_array().unwrap();
        let ill = checks.iter().find(|check| check["status"] == self.found.1);
        let ill = ill.unwrap_or_else(|| panic!("{}: nothing found: {report:#}", self.name));
        assert_eq!(ill["check"], self.found.0, "{}: {report:#}", self.name);
        let told = format!("{} | {} | {}", ill["seen"], ill["cause"], ill["cure"]);
        assert!(told.contains(self.found.2), "{}: {told}", self.name);
        let failed = checks.iter().any(|check| check["status"] == "fail");
        assert_eq!(report["healthy"], !failed, "{}", self.name);
        assert_eq!(failed, self.exit != 0, "{}: {report:#}", self.name);
        let said = ill["cause"].as_str().is_some() || ill["cure"].as_str().is_some();
        assert!(said, "{}: neither cause nor cure: {ill:#}", self.name);
    }
}

pub(crate) const TOKEN: &str = "token okta.users.read";
