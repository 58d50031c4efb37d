//! Which requirement a request has to meet: by route, by method, or by a function.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Method;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::head::RequestHead;
use super::required::Required;
use crate::checker::Requirement;

/// The requirement of each route. Cheap to clone.
///
/// A request for which there is no rule is refused with 403, whatever token it brings. The rule
/// for a route is looked up by the route's text as the router writes it, where the gate
/// [knows](super::Gate::route) that, and else by the path exactly as it came; `HEAD` is looked up
/// as `GET` where it has no rule of its own. A rule for one method comes before one for all.
///
/// # Example: three routes
///
/// ```
/// use std::time::Duration;
/// use http::Method;
/// use okta_introspect::Requirement;
/// use okta_introspect::adapter::Rules;
///
/// let write = Requirement::new().scope("orders.write").user();
/// let rules = Rules::new()
///     .on(Method::GET, "/orders", Requirement::new().scope("orders.read"))
///     .on(Method::POST, "/orders", write.clone())
///     .on(Method::DELETE, "/orders/{id}", write.max_age(Duration::ZERO));
/// ```
///
/// # Example: from a configuration
///
/// Keys are a method and a route, a route alone for every method, or `*` for all the rest. Rules
/// that occur twice are refused.
///
/// ```
/// use okta_introspect::adapter::Rules;
///
/// let rules: Rules = serde_json::from_str(
///     r#"{
///         "GET /orders": {"scopes": ["orders.read"]},
///         "DELETE /orders/{id}": {"scopes": ["orders.write"], "max_age": 0},
///         "*": {"scopes": ["admin"]}
///     }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Rules {
    routes: Arc<HashMap<String, Methods>>,
    rest: Rest,
}

/// The rules of one route.
#[derive(Clone, Debug, Default)]
struct Methods {
    by_method: Vec<(Method, Requirement)>,
    all: Option<Requirement>,
}

/// What requests have to meet that are on none of the routes.
#[derive(Clone, Default)]
enum Rest {
    #[default]
    Refused,
    // In a box, so that rules are small to move.
    Requirement(Arc<Requirement>),
    Function(Arc<Choose>),
}

type Choose = dyn Fn(&RequestHead<'_>) -> Option<Arc<Requirement>> + Send + Sync;

impl Rules {
    /// No rule, so that every request is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a function says of each request; `None` refuses it. It runs on every check, and once
    /// more if the server has to be asked, so it should be quick and always say the same of the
    /// same request.
    ///
    /// # Example: a stricter requirement for customers' own hosts
    ///
    /// ```
    /// use std::sync::Arc;
    /// use okta_introspect::Requirement;
    /// use okta_introspect::adapter::Rules;
    ///
    /// let (ours, theirs) = (Requirement::new(), Requirement::new().scope("partner"));
    /// let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
    /// let rules = Rules::by(move |request| {
    ///     let own = request.headers().get("host")? == "api.acme.example";
    ///     Some(Arc::clone(if own { &ours } else { &theirs }))
    /// });
    /// ```
    pub fn by(
        choose: impl Fn(&RequestHead<'_>) -> Option<Arc<Requirement>> + Send + Sync + 'static,
    ) -> Self {
        Self { routes: Arc::default(), rest: Rest::Function(Arc::new(choose)) }
    }

    /// The rule for one method of a route. Said twice, the later one counts.
    pub fn on(mut self, method: Method, route: impl Into<String>, rule: Requirement) -> Self {
        let methods = self.methods(route.into());
        methods.by_method.retain(|(own, _)| *own != method);
        methods.by_method.push((method, rule));
        self
    }

    /// The rule for all other methods of a route.
    pub fn on_all(mut self, route: impl Into<String>, rule: Requirement) -> Self {
        self.methods(route.into()).all = Some(rule);
        self
    }

    /// The rule for requests that have no other. Default: they are refused.
    pub fn otherwise(mut self, rule: Requirement) -> Self {
        self.rest = Rest::Requirement(Arc::new(rule));
        self
    }

    fn methods(&mut self, route: String) -> &mut Methods {
        Arc::make_mut(&mut self.routes).entry(route).or_default()
    }

    /// What a request has to meet; `None` refuses it.
    #[inline]
    pub(super) fn find(&self, request: &RequestHead<'_>) -> Option<Required<'_>> {
        let methods = match self.routes.is_empty() {
            true => None,
            false => self.routes.get(request.place()),
        };
        if let Some(rule) = methods.and_then(|methods| methods.find(request.method())) {
            return Some(rule.into());
        }
        match &self.rest {
            Rest::Refused => None,
            Rest::Requirement(rule) => Some((&**rule).into()),
            Rest::Function(choose) => choose(request).map(Required::from),
        }
    }
}

impl Methods {
    fn find(&self, method: &Method) -> Option<&Requirement> {
        let of = |wanted: &Method| {
            self.by_method.iter().find(|(own, _)| own == wanted).map(|(_, rule)| rule)
        };
        let as_get = || if method == Method::HEAD { of(&Method::GET) } else { None };
        of(method).or_else(as_get).or(self.all.as_ref())
    }
}

impl From<Requirement> for Rules {
    fn from(rule: Requirement) -> Self {
        Self::new().otherwise(rule)
    }
}

impl From<Arc<Requirement>> for Rules {
    fn from(rule: Arc<Requirement>) -> Self {
        Self { routes: Arc::default(), rest: Rest::Requirement(rule) }
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Rules;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a requirement for each route, such as \"GET /orders\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rules, A::Error> {
        let (mut rules, mut seen) = (Rules::new(), Vec::new());
        while let Some((key, rule)) = map.next_entry::<String, Requirement>()? {
            let key = Key::parse(&key).ok_or_else(|| A::Error::custom(NO_KEY))?;
            if seen.contains(&key) {
                return Err(A::Error::custom("a route has two rules"));
            }
            rules = match key.clone() {
                Key::Rest => rules.otherwise(rule),
                Key::Route(route) => rules.on_all(route, rule),
                Key::Method(method, route) => rules.on(method, route, rule),
            };
            seen.push(key);
        }
        Ok(rules)
    }
}

const NO_KEY: &str = "a rule is for a method in capitals and a route that begins with /, \
                      such as \"GET /orders\", for a route alone, or for \"*\"";

/// What a rule is for.
#[derive(Clone, PartialEq)]
enum Key {
    Rest,
    Route(String),
    Method(Method, String),
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let is_route = |route: &str| {
            route.starts_with('/')
                && !route.contains(|c: char| c.is_whitespace() || "?#".contains(c))
        };
        match text.split_once(' ') {
            None if text == "*" => Some(Self::Rest),
            None => is_route(text).then(|| Self::Route(text.to_owned())),
            Some((method, route)) => {
                // Methods are case-sensitive: a rule for `get` would never be found.
                let method = METHODS.iter().find(|known| known.as_str() == method)?;
                is_route(route).then(|| Self::Method(method.clone(), route.to_owned()))
            }
        }
    }
}

/// The methods that are written in a configuration.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("Refused"),
            Self::Requirement(rule) => rule.fmt(f),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The first scope of the rule for a request, or nothing if it is refused.
    fn rule(rules: &Rules, method: &str, path: &str, route: Option<&str>) -> Option<String> {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let head = RequestHead::request(&request).as_seen(None, route);
        let found = rules.find(&head)?;
        Some(found.scopes().first().cloned().unwrap_or_default())
    }

    #[test]
    fn the_rule_is_that_of_the_method_then_of_the_route_then_of_the_rest() {
        let written = r#"{
            "GET /orders": {"scopes": ["read"]},
            "/orders": {"scopes": ["write"]},
            "DELETE /orders/{id}": {"scopes": ["delete"]}
        }"#;
        let rules: Rules = serde_json::from_str(written).unwrap();
        let open = rules.clone().otherwise(Requirement::new().scope("rest"));
        for (method, path, route, found) in [
            ("GET", "/orders?x=1", None, Some("read")),
            ("HEAD", "/orders", None, Some("read")),
            ("POST", "/orders", None, Some("write")),
            ("DELETE", "/orders/7", Some("/orders/{id}"), Some("delete")),
            ("DELETE", "/orders/7", None, None),
            ("GET", "/orders/7", Some("/orders/{id}"), None),
            ("HEAD", "/orders/7", Some("/orders/{id}"), None),
            ("GET", "/orders/", None, None),
            ("GET", "//orders", None, None),
            ("GET", "/%6frders", None, None),
            ("GET", "/orders", Some("/{any}"), None),
        ] {
            let found = found.map(str::to_owned);
            assert_eq!(rule(&rules, method, path, route), found, "{method} {path}");
            let found = found.or_else(|| Some("rest".to_owned()));
            assert_eq!(rule(&open, method, path, route), found, "{method} {path}");
        }
    }

    #[test]
    fn a_function_may_refuse() {
        let any = Arc::new(Requirement::new());
        let rules = Rules::by(move |request| {
            request.uri().path().starts_with("/open").then(|| Arc::clone(&any))
        });
        assert_eq!(rule(&rules, "GET", "/open", None), Some(String::new()));
        assert_eq!(rule(&rules, "GET", "/shut", None), None);
        assert_eq!(rule(&Rules::new(), "GET", "/", None), None);
        assert_eq!(rule(&Requirement::new().into(), "GET", "/", None), Some(String::new()));
    }

    #[test]
    fn what_would_never_be_found_or_is_said_twice_is_refused() {
        for (name, written) in [
            ("small letters", r#"{"get /orders": {}}"#),
            ("unknown method", r#"{"FETCH /orders": {}}"#),
            ("no slash", r#"{"orders": {}}"#),
            ("two blanks", r#"{"GET  /orders": {}}"#),
            ("a query", r#"{"/orders?x=1": {}}"#),
            ("nothing", r#"{"": {}}"#),
            ("twice", r#"{"GET /orders": {}, "GET /orders": {"user": true}}"#),
            ("no requirement", r#"{"/orders": null}"#),
            ("misspelt requirement", r#"{"/orders": {"scope": []}}"#),
            ("a list", r#"[]"#),
        ] {
            assert!(serde_json::from_str::<Rules>(written).is_err(), "{name}");
        }
    }
}
