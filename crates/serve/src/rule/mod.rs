//! Which rule a request has to meet: by host, method and canonical path. Without one it is denied.

mod builder;
mod condition;
mod overlap;
mod pattern;
mod table;
mod template;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Method;
use okta_introspect::Requirement;

pub use self::builder::RulesBuilder;
pub use self::pattern::Pattern;

use self::table::Table;
use crate::path::PathPolicy;

/// What requests of one [`Pattern`] have to meet.
///
/// # Example: a health check without a token
///
/// ```
/// use okta_introspect_serve::Rule;
///
/// let rule = Rule { name: "health".into(), requirement: None, dry_run: false };
/// assert!(rule.requirement.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    /// Under which name it is logged, and required by a proxy's own settings for a route. Left
    /// empty, it is the pattern's text, such as `GET /orders/{id}`.
    pub name: String,
    /// What a token has to meet; `None` lets every request in, without any token.
    pub requirement: Option<Arc<Requirement>>,
    /// Whether requests that fail it are let in all the same, and the refusal is only logged.
    pub dry_run: bool,
}

/// The rules for all requests; one that meets no pattern has no rule, and is to be denied.
///
/// Which rule a request has is decided in three steps, none of which is taken back:
///
/// 1. The host. If a pattern for the request's host meets its path, the patterns for every host
///    count no more. Upper and lower case, a port and a dot at the end make no difference.
/// 2. The path. Of the patterns that meet it, the most specific one counts: from left to right,
///    literal text comes before a parameter, and a parameter before a `{*rest}`.
/// 3. The method. A rule for the method comes before one for all methods; `HEAD` is looked up as
///    `GET` where it has no rule of its own. If there is no rule for the method, or a parameter does
///    not meet its regular expression, the request has no rule; no other pattern is tried.
///
/// A slash at the end of a path or pattern makes no difference, since many frameworks disregard
/// it. `/files/{*rest}` also meets `/files/` and `/files`, with an empty rest, unless some pattern is
/// `/files`.
///
/// # Example
///
/// ```
/// use http::Method;
/// use okta_introspect_serve::{Fault, Pattern, Rule, Rules};
///
/// let rule = |name: &str| Rule { name: name.into(), requirement: None, dry_run: false };
/// let mut builder = Rules::builder();
/// builder.add(
///     Pattern {
///         methods: vec![Method::GET],
///         where_: [("id".into(), "[0-9]+".into())].into(),
///         ..Pattern::new("/orders/{id}")
///     },
///     rule("read"),
/// )?;
/// builder.add(Pattern::new("/files/{*rest}"), rule("files"))?;
/// let rules = builder.build()?;
///
/// let found = |method, path| Some(rules.find("api.acme.example", &method, path)?.name.as_str());
/// assert_eq!(found(Method::HEAD, "/orders/7"), Some("read"));
/// assert_eq!(found(Method::GET, "/orders/seven"), None);
/// assert_eq!(found(Method::POST, "/orders/7"), None);
/// assert_eq!(found(Method::POST, "/files/"), Some("files"));
/// # Ok::<(), Fault>(())
/// ```
#[must_use]
pub struct Rules {
    hosts: HashMap<String, Table>,
    every_host: Table,
    names: HashMap<String, Arc<Rule>>,
    paths: PathPolicy,
}

impl Rules {
    /// Begins without any rule.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }

    /// The rule for a request, by the canonical form of its path. Allocates nothing on the usual
    /// way: a host in lower case, and at most three parameters.
    pub fn find(&self, host: &str, method: &Method, path: &str) -> Option<&Arc<Rule>> {
        let path = without_slash(path);
        let of_host = match self.hosts.is_empty() {
            true => None,
            false => self.hosts.get(&*normal_host(host)).and_then(|table| table.at(path)),
        };
        of_host.or_else(|| self.every_host.at(path))?.rule(method)
    }

    /// The rule of a name, for proxies that name the rule of a route themselves.
    pub fn named(&self, name: &str) -> Option<&Arc<Rule>> {
        self.names.get(name)
    }

    /// All rules by name, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.names.values()
    }

    /// The policy by which paths become canonical for these rules: the one that the builder was
    /// given, which now knows which characters the patterns have.
    pub fn paths(&self) -> &PathPolicy {
        &self.paths
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("names", &self.names.keys()).finish_non_exhaustive()
    }
}

/// A host in lower case, without its port and without the dot of the root.
fn normal_host(host: &str) -> Cow<'_, str> {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// A path without the slash at its end, unless that is all of it.
fn without_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        None | Some("") => path,
        Some(shorter) => shorter,
    }
}
