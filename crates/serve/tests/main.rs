//! The whole sidecar: real sockets, real requests to the sandbox, injected time.

mod follow;
mod garbage;
mod http;
mod introspect;
mod probe;
mod reload;
mod secrets;
mod sidecar;
mod signals;
mod start;
mod verdicts;
mod world;
