//! The whole sidecar: real sockets, real requests to the sandbox, injected time.

mod http;
mod introspect;
mod modes;
mod probe;
mod reload;
mod sidecar;
mod verdicts;
mod world;
