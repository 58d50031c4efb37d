//! From the parts of the file to what they mean, with a fault for everything that cannot be meant.

mod caller;
mod checker;
mod identity;
mod listener;
mod okta;
mod origin;
mod pem;
mod receive;
mod rule;
mod shared;
mod signals;

use std::path::Path;
use std::time::Duration;

use okta_introspect_settings::Environment;
use serde::de::DeserializeOwned;

use super::document::{
    DpopDocument, IntrospectionDocument, LogDocument, PathsDocument, Replay, Span,
};
use super::expand::Expansion;
use super::faults::Faults;
use super::resolved::{Config, LogConfig, ReplayConfig};
use super::tree::{Kind, Node};
use crate::error::Fault;
use crate::original::Mode;
use crate::path::{Decoding, PathPolicy};

/// How long the proxy of mode `envoy` waits for us, unless it is told otherwise.
const ENVOY_TIMEOUT: Duration = Duration::from_millis(200);

const DRAIN: Span = Span::secs(5);

const MAX_DRAIN: Duration = Duration::from_secs(60);

const REPEAT_WITHIN: Span = Span::secs(2);

const MAX_REPEAT_WITHIN: Duration = Duration::from_secs(10);

/// Everything that the file says. What was wrong went to `faults`: then the result is of no use.
pub(super) fn config(
    root: &mut Node,
    faults: &mut Faults,
    environment: &Environment,
    path: &Path,
    expansion: &mut Expansion<'_>,
) -> Config {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let dry_run = flag(root, "dry_run");
    if dry_run {
        faults.warn("dry_run", Fault::new("no rule refuses anything"));
    }
    let okta = okta::resolve(root, faults, folder, expansion);
    let callers = caller::resolve(root, faults);
    let listeners = listener::resolve(root, faults, folder, !callers.is_empty());
    let management = listener::management(root, faults, folder, &listeners);
    let is_envoy = listeners.iter().any(|(_, listener)| listener.mode == Some(Mode::Envoy));
    let mut checker = checker::resolve(root, faults, is_envoy);
    let signals = signals::resolve(root, faults, folder, (&listeners, &management), &mut checker);
    let shared = shared::resolve(root, faults);
    signals::check_issuers(&okta, checker.signals, faults);
    let (origins, origin_configs) = origin::resolve(root, faults);
    let has_no_origins = origins.iter().next().is_none();
    let (paths, decodings) = paths(root, faults);
    let (rules, rule_configs) = rule::resolve(
        root,
        faults,
        paths,
        &rule::Context { origins: &origins, checker: &checker, is_envoy, dry_run },
    );
    let dpop = dpop(root, faults, has_no_origins);
    Config {
        okta,
        checker,
        listeners: listeners.into_iter().map(|(_, listener)| listener).collect(),
        callers,
        management,
        origins,
        origin_configs,
        decodings,
        rules,
        rule_configs,
        identity: identity::resolve(root, faults),
        dpop,
        signals,
        shared,
        downstream_cache: section::<IntrospectionDocument>(root, "introspection", faults)
            .and_then(|introspection| introspection.downstream_cache)
            .unwrap_or_default(),
        dry_run,
        drain: drain(root, faults),
        log: log(root, faults),
        files: std::mem::take(&mut expansion.files),
        path: path.to_owned(),
        environment: environment.clone(),
    }
}

/// A part of the file; `None` if it was left out, or if something in it was wrong already.
fn section<T: DeserializeOwned>(root: &mut Node, name: &str, faults: &mut Faults) -> Option<T> {
    let node = root.take(name)?;
    read(node, name, faults)
}

/// The entries of a list, with their places. Those in which something was wrong are left out.
fn entries<T: DeserializeOwned>(
    root: &mut Node,
    name: &str,
    faults: &mut Faults,
) -> Vec<(String, T)> {
    let Some(Node { kind: Kind::List(items), .. }) = root.take(name) else { return Vec::new() };
    let items = items.into_iter().enumerate();
    items
        .filter_map(|(index, item)| {
            let place = format!("{name}[{index}]");
            read(item, &place, faults).map(|entry| (place, entry))
        })
        .collect()
}

fn read<T: DeserializeOwned>(node: Node, place: &str, faults: &mut Faults) -> Option<T> {
    if faults.any_within(place) {
        return None;
    }
    let read = serde_json::from_value(node.into_value());
    if read.is_err() {
        // What it is not was told in detail where the schema knows it.
        faults.error(place, Fault::new("not of the form that the schema has"));
    }
    read.ok()
}

fn flag(root: &mut Node, name: &str) -> bool {
    matches!(root.take(name), Some(Node { kind: Kind::Bool(true), .. }))
}

/// Refuses a span that is out of bounds.
fn within(
    place: &str,
    span: Option<Span>,
    least: Duration,
    most: Duration,
    faults: &mut Faults,
) -> Option<Duration> {
    let span = span?;
    if (least..=most).contains(&span.0) {
        return Some(span.0);
    }
    let bounds = format!("cannot be {span}: {} to {}", Span(least), Span(most));
    faults.error(place, Fault::new(bounds));
    None
}

/// How paths are read, and by which decodings.
fn paths(root: &mut Node, faults: &mut Faults) -> (PathPolicy, Vec<Decoding>) {
    let written: Option<PathsDocument> = section(root, "paths", faults);
    let (decodings, case_insensitive) =
        written.map_or((None, None), |paths| (paths.decodings, paths.case_insensitive));
    let decodings = decodings.unwrap_or_else(|| vec![Decoding::Raw, Decoding::Once]);
    let policy = PathPolicy::new(&decodings);
    let policy =
        if case_insensitive.unwrap_or_default() { policy.case_insensitive() } else { policy };
    (policy, decodings)
}

fn dpop(root: &mut Node, faults: &mut Faults, has_no_origins: bool) -> ReplayConfig {
    let written: Option<DpopDocument> = section(root, "dpop", faults);
    if written.is_some() && has_no_origins && !faults.any_within("origins") {
        faults.error(
            "dpop",
            Fault::new("a proof names the URL of its request, and no origin is known")
                .advise("list the URLs under which clients call the services in `origins`"),
        );
    }
    let (replay, repeat) = written.map_or((None, None), |dpop| (dpop.replay, dpop.repeat_within));
    let repeat = within("dpop.repeat_within", repeat, Duration::ZERO, MAX_REPEAT_WITHIN, faults);
    let replay = replay.unwrap_or_default();
    if replay == Replay::Off {
        faults.warn("dpop.replay", Fault::new("a proof that was overheard can be used again"));
    }
    ReplayConfig { replay, repeat_within: repeat.unwrap_or(REPEAT_WITHIN.0) }
}

fn drain(root: &mut Node, faults: &mut Faults) -> Duration {
    let drain = section(root, "drain", faults);
    within("drain", drain, Duration::ZERO, MAX_DRAIN, faults).unwrap_or(DRAIN.0)
}

fn log(root: &mut Node, faults: &mut Faults) -> LogConfig {
    let Some(log) = section::<LogDocument>(root, "log", faults) else {
        return LogConfig::default();
    };
    LogConfig {
        format: log.format.unwrap_or_default(),
        level: log.level.unwrap_or_default(),
        decisions: log.decisions.unwrap_or_default(),
    }
}
