//! The rules of one host, or of every host.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use matchit::{InsertError, Params, Router};

use super::condition::Condition;
use super::pattern::Rule;
use super::template::Template;

/// Finds the route of a path, and the rule of a method there.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    router: Router<usize>,
    routes: Vec<Route>,
    by_text: HashMap<String, usize>,
}

/// The rules of one route. At least one, once it is made.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) template: Template,
    entries: Vec<Entry>,
}

/// A rule for one method of a route, or for all, and what its parameters have to look like.
#[derive(Clone, Debug)]
struct Entry {
    method: Option<Method>,
    rule: Arc<Rule>,
    conditions: Arc<[Condition]>,
}

/// A route that meets a path.
#[derive(Debug)]
pub(super) struct Met<'t, 'p> {
    route: &'t Route,
    parameters: Params<'t, 'p>,
}

/// The rule that stands in the way of another, if it is known.
pub(super) type InTheWay = Option<Arc<Rule>>;

impl Table {
    /// The most specific route that meets a path without a slash at its end.
    pub(super) fn at<'p>(&self, path: &'p str) -> Option<Met<'_, 'p>> {
        let found = self.router.at(path).ok()?;
        Some(Met { route: &self.routes[*found.value], parameters: found.params })
    }

    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(super) fn has(&self, template: &Template) -> bool {
        self.by_text.contains_key(&template.route())
    }

    /// Adds a rule for some methods, or for all where there are none.
    pub(super) fn add(
        &mut self,
        template: Template,
        methods: &[Method],
        rule: &Arc<Rule>,
        conditions: Vec<Condition>,
    ) -> Result<(), InTheWay> {
        let at = self.route(template)?;
        let entries = &mut self.routes[at].entries;
        let wanted: Vec<_> = match methods {
            [] => vec![None],
            some => some.iter().cloned().map(Some).collect(),
        };
        if let Some(other) = entries.iter().find(|entry| wanted.contains(&entry.method)) {
            return Err(Some(Arc::clone(&other.rule)));
        }
        let conditions: Arc<[_]> = conditions.into();
        entries.extend(wanted.into_iter().map(|method| Entry {
            method,
            rule: Arc::clone(rule),
            conditions: Arc::clone(&conditions),
        }));
        Ok(())
    }

    fn route(&mut self, template: Template) -> Result<usize, InTheWay> {
        let text = template.route();
        if let Some(at) = self.by_text.get(&text) {
            return Ok(*at);
        }
        let at = self.routes.len();
        self.insert(text, at)?;
        self.routes.push(Route { template, entries: Vec::new() });
        Ok(at)
    }

    fn insert(&mut self, text: String, at: usize) -> Result<(), InTheWay> {
        self.router.insert(text.as_str(), at).map_err(|error| match error {
            // The route that is named may be put together of several.
            InsertError::Conflict { with } => {
                let other = &self.routes[*self.by_text.get(&with)?];
                other.entries.first().map(|entry| Arc::clone(&entry.rule))
            }
            _ => None,
        })?;
        self.by_text.insert(text, at);
        Ok(())
    }

    /// Lets routes with a `{*rest}` meet an empty rest too, where no other route does.
    pub(super) fn meet_empty_rests(&mut self) -> Result<(), InTheWay> {
        for at in 0..self.routes.len() {
            let Some(template) = self.routes[at].template.without_rest() else { continue };
            if !self.has(&template) {
                self.insert(template.route(), at)?;
            }
        }
        Ok(())
    }
}

impl Route {
    /// The rule that was added first.
    pub(super) fn first(&self) -> Option<&Arc<Rule>> {
        self.entries.first().map(|entry| &entry.rule)
    }

    fn entry(&self, method: &Method) -> Option<&Entry> {
        let of = |wanted: Option<&Method>| {
            self.entries.iter().find(|entry| entry.method.as_ref() == wanted)
        };
        let as_get = || if method == Method::HEAD { of(Some(&Method::GET)) } else { None };
        of(Some(method)).or_else(as_get).or_else(|| of(None))
    }
}

impl<'t> Met<'t, '_> {
    /// The rule for a method, if the parameters look as they have to.
    pub(super) fn rule(&self, method: &Method) -> Option<&'t Arc<Rule>> {
        let entry = self.route.entry(method)?;
        let are_met = entry.conditions.iter().all(|condition| condition.is_met(&self.parameters));
        are_met.then_some(&entry.rule)
    }
}
