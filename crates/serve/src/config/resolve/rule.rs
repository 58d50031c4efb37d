//! What each route requires.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use okta_introspect::Requirement;
use okta_introspect::checker::CheckerConfig;
use regex::RegexBuilder;
use serde_json::Value;

use super::checker::warn_of_envoy;
use super::origin;
use crate::config::document::{RequireDocument, RuleDocument};
use crate::config::faults::Faults;
use crate::config::resolved::RuleConfig;
use crate::config::tree::{Kind, Node};
use crate::error::Fault;
use crate::original::{Origin, Origins};

/// How large one compiled expression may be, in bytes.
const MAX_REGEX: usize = 1 << 20;

pub(super) fn resolve(
    root: &mut Node,
    faults: &mut Faults,
    origins: &Origins,
    checker: &CheckerConfig,
    is_envoy: bool,
) -> Vec<RuleConfig> {
    let mut context = Context { faults, origins, checker, is_envoy, names: BTreeSet::new() };
    let Some(Node { kind: Kind::List(items), .. }) = root.take("rules") else {
        if !context.faults.any_within("rules") {
            context.warn_of_none();
        }
        return Vec::new();
    };
    if items.is_empty() {
        context.warn_of_none();
    }
    let items = items.into_iter().enumerate();
    items.filter_map(|(index, item)| context.rule(item, &format!("rules[{index}]"))).collect()
}

struct Context<'a> {
    faults: &'a mut Faults,
    origins: &'a Origins,
    checker: &'a CheckerConfig,
    is_envoy: bool,
    names: BTreeSet<String>,
}

impl Context<'_> {
    fn warn_of_none(&mut self) {
        self.faults.warn("rules", Fault::new("none, so every request of a proxy is denied"));
    }

    fn rule(&mut self, node: Node, place: &str) -> Option<RuleConfig> {
        if self.faults.any_within(place) {
            return None;
        }
        let value = node.into_value();
        let require = value.get("require").filter(|require| !require.is_null()).cloned();
        let Ok(written) = serde_json::from_value::<RuleDocument>(value) else {
            self.faults.error(place, Fault::new("not of the form that the schema has"));
            return None;
        };
        let is_public = written.public.unwrap_or_default();
        self.check_access(place, &written, is_public);
        let methods = self.methods(place, written.methods.as_deref().unwrap_or_default());
        let host = self.host(place, written.host.as_deref());
        let parameters = written.r#where.unwrap_or_default();
        self.check_path(place, &written.path, &parameters);
        let name =
            written.name.unwrap_or_else(|| default_name(&methods, host.as_deref(), &written.path));
        self.check_name(place, &name, &written.path);
        let requirement = require.and_then(|require| self.requirement(place, require));
        self.check_requirement(place, written.require.as_ref());
        Some(RuleConfig {
            name,
            methods,
            host,
            path: written.path,
            parameters,
            requirement,
            written: written.require,
            dry_run: written.dry_run.unwrap_or_default(),
        })
    }

    fn check_access(&mut self, place: &str, written: &RuleDocument, is_public: bool) {
        match (is_public, written.require.is_some()) {
            (true, true) => self.faults.error(
                place,
                Fault::new("`public` and `require`, one of which is wrong")
                    .advise("keep one of them"),
            ),
            (false, false) => self.faults.error(
                place,
                Fault::new("neither `require` nor `public: true`")
                    .advise("write `require: {}` for any active token"),
            ),
            (true, false) if written.dry_run.unwrap_or_default() => self.faults.warn(
                &format!("{place}.dry_run"),
                Fault::new("without effect: what is public is not refused"),
            ),
            _ => {}
        }
    }

    fn check_name(&mut self, place: &str, name: &str, path: &str) {
        let place = format!("{place}.name");
        if !name.ends_with(path) && !is_name(name) {
            self.faults.error(&place, not_a_name());
        }
        if !self.names.insert(name.to_owned()) {
            self.faults.error(
                &place,
                Fault::new("another rule has the same name")
                    .advise("give each rule its own `name`"),
            );
        }
    }

    fn methods(&mut self, place: &str, written: &[String]) -> Vec<Method> {
        let mut methods = Vec::new();
        for (index, text) in written.iter().enumerate() {
            let place = format!("{place}.methods[{index}]");
            match Method::from_bytes(text.as_bytes()) {
                Ok(_) if text.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                    let fault = Fault::new("a method in small letters is another one");
                    self.faults.error(
                        &place,
                        fault.advise(format!("write {}", text.to_ascii_uppercase())),
                    );
                }
                Ok(method) if methods.contains(&method) => {}
                Ok(method) => methods.push(method),
                Err(_) => self.faults.error(&place, Fault::new("no HTTP method")),
            }
        }
        methods
    }

    fn host(&mut self, place: &str, written: Option<&str>) -> Option<String> {
        let text = written?;
        let place = format!("{place}.host");
        // A host is what can stand in an origin.
        let Ok(parsed) = Origin::new(&format!("https://{text}")) else {
            let fault = Fault::new("no host").advise("write it as api.acme.example");
            self.faults.error(&place, fault);
            return None;
        };
        let host = origin::host(&parsed).to_owned();
        let is_known = self.origins.iter().any(|origin| origin::host(origin) == host);
        if !is_known && !self.faults.any_within("origins") {
            let fault = Fault::new(format!("no origin has the host {host}"));
            self.faults.error(&place, fault.advise("add it to `origins`"));
        }
        Some(host)
    }

    fn check_path(&mut self, place: &str, path: &str, parameters: &BTreeMap<String, String>) {
        let at = format!("{place}.path");
        if let Some(fault) = wrong_path(path) {
            self.faults.error(&at, fault);
            return;
        }
        let known = names_of(path);
        for (name, regex) in parameters {
            let at = format!("{place}.where.{name}");
            if !known.contains(&name.as_str()) {
                self.faults.error(&at, Fault::new("the path has no such parameter"));
            }
            if let Err(error) = RegexBuilder::new(regex).size_limit(MAX_REGEX).build() {
                let text = error.to_string();
                // The lines before the last show the expression.
                let last = text.lines().last().unwrap_or_default();
                let why = last.trim_start_matches("error: ");
                self.faults.error(&at, Fault::new(format!("no regular expression: {why}")));
            }
        }
    }

    fn requirement(&mut self, place: &str, require: Value) -> Option<Requirement> {
        match serde_json::from_value(require) {
            Ok(requirement) => Some(requirement),
            Err(error) => {
                let text = error.to_string();
                // The library's own words end in the advice.
                let (what, advice) = text.split_once(": ").unwrap_or((&text, ""));
                let fault = Fault::new(what);
                let fault = if advice.is_empty() { fault } else { fault.advise(advice) };
                self.faults.error(&format!("{place}.require"), fault);
                None
            }
        }
    }

    /// What the library takes, and the sidecar does not.
    fn check_requirement(&mut self, place: &str, require: Option<&RequireDocument>) {
        let Some(require) = require else { return };
        let place = format!("{place}.require");
        let limit = self.checker.max_age_limit;
        if let Some(max_age) = require.max_age.filter(|max_age| max_age.0 > limit) {
            self.faults.error(
                &format!("{place}.max_age"),
                Fault::new(format!(
                    "cannot be {max_age}: `checker.max_age_limit` is {}",
                    crate::config::document::Span(limit)
                ))
                .advise("lower it, or raise the limit"),
            );
        }
        let is_stale = require.stale_if_error.is_some_and(|stale| stale.0 > Duration::ZERO);
        if is_stale && require.max_age.is_some_and(|max_age| max_age.0.is_zero()) {
            let fault = Fault::new("the rule asks for now, and takes an old answer in an outage");
            let advice = "remove it, unless that is meant";
            self.faults.warn(&format!("{place}.stale_if_error"), fault.advise(advice));
        }
        if require.bound.unwrap_or_default()
            && self.origins.iter().next().is_none()
            && !self.faults.any_within("origins")
        {
            let fault = Fault::new("a proof names the URL of its request, and no origin is known");
            let advice = "list the URLs under which clients call the services in `origins`";
            self.faults.error(&format!("{place}.bound"), fault.advise(advice));
        }
        warn_of_envoy(&format!("{place}.timeout"), require.timeout, self.is_envoy, self.faults);
    }
}

/// Whether a name can stand in a log line and as a label of a metric.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn not_a_name() -> Fault {
    Fault::new("no name").advise("use 1 to 64 letters, digits, `-`, `_` and `.`")
}

fn default_name(methods: &[Method], host: Option<&str>, path: &str) -> String {
    let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let methods = if methods.is_empty() { String::new() } else { methods.join(",") + " " };
    format!("{methods}{}{path}", host.unwrap_or_default())
}

fn wrong_path(path: &str) -> Option<Fault> {
    if !path.starts_with('/') {
        return Some(Fault::new("does not begin with `/`"));
    }
    if path.contains(['?', '#']) {
        let fault = Fault::new("has a query or a fragment");
        return Some(fault.advise("write the path alone: rules do not look at the query"));
    }
    if path.contains(char::is_control) || path.contains(' ') {
        return Some(Fault::new("has a blank or a control character"));
    }
    let error = matchit::Router::new().insert(path, ()).err()?;
    Some(match error {
        matchit::InsertError::InvalidCatchAll => {
            Fault::new("goes on behind `{*…}`").advise("end the path with it")
        }
        matchit::InsertError::InvalidParamSegment => {
            Fault::new("has a segment with two parameters, or with text behind one")
                .advise("write one parameter for each segment")
        }
        _ => Fault::new("has a parameter without a name, or braces that do not match")
            .advise("write {name}, or {*rest} at the end"),
    })
}

/// The names of a path's parameters.
fn names_of(path: &str) -> Vec<&str> {
    let parts = path.split('{').skip(1);
    parts
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name.strip_prefix('*').unwrap_or(name))
        .collect()
}
