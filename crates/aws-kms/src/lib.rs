//! Keys in AWS KMS: a [`Signer`](okta_introspect::Signer) for `okta-introspect`, whose key never enters the process.
//!
//! [`KmsSigner`] is given an [`aws_sdk_kms::Client`], which has the region, the credentials and the HTTP client of
//! whoever made it; this crate brings none of them along.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod algorithm;
mod fault;
mod signer;

pub use signer::{KmsSigner, KmsSignerBuilder};
