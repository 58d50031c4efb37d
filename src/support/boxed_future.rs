//! The boxed future that traits stored as `dyn` return.

use std::future::Future;
use std::pin::Pin;

/// A boxed, sendable future: what the methods of object-safe traits in this crate return.
///
/// # Example: an asynchronous method of a trait
///
/// ```
/// use okta_introspect::BoxFuture;
///
/// trait Sink {
///     fn write<'a>(&'a self, line: &'a str) -> BoxFuture<'a, ()>;
/// }
///
/// struct Nowhere;
///
/// impl Sink for Nowhere {
///     fn write<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
///         Box::pin(async {})
///     }
/// }
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
