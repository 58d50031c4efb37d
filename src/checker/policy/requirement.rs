//! What a route asks of a token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::issuer::Issuer;
use crate::oauth::introspect::Introspection;

/// What a route asks of a token, beside that it is active: how young the answer must be, and what
/// the token must permit. Make one per route and keep it; cheap to clone.
///
/// Every check holds the facts against the requirement anew, also when the facts come from the
/// cache, so routes with different requirements share what is known about a token.
///
/// # Example: a route that changes orders
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::checker::Requirement;
///
/// let change_orders = Requirement::new()
///     .scope("orders.write")
///     .audience("https://orders.acme.example")
///     .max_age(Duration::from_secs(5));
/// ```
///
/// # Example: from a configuration
///
/// Members are named as the methods, but `scopes` and `client_ids` are lists, and `signals` is
/// `"extend"` where an answer may be [extended](Self::extended), or `"purge"`; spans are seconds or
/// texts such as `"250ms"` and `"5m"`. Unknown members are refused, and so is what is out of
/// bounds: `max_age` beyond 24 h, `stale_if_error` and `timeout` beyond 1 h.
///
/// ```
/// use okta_introspect::Requirement;
///
/// let written = r#"{"scopes": ["orders.write"], "user": true, "max_age": "5s"}"#;
/// let requirement: Requirement = serde_json::from_str(written)?;
/// assert!(serde_json::from_str::<Requirement>(r#"{"scope": "orders.write"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Requirement {
    pub(crate) all: Vec<String>,
    pub(crate) any: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) issuer: Option<Issuer>,
    pub(crate) clients: Vec<String>,
    pub(crate) user: bool,
    pub(crate) bound: bool,
    pub(crate) predicate: Option<Arc<Predicate>>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) extended: bool,
    /// What has to be met beside all of that.
    pub(crate) also: Vec<Arc<Self>>,
}

type Predicate = dyn Fn(&Introspection) -> bool + Send + Sync;

impl Requirement {
    /// An active token, and nothing more. A token that is bound to a key needs its proof all the
    /// same.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token must have this scope too.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.all.push(scope.into());
        self
    }

    /// The token must have at least one of these scopes, beside those of [`scope`](Self::scope).
    /// Said twice, the later list counts; an empty one asks for nothing.
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The token must be meant for this audience. Default: any, which is wise only where one
    /// authorization server serves one API.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The token must be of this issuer, by whichever of its [names](crate::checker::CheckerBuilder::alias),
    /// and its server is asked. This is how tokens that do not
    /// say where they are from are asked about at a server other than the checker's first one.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// The token must have been issued to this client, or to another one named so.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.clients.push(client_id.into());
        self
    }

    /// The token must be a user's, not a service's: Okta names the user in `uid`, other servers in
    /// `username`.
    pub fn user(mut self) -> Self {
        self.user = true;
        self
    }

    /// The token must be bound to a key. Default: whether it is, is its client's choice.
    pub fn bound(mut self) -> Self {
        self.bound = true;
        self
    }

    /// The token must please this function too, which runs on every check and so should be quick.
    /// For it the whole answer is put together each time, which takes a few allocations.
    pub fn predicate(
        mut self,
        predicate: impl Fn(&Introspection) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// How long ago the server may have been asked, counted from when that request was sent to the
    /// beginning of the check. Zero asks now. Default:
    /// [`CheckerConfig::max_age`](crate::checker::CheckerConfig::max_age). Bounds: more than
    /// [`CheckerConfig::max_age_limit`](crate::checker::CheckerConfig::max_age_limit) counts as that.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// By how much an active answer may be older than that if the server cannot be asked; never
    /// past the token's end. Default:
    /// [`CheckerConfig::stale_if_error`](crate::checker::CheckerConfig::stale_if_error), but nothing where
    /// `max_age` is zero: a route that asks for now wants no old answer. Bounds: more than
    /// one hour counts as that.
    pub fn stale_if_error(mut self, extension: Duration) -> Self {
        self.stale_if_error = Some(extension);
        self
    }

    /// How long a check may wait for the server. Default:
    /// [`CheckerConfig::timeout`](crate::checker::CheckerConfig::timeout). Bounds: more than one hour counts
    /// as that.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// While all signals of revocations are [known to come](crate::checker::Coverage), the age of an
    /// active answer counts from the moment up to which they have come, if none has named it: an
    /// answer stays fresh without another call, up to
    /// [`extension_limit`](crate::checker::CheckerConfig::extension_limit) and never past the
    /// token's end. Default: ages count from when the server was asked, signals or not. Without
    /// effect where the checker's [mode](crate::checker::SignalMode) is not
    /// [`Extend`](crate::checker::SignalMode::Extend), or `max_age` is zero.
    pub fn extended(mut self) -> Self {
        self.extended = true;
        self
    }

    /// The token must meet this requirement too, by one and the same answer: the youngest `max_age`,
    /// the shortest `stale_if_error` and the shortest `timeout` of the two count, and it is
    /// [extended](Self::extended) if both are. Where both name an issuer, it must be the same
    /// server's.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use okta_introspect::Requirement;
    ///
    /// let staff = Requirement::new().user().scope("orders");
    /// let delete = staff.and(Requirement::new().scope("orders.delete").max_age(Duration::ZERO));
    /// ```
    pub fn and(mut self, other: Self) -> Self {
        for scope in &other.all {
            if !self.all.contains(scope) {
                self.all.push(scope.clone());
            }
        }
        self.bound |= other.bound;
        // The server that is asked is that of the first issuer.
        self.issuer = self.issuer.or_else(|| other.issuer.clone());
        self.also.push(Arc::new(other));
        self
    }

    /// The least of what this and the requirements beside it say.
    pub(crate) fn least<T: Ord>(&self, of: &impl Fn(&Self) -> T) -> T {
        let others = self.also.iter().map(|other| other.least(of));
        others.fold(of(self), T::min)
    }

    /// The scopes without which no token is let in, for a challenge.
    #[cfg(feature = "tower")]
    pub(crate) fn scopes(&self) -> &[String] {
        if self.all.is_empty() { &self.any } else { &self.all }
    }

    /// Whether only bound tokens get in.
    #[cfg(feature = "tower")]
    pub(crate) fn is_bound(&self) -> bool {
        self.bound
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("all", &self.all)
            .field("any", &self.any)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("clients", &self.clients)
            .field("user", &self.user)
            .field("bound", &self.bound)
            .field("predicate", &self.predicate.is_some())
            .field("max_age", &self.max_age)
            .field("stale_if_error", &self.stale_if_error)
            .field("timeout", &self.timeout)
            .field("extended", &self.extended)
            .field("also", &self.also)
            .finish()
    }
}
