//! The signer by a program, with real programs. Processes are looked for in `/proc`.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)] // what is skipped is named

mod faults;
mod once;
mod program;
mod running;
