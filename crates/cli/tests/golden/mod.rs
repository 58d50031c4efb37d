//! What the command shows, word for word, beside this file: the product's face.
//!
//! Each command has `NAME.help.txt` (`--help`), `NAME.short-help.txt` (`-h`, if it is another one), `NAME.human.txt` (a
//! session as on a terminal), `NAME.json` if it knows `--json`, and `NAME.exit-codes.txt` (each
//! exit code that its help names, and what is said then); those with colours have
//! `NAME.terminal.txt`. After a change, write them anew and read
//! what has changed:
//!
//! ```sh
//! SNAPSHOTS=overwrite cargo test -p okta-introspect-cli golden; git diff crates/cli/tests/golden
//! ```
//!
//! In sessions, `2>` stands before what goes to stderr, and `=>` before the exit code. What is
//! another one in each run (`[TIME]`, `[PORT]`, `[TOKEN]`, …) is named only: see `redactions.rs`.

mod commands;
mod exit_codes;
mod file;
mod help;
mod local;
mod online;
mod redactions;
mod serve;
mod session;
mod terminal;
