//! The whole sidecar: real sockets, real requests to the sandbox, injected time.

mod http;
mod introspect;
mod reload;
mod verdicts;
mod world;
