//! The command as a whole process: what it prints, with which exit code, and what it calls.

mod common;

mod answers;
mod api;
mod authentication;
mod bad_input;
mod batch;
mod batch_many;
mod comfort;
#[cfg(unix)]
mod command_signer;
#[cfg(unix)]
mod completions;
mod connection;
mod doctor;
mod end_to_end;
mod explain;
// What the system says of missing files, and `/dev/full`, are Linux's.
#[cfg(target_os = "linux")]
mod golden;
mod key_matrix;
mod local;
#[cfg(unix)]
mod mistakes;
mod numbers;
#[cfg(all(unix, feature = "pkcs11"))]
mod pkcs11;
mod profiles;
mod redaction;
mod refresh;
#[cfg(unix)]
mod rotate;
#[cfg(unix)]
mod scripts;
mod settings;
mod settings_table;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod terminal;
mod tls;
mod token_cache;
#[cfg(unix)]
mod trust;
mod verdicts;
mod verify;
mod watch;
#[cfg(unix)]
mod width;
