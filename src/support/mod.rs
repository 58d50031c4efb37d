//! What any program needs and no domain word belongs to.

#[cfg(feature = "tower")]
pub(crate) mod body;
pub(crate) mod boxed_future;
pub(crate) mod json;
pub(crate) mod json_misfit;
pub(crate) mod quoted;
pub(crate) mod random;
pub(crate) mod single_flight;
pub(crate) mod sync;
