//! The axum extractor.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::LazyLock;

use axum::extract::{
    FromRef, FromRequestParts, MatchedPath, OptionalFromRequestParts, OriginalUri,
};
use axum::response::IntoResponse;
use http::request::Parts;
use http::{Extensions, Uri};

use super::challenge::{Cause, Rejection};
use super::gate::Gate;
use super::head::RequestHead;
use super::required::Required;
use crate::checker::{Authorized, Requirement};

/// A caller whose token was checked. A handler that takes one cannot be reached without. Gives
/// what the server said, its age and its source, as [`Authorized`]; cheap to clone.
///
/// `R` says what is required: if left out, what the [rules of the gate](Gate::rules) say of the
/// route. The router's state must give a [`Gate`]. `Option<Active<R>>` is `None` for requests
/// *without* a token; one that is present and no good is refused all the same.
///
/// # Example: a handler, and the rule of its route
///
/// ```
/// use axum::Router;
/// use axum::routing::delete;
/// use http::Method;
/// use okta_introspect::adapter::{Active, Gate, Rules};
/// use okta_introspect::{Checker, Requirement};
///
/// async fn cancel(caller: Active) -> String {
///     format!("cancelled for {:?}", caller.username())
/// }
///
/// fn orders(checker: Checker) -> Router {
///     let write = Requirement::new().scope("orders.write");
///     let gate = Gate::new(checker).rules(Rules::new().on(Method::DELETE, "/orders/{id}", write));
///     Router::new().route("/orders/{id}", delete(cancel)).with_state(gate)
/// }
/// ```
pub struct Active<R = ByRules> {
    authorized: Authorized,
    requirement: PhantomData<fn() -> R>,
}

/// What a handler requires, as a type: for requirements that come from the router's state `S`,
/// depend on the request, or are to be seen in the handler's arguments.
///
/// # Example: from the state
///
/// ```
/// use okta_introspect::adapter::{Active, Gate, RequestHead, Require, Required};
/// use okta_introspect::checker::Requirement;
///
/// struct App {
///     gate: Gate,
///     payments: Requirement,
/// }
///
/// struct Payments;
///
/// impl Require<App> for Payments {
///     fn requirement<'a>(app: &'a App, _: &RequestHead<'a>) -> Option<Required<'a>> {
///         Some((&app.payments).into())
///     }
/// }
///
/// async fn pay(caller: Active<Payments>) -> String {
///     format!("paid by {:?}", caller.username())
/// }
/// ```
///
/// # Example: the same for every state
///
/// ```
/// use std::sync::LazyLock;
/// use std::time::Duration;
/// use okta_introspect::adapter::{RequestHead, Require, Required};
/// use okta_introspect::checker::Requirement;
///
/// static PAYMENTS: LazyLock<Requirement> = LazyLock::new(|| {
///     Requirement::new().scope("payments.write").max_age(Duration::from_secs(2))
/// });
///
/// struct Payments;
///
/// impl<S> Require<S> for Payments {
///     fn requirement<'a>(_: &'a S, _: &RequestHead<'a>) -> Option<Required<'a>> {
///         Some((&*PAYMENTS).into())
///     }
/// }
/// ```
pub trait Require<S>: 'static {
    /// What this request has to meet; `None` refuses it, whatever token it brings.
    fn requirement<'a>(state: &'a S, request: &RequestHead<'a>) -> Option<Required<'a>>;
}

/// What the [rules of the gate](Gate::rules) say of the route.
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Active, ByRules};
///
/// async fn hello(_: Active<ByRules>) -> &'static str {
///     "hello"
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ByRules;

impl<S> Require<S> for ByRules {
    fn requirement<'a>(_: &'a S, request: &RequestHead<'a>) -> Option<Required<'a>> {
        request.rule()
    }
}

/// Any active token will do, whatever the rules of the gate say.
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Active, Anyone};
///
/// async fn hello(_: Active<Anyone>) -> &'static str {
///     "hello"
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl<S> Require<S> for Anyone {
    fn requirement<'a>(_: &'a S, _: &RequestHead<'a>) -> Option<Required<'a>> {
        static ANYONE: LazyLock<Requirement> = LazyLock::new(Requirement::new);
        Some((&*ANYONE).into())
    }
}

/// The URI of a request as it came: a nested router of axum's takes the front of it off. For
/// [`Gate::original_uri`], where a layer stands inside such a router.
pub fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
}

/// The route that a router of axum's has chosen, such as `/orders/{id}`. For [`Gate::route`],
/// where a layer stands inside such a router.
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

impl<R> Active<R> {
    /// The proof that the request was checked.
    pub fn into_inner(self) -> Authorized {
        self.authorized
    }
}

impl<R> Deref for Active<R> {
    type Target = Authorized;

    fn deref(&self) -> &Authorized {
        &self.authorized
    }
}

impl<S, R> FromRequestParts<S> for Active<R>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    R: Require<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        extract(parts, state, |_| true).await
    }
}

impl<S, R> OptionalFromRequestParts<S> for Active<R>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    R: Require<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        match extract(parts, state, |rejection| !lacks_token(rejection)).await {
            Err(rejection) if lacks_token(&rejection) => Ok(None),
            result => result.map(Some),
        }
    }
}

fn lacks_token(rejection: &Rejection) -> bool {
    matches!(rejection.cause(), Cause::NoToken)
}

/// Checks the token of a request. Those of the rejections that are refusals are made known.
async fn extract<S, R>(
    parts: &Parts,
    state: &S,
    is_refusal: fn(&Rejection) -> bool,
) -> Result<Active<R>, Rejection>
where
    S: Sync,
    Gate: FromRef<S>,
    R: Require<S>,
{
    let gate = Gate::from_ref(state);
    let Parts { extensions, .. } = parts;
    let seen =
        RequestHead::parts(parts).as_seen(original_uri(extensions), matched_path(extensions));
    let head = gate.head(seen);
    let own_rule = gate.own_rule(&head);
    let head = head.under(own_rule.as_ref());
    let required = R::requirement(state, &head);
    match gate.check_now_or_later(&head, required.as_ref()).await {
        Ok(authorized) => Ok(Active { authorized, requirement: PhantomData }),
        Err(rejection) if is_refusal(&rejection) => {
            Err(gate.refuse(rejection, &head, required.as_deref()))
        }
        Err(rejection) => Err(rejection),
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> axum::response::Response {
        if self.has_problem() { self.response_with_problem() } else { self.response() }
    }
}

impl<R> Clone for Active<R> {
    fn clone(&self) -> Self {
        Self { authorized: self.authorized.clone(), requirement: PhantomData }
    }
}

impl<R> From<Active<R>> for Authorized {
    fn from(active: Active<R>) -> Self {
        active.authorized
    }
}

impl<R> fmt::Debug for Active<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Active").field(&self.authorized).finish()
    }
}
