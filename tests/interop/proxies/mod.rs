//! Real proxies, each with the snippet that is printed for it.

mod answers;
mod backend;
mod cases;
mod client;
mod probe;
mod program;
mod protobuf;
mod sidecar;
mod stub;
