//! The boxed future that traits stored as `dyn` return.

use std::future::Future;
use std::pin::Pin;

/// A boxed, sendable future: what the methods of object-safe traits in this crate return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
