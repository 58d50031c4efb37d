//! The whole sidecar.

mod probe;
