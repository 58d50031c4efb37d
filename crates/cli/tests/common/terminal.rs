//! A terminal for the command, and what is shown on it.

use std::process::Stdio;

use super::World;

/// Opens a terminal for a shell, and passes on what is shown on it.
const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', sys.argv[1]])))";

/// Runs a shell line on a terminal; gives the exit code and what is shown.
pub(crate) fn on_terminal(world: &World, line: &str, settings: &[(&str, &str)]) -> (i32, String) {
    let output = world
        .with_path("python3", &["-c", TERMINAL, line])
        .env("TERM", "xterm")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}
