//! Which rule a request has to meet: by host, method and canonical path.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Method;

use super::host::normal_host;
use super::pattern::Rule;
use super::table::Table;
use super::template::without_slash;
use crate::path::PathPolicy;

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
    pub(super) hosts: HashMap<String, Table>,
    pub(super) every_host: Table,
    pub(super) names: HashMap<String, Named>,
    pub(super) paths: PathPolicy,
}

impl Rules {
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

    /// The rule of a name, for proxies that name the rule of a route themselves. The path is then
    /// theirs to say, but not host and method: where those are not the rule's own, there is none.
    ///
    /// # Errors
    ///
    /// If no rule has this name.
    pub fn named(
        &self,
        name: &str,
        host: &str,
        method: &Method,
    ) -> Result<Option<&Arc<Rule>>, UnknownRule> {
        let named = self.names.get(name).ok_or(UnknownRule)?;
        Ok(named.is_for(host, method).then_some(&named.rule))
    }

    /// All rules by name, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.names.values().map(|named| &named.rule)
    }

    /// The policy by which paths become canonical for these rules: the one that the builder was
    /// given, which now knows which characters the patterns have.
    pub fn paths(&self) -> &PathPolicy {
        &self.paths
    }
}

/// That no rule has the name which a proxy's own settings say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownRule;

/// A rule by its name, and what it is for beside the path.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) rule: Arc<Rule>,
    pub(super) methods: Vec<Method>,
    pub(super) host: Option<String>,
}

impl Named {
    fn is_for(&self, host: &str, method: &Method) -> bool {
        let has = |method: &Method| self.methods.contains(method);
        let own_method =
            self.methods.is_empty() || has(method) || method == Method::HEAD && has(&Method::GET);
        own_method && self.host.as_ref().is_none_or(|own| **own == *normal_host(host))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("names", &self.names.keys()).finish_non_exhaustive()
    }
}
