//! The whole sidecar.

mod modes;
mod probe;
mod sidecar;
