//! Keys that never enter the process: each is a [`Signer`](okta_introspect::Signer) for
//! `okta-introspect`, and is given to `Client::builder` in the place of a `SigningKey`.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `pkcs11`: a token with a PKCS#11 module, such as an HSM, a TPM or SoftHSM.
//! - `command`: a program that signs.
//! - `vault`: the transit engine of Vault or OpenBao.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[cfg(any(feature = "command", feature = "vault"))]
mod base64;
#[cfg(any(feature = "command", feature = "vault"))]
mod check;
#[cfg(feature = "command")]
pub mod command;
#[cfg(any(feature = "command", feature = "vault"))]
mod excerpt;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod uri;
#[cfg(feature = "vault")]
pub mod vault;

pub use uri::{is_uri, open, runs_code, shown};
