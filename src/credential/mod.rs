//! How a client proves who it is: keys and secrets to servers, and proofs that a token is its own.

pub(crate) mod assertion;
pub(crate) mod audience;
pub(crate) mod client_auth;
mod client_secret;
pub(crate) mod dpop;
mod id;
mod pace;
pub(crate) mod secret_file;

pub(crate) use client_secret::check as check_client_secret;
pub(crate) use id::check_client_id;
