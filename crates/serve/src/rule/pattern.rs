//! A rule, and which requests it is for, as the configuration says it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::Method;
use okta_introspect::Requirement;

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

/// Which requests a rule is for. Shows as `GET,POST api.acme.example/orders/{id}`.
///
/// # Example
///
/// ```
/// use http::Method;
/// use okta_introspect_serve::Pattern;
///
/// let pattern = Pattern { methods: vec![Method::GET], ..Pattern::new("/orders/{id}") };
/// assert_eq!(pattern.to_string(), "GET /orders/{id}");
/// assert_eq!(Pattern::new("/{*rest}").to_string(), "/{*rest}");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pattern {
    /// The methods; none stands for all. Default: none.
    pub methods: Vec<Method>,
    /// The host that clients call, without a port; `None` stands for every host. Default: `None`.
    pub host: Option<String>,
    /// The path, decoded. A segment may be a parameter, which stands for one or more characters but
    /// no slash: `/orders/{id}`. The last segment may be `{*rest}`, which stands for any number of
    /// segments, also none. Neither has text beside it in its segment. Case counts.
    pub path: String,
    /// Regular expressions that parameters have to match as a whole, by their names. They see the
    /// decoded text, and an empty rest as the empty text.
    pub where_: BTreeMap<String, String>,
}

impl Pattern {
    /// Every request for a path, of any method and host.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.methods.iter().enumerate() {
            let after = if at + 1 < self.methods.len() { "," } else { " " };
            write!(f, "{method}{after}")?;
        }
        write!(f, "{}{}", self.host.as_deref().unwrap_or_default(), self.path)
    }
}
