//! The dashboard and the alert rules of `packaging/`, and a service that has what they are about.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

pub mod query;
pub mod service;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// A query of the dashboard.
#[derive(Debug)]
pub struct Target {
    pub panel: String,
    pub expr: String,
    pub legend: String,
}

/// An alert rule.
#[derive(Debug, Deserialize)]
pub struct Alert {
    pub alert: String,
    pub expr: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

pub fn dashboard() -> Value {
    let text = fs::read_to_string(path("grafana/okta-introspect.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The queries of all panels.
pub fn targets() -> Vec<Target> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| {
        panel["targets"].as_array().unwrap().iter().map(|target| Target {
            panel: panel["title"].as_str().unwrap().to_owned(),
            expr: target["expr"].as_str().unwrap().to_owned(),
            legend: target["legendFormat"].as_str().unwrap().to_owned(),
        })
    });
    targets.collect()
}

/// The text of the alert rules.
pub fn rules() -> String {
    fs::read_to_string(path("prometheus/alerts.yml")).unwrap()
}

pub fn alerts() -> Vec<Alert> {
    #[derive(Deserialize)]
    struct File {
        groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    struct Group {
        rules: Vec<Alert>,
    }
    let file: File = serde_saphyr::from_str(&rules()).unwrap();
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}
