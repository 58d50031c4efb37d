//! Messages and servers of `proto/`, as tonic-prost-build 0.14 writes them. They are kept, so that no
//! build needs a compiler of `.proto` files; a test holds them against one where it is installed.
//!
//! Written anew by a program of this one statement, from within `crates/serve`:
//!
//! ```text
//! let request = ["CheckRequest", "AttributeContext", "Peer", "Request", "HttpRequest", "Entry",
//!     "RawHeaders", "RawHeader"];
//! tonic_prost_build::configure()
//!     .bytes(".")
//!     .skip_debug(request.map(|message| format!(".envoy.service.auth.v3.{message}")))
//!     .build_transport(false)
//!     .disable_comments(["."])
//!     .client_mod_attribute(".", "#[cfg(test)]")
//!     .out_dir("src/grpc/generated")
//!     .compile_protos(&["proto/authorization.proto", "proto/health.proto"], &["proto"])?;
//! ```
//!
//! No `Debug` for what comes in: it has tokens in it.

// The style of the generator is not ours, and not all that it writes is used.
#![allow(
    clippy::all,
    clippy::arithmetic_side_effects,
    clippy::missing_errors_doc,
    clippy::use_self,
    dead_code,
    missing_debug_implementations,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unused_qualifications
)]

#[rustfmt::skip]
pub(super) mod authorization;
#[rustfmt::skip]
pub(super) mod health;
