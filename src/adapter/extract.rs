//! The axum extractor.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::LazyLock;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts, OriginalUri};
use axum::response::IntoResponse;
use http::request::Parts;
use http::{Extensions, Uri};

use super::challenge::{Cause, Rejection};
use super::gate::{Gate, Seen};
use crate::checker::{Authorized, Requirement};

/// A caller whose token was checked. A handler that takes one cannot be reached without.
///
/// `R` says what is required; [`Anyone`] with an active token if left out. The router's state must
/// give a [`Gate`]. `Option<Active<R>>` is `None` for requests *without* a token; one that is
/// present and no good is refused all the same.
///
/// # Example: a route that changes orders
///
/// ```
/// use std::sync::LazyLock;
/// use okta_introspect::adapter::{Active, Require};
/// use okta_introspect::checker::Requirement;
///
/// struct ChangeOrders;
///
/// impl Require for ChangeOrders {
///     fn requirement() -> &'static Requirement {
///         static REQUIREMENT: LazyLock<Requirement> =
///             LazyLock::new(|| Requirement::new().scope("orders.write"));
///         &REQUIREMENT
///     }
/// }
///
/// async fn cancel(caller: Active<ChangeOrders>) -> String {
///     format!("cancelled for {:?}", caller.introspection().username)
/// }
/// ```
pub struct Active<R = Anyone> {
    authorized: Authorized,
    requirement: PhantomData<fn() -> R>,
}

/// What a route requires, as a type.
///
/// # Example: no older answers than two seconds
///
/// ```
/// use std::sync::LazyLock;
/// use std::time::Duration;
///
/// use okta_introspect::adapter::Require;
/// use okta_introspect::checker::Requirement;
///
/// struct Payments;
///
/// impl Require for Payments {
///     fn requirement() -> &'static Requirement {
///         static REQUIREMENT: LazyLock<Requirement> = LazyLock::new(|| {
///             Requirement::new().scope("payments.write").max_age(Duration::from_secs(2))
///         });
///         &REQUIREMENT
///     }
/// }
/// ```
pub trait Require: 'static {
    /// The requirement, made once.
    fn requirement() -> &'static Requirement;
}

/// Any active token will do.
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

impl Require for Anyone {
    fn requirement() -> &'static Requirement {
        static REQUIREMENT: LazyLock<Requirement> = LazyLock::new(Requirement::new);
        &REQUIREMENT
    }
}

/// The URI of a request as it came: a nested router of axum's takes the front of it off. For
/// [`Gate::original_uri`], where a layer stands inside such a router.
pub fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
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
    R: Require,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let seen = Seen::parts(parts).came_as(original_uri(&parts.extensions));
        let gate = Gate::from_ref(state);
        let authorized = gate.check_now_or_later(seen, R::requirement()).await?;
        Ok(Self { authorized, requirement: PhantomData })
    }
}

impl<S, R> OptionalFromRequestParts<S> for Active<R>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    R: Require,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(active) => Ok(Some(active)),
            Err(rejection) if matches!(rejection.cause(), Cause::NoToken) => Ok(None),
            Err(rejection) => Err(rejection),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> axum::response::Response {
        self.response()
    }
}

impl<R> fmt::Debug for Active<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Active").field(&self.authorized).finish()
    }
}
