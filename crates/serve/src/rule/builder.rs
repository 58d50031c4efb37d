//! Takes rules one by one, and says which two of them overlap.

use std::collections::HashMap;
use std::sync::Arc;

use super::condition::Condition;
use super::host::read_host;
use super::overlap::check_host;
use super::pattern::{Pattern, Rule};
use super::rules::{Named, Rules};
use super::table::{InTheWay, Table};
use super::template::Template;
use crate::error::Fault;
use crate::path::PathPolicy;

/// How many bytes the name of a rule may have; it stands in log lines and metrics.
const MAX_NAME: usize = 200;

/// Makes [`Rules`].
///
/// # Example: services that see their paths as they came
///
/// ```
/// use okta_introspect_serve::{Decoding, Fault, PathPolicy, Pattern, Rule, Rules};
///
/// let rule = |name: &str| Rule { name: name.into(), requirement: None, dry_run: false };
/// let mut builder = Rules::builder().paths(PathPolicy::new(&[Decoding::Raw]));
/// builder.add(Pattern::new("/users/{id}"), rule("user"))?;
/// let fault = builder.add(Pattern::new("/users/{name}"), rule("same")).unwrap_err();
/// assert!(fault.to_string().contains(r#"the rules "user" and "same""#), "{fault}");
///
/// // No pattern has an @, so a path may have it encoded.
/// let rules = builder.build()?;
/// assert_eq!(rules.paths().canonical("/users/ada%40acme.example").unwrap(), "/users/ada@acme.example");
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RulesBuilder {
    hosts: HashMap<String, Table>,
    every_host: Table,
    names: HashMap<String, Named>,
    literals: String,
    paths: PathPolicy,
}

impl Rules {
    /// Begins without any rule.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }
}

impl RulesBuilder {
    /// By which policy paths become canonical; to be set before any rule is added, since a policy
    /// decides what a pattern may have. Default: [`PathPolicy::default`].
    pub fn paths(mut self, paths: PathPolicy) -> Self {
        self.paths = paths;
        self
    }

    /// Adds a rule. After a fault all is as it was before.
    ///
    /// # Errors
    ///
    /// If the pattern or an expression cannot be read, if the pattern has a character that no
    /// canonical path has, or if another rule has the same name, the same pattern and method, or a
    /// pattern that differs only in where a parameter and a `{*rest}` stand. The place is within
    /// the rule, such as `where.id`.
    pub fn add(&mut self, pattern: Pattern, mut rule: Rule) -> Result<&mut Self, Fault> {
        if rule.name.is_empty() {
            rule.name = pattern.to_string();
        }
        self.check_name(&rule.name)?;
        let template = Template::parse(&pattern.path).map_err(|fault| fault.at("path"))?;
        let literals: String = template.literals().collect();
        for character in literals.chars() {
            self.paths.check_literal(character).map_err(|fault| fault.at("path"))?;
        }
        let conditions = Condition::read(&pattern.where_, &template)?;
        check_methods(&pattern)?;
        let host = pattern.host.as_deref().map(read_host).transpose()?;

        let rule = Arc::new(rule);
        let table = match &host {
            Some(host) => self.hosts.entry(host.clone()).or_default(),
            None => &mut self.every_host,
        };
        table
            .add(template, &pattern.methods, &rule, conditions)
            .map_err(|other| overlapping(other, &rule))?;
        self.literals.push_str(&literals);
        let methods = pattern.methods;
        self.names.insert(rule.name.clone(), Named { rule, methods, host });
        Ok(self)
    }

    /// The rules that were added.
    ///
    /// # Errors
    ///
    /// If a rule names a host and another, for every host, a more specific path, and both are for
    /// one request.
    pub fn build(&self) -> Result<Rules, Fault> {
        let Self { mut hosts, mut every_host, names, literals, paths } = self.clone();
        for (host, table) in &hosts {
            check_host(host, table, &every_host)?;
        }
        for table in hosts.values_mut().chain([&mut every_host]) {
            table.meet_empty_rests().map_err(|_| {
                Fault::new("a {*rest} cannot be empty, since another pattern is in its place")
            })?;
        }
        Ok(Rules { hosts, every_host, names, paths: paths.knowing(&literals) })
    }

    fn check_name(&self, name: &str) -> Result<(), Fault> {
        if self.names.contains_key(name) {
            return Err(Fault::new(format!("two rules are called {name:?}"))
                .at("name")
                .advise("rename one of them"));
        }
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Fault::new(format!(
                "the name of a rule has at most {MAX_NAME} bytes and no control characters"
            ))
            .at("name"));
        }
        Ok(())
    }
}

fn overlapping(other: InTheWay, rule: &Rule) -> Fault {
    let name = &rule.name;
    match other {
        Some(other) => {
            Fault::new(format!("the rules {:?} and {name:?} are for the same requests", other.name))
        }
        None => Fault::new(format!("the rule {name:?} is for the same requests as another")),
    }
    .advise("leave one of them out, or write patterns that differ in more than parameters")
}

fn check_methods(pattern: &Pattern) -> Result<(), Fault> {
    for (at, method) in pattern.methods.iter().enumerate() {
        let place = format!("methods[{at}]");
        if pattern.methods[..at].contains(method) {
            return Err(Fault::new(format!("{method} is there twice")).at(place));
        }
        if method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
            let fault = Fault::new(format!("no usual method is called {method}")).at(place);
            return Err(fault.advise("write methods in upper case"));
        }
    }
    Ok(())
}
