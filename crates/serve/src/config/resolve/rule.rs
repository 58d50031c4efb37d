//! What each route requires.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use okta_introspect::Requirement;
use okta_introspect::checker::{CheckerConfig, SignalMode};
use serde_json::Value;

use super::checker::warn_of_envoy;
use super::{origin, read};
use crate::config::document::{RequireDocument, RuleDocument, RuleSignals, Span};
use crate::config::faults::Faults;
use crate::config::resolved::RuleConfig;
use crate::config::tree::{Kind, Node};
use crate::error::Fault;
use crate::original::Origins;
use crate::path::PathPolicy;
use crate::rule::{Pattern, Rule, Rules};

/// What rules are held against.
pub(super) struct Context<'a> {
    pub(super) origins: &'a Origins,
    pub(super) checker: &'a CheckerConfig,
    pub(super) is_envoy: bool,
    /// Whether all rules only log.
    pub(super) dry_run: bool,
}

pub(super) fn resolve(
    root: &mut Node,
    faults: &mut Faults,
    paths: PathPolicy,
    context: &Context<'_>,
) -> (Arc<Rules>, Vec<RuleConfig>) {
    let items = match root.take("rules") {
        Some(Node { kind: Kind::List(items), .. }) => items,
        _ => Vec::new(),
    };
    if items.is_empty() && !faults.any_within("rules") {
        faults.warn("rules", Fault::new("none, so every request of a proxy is denied"));
    }
    let mut builder = Rules::builder().paths(paths);
    let mut configs = Vec::new();
    let mut unnamed: HashMap<String, String> = HashMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let place = format!("rules[{index}]");
        let Some(config) = context.rule(item, &place, faults) else { continue };
        let text = config.pattern.to_string();
        if config.rule.name == text {
            if let Some(earlier) = unnamed.get(&text) {
                let what = format!("for the same requests as {}", faults.place(earlier));
                faults.error(&place, Fault::new(what).advise("leave one of them out"));
                continue;
            }
            unnamed.insert(text, place.clone());
        }
        match builder.add(config.pattern.clone(), config.rule.clone()) {
            Ok(_) => configs.push(config),
            Err(fault) => faults.error_within(&place, fault),
        }
    }
    let rules = builder.build().unwrap_or_else(|fault| {
        faults.error("rules", fault);
        // Without any rule there is nothing that could be in the way.
        Rules::builder().build().expect("no rules are rules")
    });
    (Arc::new(rules), configs)
}

impl Context<'_> {
    fn rule(&self, node: Node, place: &str, faults: &mut Faults) -> Option<RuleConfig> {
        let require = node.member("require").map(|member| member.node.to_value());
        let written: RuleDocument = read(node, place, faults)?;
        check_access(place, &written, faults);
        warn_of_literals(place, &written.path, faults);
        if written.methods.as_ref().is_some_and(Vec::is_empty) {
            let fault = Fault::new("an empty list, which is for no request");
            faults.error(&format!("{place}.methods"), fault.advise("leave it out for all of them"));
        }
        let methods = methods(place, &written.methods.unwrap_or_default(), faults);
        self.check_host(place, written.host.as_deref(), faults);
        self.check_requirement(place, written.require.as_ref(), faults);
        let requirement = match require.filter(|require| !require.is_null()) {
            Some(require) => Some(Arc::new(requirement(place, require, faults)?)),
            None => None,
        };
        let pattern = Pattern {
            methods: methods?,
            host: written.host,
            path: written.path,
            where_: written.r#where.unwrap_or_default(),
        };
        let name = written.name.unwrap_or_else(|| pattern.to_string());
        let dry_run = self.dry_run || written.dry_run.unwrap_or_default();
        let rule = Rule { name, requirement, dry_run };
        Some(RuleConfig { pattern, rule, written: written.require })
    }

    fn has_no_origins(&self, faults: &Faults) -> bool {
        self.origins.iter().next().is_none() && !faults.any_within("origins")
    }

    /// Refuses a host that no request can be for.
    fn check_host(&self, place: &str, host: Option<&str>, faults: &mut Faults) {
        let Some(host) = host else { return };
        let mut known = self.origins.iter().map(origin::host);
        if !known.any(|known| known.eq_ignore_ascii_case(host)) && !faults.any_within("origins") {
            let fault = Fault::new("no origin has this host").advise("add it to `origins`");
            faults.error(&format!("{place}.host"), fault);
        }
    }

    /// Says so if a rule opts in to what nobody does.
    fn check_signals(&self, place: &str, require: &RequireDocument, faults: &mut Faults) {
        let is_extended = require.signals == Some(RuleSignals::Extend);
        if is_extended && self.checker.signals != SignalMode::Extend {
            let fault = Fault::new("without effect unless `signals.mode` is `extend`");
            faults.warn(&format!("{place}.signals"), fault);
        }
    }

    /// What the library takes, and the sidecar does not.
    fn check_requirement(
        &self,
        place: &str,
        require: Option<&RequireDocument>,
        faults: &mut Faults,
    ) {
        let Some(require) = require else { return };
        let place = format!("{place}.require");
        self.check_signals(&place, require, faults);
        let lists = [
            ("scopes", &require.scopes),
            ("any_scope", &require.any_scope),
            ("client_ids", &require.client_ids),
        ];
        for (member, _) in lists.iter().filter(|(_, list)| list.as_ref().is_some_and(Vec::is_empty))
        {
            let fault = Fault::new("an empty list, which requires nothing");
            let advice = "list what is required, or leave it out";
            faults.error(&format!("{place}.{member}"), fault.advise(advice));
        }
        let limit = self.checker.max_age_limit;
        if let Some(max_age) = require.max_age.filter(|max_age| max_age.0 > limit) {
            let limit = Span(limit);
            let what = format!("cannot be {max_age}: `checker.max_age_limit` is {limit}");
            let fault = Fault::new(what).advise("lower it, or raise the limit");
            faults.error(&format!("{place}.max_age"), fault);
        }
        let is_stale = require.stale_if_error.is_some_and(|stale| stale.0 > Duration::ZERO);
        if is_stale && require.max_age.is_some_and(|max_age| max_age.0.is_zero()) {
            let fault = Fault::new("the rule asks for now, and takes an old answer in an outage");
            let advice = "remove it, unless that is meant";
            faults.warn(&format!("{place}.stale_if_error"), fault.advise(advice));
        }
        if require.bound.unwrap_or_default() && self.has_no_origins(faults) {
            let fault = Fault::new("a proof names the URL of its request, and no origin is known");
            let advice = "list the URLs under which clients call the services in `origins`";
            faults.error(&format!("{place}.bound"), fault.advise(advice));
        }
        warn_of_envoy(&format!("{place}.timeout"), require.timeout, self.is_envoy, faults);
    }
}

fn check_access(place: &str, written: &RuleDocument, faults: &mut Faults) {
    match (written.public.unwrap_or_default(), written.require.is_some()) {
        (true, true) => faults.error(
            place,
            Fault::new("`public` and `require`, one of which is wrong").advise("keep one of them"),
        ),
        (false, false) => faults.error(
            place,
            Fault::new("neither `require` nor `public: true`")
                .advise("write `require: {}` for any active token"),
        ),
        (true, false) if written.dry_run.unwrap_or_default() => faults.warn(
            &format!("{place}.dry_run"),
            Fault::new("without effect: what is public is not refused"),
        ),
        _ => {}
    }
}

fn methods(place: &str, written: &[String], faults: &mut Faults) -> Option<Vec<Method>> {
    let read = written.iter().enumerate().map(|(index, text)| {
        let place = format!("{place}.methods[{index}]");
        let method = Method::from_bytes(text.as_bytes());
        match &method {
            Ok(method) => warn_of_method(&place, method, faults),
            Err(_) => faults.error(&place, Fault::new("no HTTP method")),
        }
        method.ok()
    });
    // All of them are looked at before one that is none ends it.
    read.collect::<Vec<_>>().into_iter().collect()
}

/// The methods of RFC 9110 and RFC 5789.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// Others may be meant; one that is a letter away from a usual one is not.
fn warn_of_method(place: &str, method: &Method, faults: &mut Faults) {
    let is_near = |known: &&Method| strsim::osa_distance(known.as_str(), method.as_str()) == 1;
    if METHODS.contains(method) {
        return;
    }
    if let Some(meant) = METHODS.iter().find(is_near) {
        let fault = Fault::new(format!("no usual method is called {method}"));
        faults.warn(place, fault.advise(format!("did you mean {meant}?")));
    }
}

/// What other routers take for parameters is text here.
fn warn_of_literals(place: &str, path: &str, faults: &mut Faults) {
    let place = format!("{place}.path");
    for segment in path.split('/').filter(|segment| !segment.contains('{')) {
        let itself = || Fault::new(format!("{segment:?} stands for itself"));
        if segment.contains('*') {
            let advice = "write {*rest} for all that follow, and {name} for one segment";
            faults.warn(&place, itself().advise(advice));
        } else if let Some(name) = segment.strip_prefix(':').filter(|name| !name.is_empty()) {
            faults.warn(&place, itself().advise(format!("write {{{name}}} for a parameter")));
        }
    }
}

fn requirement(place: &str, require: Value, faults: &mut Faults) -> Option<Requirement> {
    match serde_json::from_value(require) {
        Ok(requirement) => Some(requirement),
        Err(error) => {
            let text = error.to_string();
            // The library's own words end in the advice.
            let (what, advice) = text.split_once(": ").unwrap_or((&text, ""));
            let fault = Fault::new(what);
            let fault = if advice.is_empty() { fault } else { fault.advise(advice) };
            faults.error(&format!("{place}.require"), fault);
            None
        }
    }
}
