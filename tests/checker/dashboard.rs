//! The dashboard and the alert rules of `packaging/` ask for what there is.

#[path = "../support/packaging/mod.rs"]
mod packaging;

use std::collections::BTreeSet;

use okta_introspect::checker::CheckerConfig;
use packaging::query::{Query, Scrape, read};
use packaging::service::Service;
use packaging::{alerts, dashboard, path, targets};

async fn scrape() -> Scrape {
    let service = Service::start(CheckerConfig::default()).await;
    let token = service.token();
    let statuses = Service::round(service.address, token.expose()).await;
    assert_eq!(statuses, [200, 401, 401, 200]);
    let (status, text) = Service::request(service.address, "GET /metrics", None).await;
    assert_eq!((status, text.contains(token.expose())), (200, false));
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut scrape = read(&text);
    scrape.insert("up".to_owned(), Default::default()); // Prometheus' own
    scrape
}

/// The labels that a text is filled in with.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    let words = parts.flat_map(|(inside, _)| inside.split_whitespace());
    let labels = words.map(|word| word.trim_start_matches("$labels."));
    let no_label = |word: &&str| !matches!(*word, "$value" | "|" | "with" | "end" | ".");
    labels
        .filter(no_label)
        .filter(|word| !word.starts_with("humanize"))
        .map(str::to_owned)
        .collect()
}

#[test_support::test(multi_thread)]
async fn the_dashboard_asks_for_what_there_is() {
    let (scrape, targets) = (scrape().await, targets());
    assert!(targets.len() > 15, "{targets:?}");
    for target in &targets {
        let query = Query::read(&target.expr);
        assert!(!query.metrics.is_empty(), "{target:?}");
        assert_eq!(query.missing(&scrape), [""; 0], "{target:?}");
        let shown = placeholders(&target.legend);
        assert!(shown.is_subset(&query.grouped_by), "{target:?}");
    }
    let panels = dashboard()["panels"].as_array().unwrap().len();
    let shown: BTreeSet<_> = targets.iter().map(|target| &target.panel).collect();
    assert_eq!(panels, shown.len(), "each has a title of its own");
}

#[test_support::test(multi_thread)]
async fn alerts_ask_for_what_there_is_and_say_what_to_do() {
    let (scrape, alerts) = (scrape().await, alerts());
    assert_eq!(alerts.len(), 6);
    for alert in &alerts {
        let query = Query::read(&alert.expr);
        assert!(!query.metrics.is_empty(), "{alert:?}");
        assert_eq!(query.missing(&scrape), [""; 0], "{alert:?}");
        assert!(["critical", "warning"].contains(&&*alert.labels["severity"]), "{alert:?}");
        assert!(
            placeholders(&alert.annotations["summary"]).is_subset(&query.grouped_by),
            "{alert:?}"
        );
        assert!(alert.annotations["description"].len() > 80, "{alert:?}");
    }
}

/// What the dashboard leaves out is left out on purpose.
#[test_support::test(multi_thread)]
async fn every_metric_is_on_the_dashboard_or_named_here() {
    let left_out = ["okta_introspect_local_disagreements_total"];
    let scrape = scrape().await;
    let queries = targets().into_iter().map(|target| Query::read(&target.expr));
    let shown: BTreeSet<String> =
        queries.flat_map(|query| query.metrics.into_iter().map(|(name, _)| name)).collect();
    let base = |name: &str| {
        name.trim_end_matches("_bucket")
            .trim_end_matches("_sum")
            .trim_end_matches("_count")
            .to_owned()
    };
    let shown: BTreeSet<String> = shown.iter().map(|name| base(name)).collect();
    let all = scrape.keys().filter(|name| *name != "up").map(|name| base(name));
    // What there is only where signals come has a dashboard of its own.
    let of_signals = std::fs::read_to_string(path("grafana/okta-introspect-signals.json")).unwrap();
    let is_shown = |name: &String| shown.contains(name) || of_signals.contains(name.as_str());
    let missing: BTreeSet<String> = all.filter(|name| !is_shown(name)).collect();
    assert_eq!(missing, left_out.map(str::to_owned).into());
}
