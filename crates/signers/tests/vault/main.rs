//! The signer by Vault's transit engine: with a server that does as it is told, and with OpenBao where it
//! is installed.

#![allow(clippy::print_stdout)] // what is skipped is named

mod fake;
mod faults;
mod login;
mod openbao;
mod signing;
