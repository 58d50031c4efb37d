//! The whole sidecar: real sockets, real requests to the sandbox, injected time.

mod follow;
mod garbage;
mod http;
mod introspect;
mod probe;
mod redis;
mod reload;
mod secrets;
mod shared;
mod sidecar;
mod signals;
mod start;
mod verdicts;
mod world;
