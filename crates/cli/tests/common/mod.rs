//! Runs the real binary in a world of its own: an empty environment, home and runtime folder.

// Every test file uses a part of it.
#![allow(dead_code)]

pub(crate) mod org;
pub(crate) mod server;
#[cfg(unix)]
pub(crate) mod terminal;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A computer on which nothing is configured.
pub(crate) struct World {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["home", "runtime", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, variables: Vec::new() }
    }

    /// The same with an ES256 key in `key.pem`, and its key id.
    pub(crate) fn with_key() -> (Self, String) {
        let world = Self::new();
        let made = world.run(&["keygen", "key.pem", "--json"]);
        made.exits(0);
        let key_id = made.json()["key_id"].as_str().unwrap().to_owned();
        (world, key_id)
    }

    /// Sets an environment variable for all further runs.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.put(name, value);
        self
    }

    /// [`set`](Self::set) for a world that has an owner.
    pub(crate) fn put(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Takes a variable away again.
    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// A path in the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.folder.path().join("runtime")
    }

    /// Writes a file in the working folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_okta-introspect"), args)
    }

    /// A line for a shell that finds our command under its name.
    pub(crate) fn shell(&self, line: &str) -> Command {
        self.with_path("sh", &["-c", line])
    }

    /// A program that finds our command, and those of every system.
    pub(crate) fn with_path(&self, program: &str, args: &[&str]) -> Command {
        let folder = Path::new(env!("CARGO_BIN_EXE_okta-introspect")).parent().unwrap();
        let mut command = self.program(program, args);
        command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        command
    }

    /// Any program.
    fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.pipe(args, b"")
    }

    /// Runs with `input` on standard input.
    pub(crate) fn pipe(&self, args: &[&str], input: impl AsRef<[u8]>) -> Run {
        let mut child = self.command(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses its settings does not wait for input.
        let _ = stdin.write_all(input.as_ref());
        drop(stdin);
        Run::of(args, child.wait_with_output().unwrap())
    }
}

/// What a run did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(args: &[&str], output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            line: args.join(" "),
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Checks the exit code, and that an error is told in exactly one line, after notes at most.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, usize::from(code >= 2), "{self:?}");
        let known = |line: &str| line.starts_with("error: ") || line.starts_with("note: ");
        assert!(self.stderr.lines().all(known), "{self:?}");
        assert!(!self.stdout.contains('\u{1b}') && !self.stderr.contains('\u{1b}'), "{self:?}");
        self
    }

    /// Checks that the run failed with nothing but one line that contains `fragment`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, fragment: &str) -> &Self {
        self.exits(code);
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(self.stderr.contains(fragment), "`{fragment}` is not in {self:?}");
        self
    }

    /// Checks that no output contains `secret`.
    #[track_caller]
    pub(crate) fn hides(&self, secret: &str) -> &Self {
        let told = self.stdout.contains(secret) || self.stderr.contains(secret);
        assert!(!told, "a secret is in the output of: {}", self.line);
        self
    }

    /// The only line of data, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// `okta-introspect sandbox --json`, which ends with its handle.
pub(crate) struct Sandbox {
    child: Child,
    pub(crate) told: Value,
}

impl Sandbox {
    /// Starts one in `world` and waits for its line.
    pub(crate) fn start(world: &World, args: &[&str]) -> Self {
        let args = [&["sandbox", "--json"], args].concat();
        let mut child = world.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.told[member].as_str().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with a signal that it can answer to, and gives its exit code.
    #[cfg(unix)]
    pub(crate) fn end(mut self, name: &str) -> i32 {
        signal(&self.child, name);
        self.child.wait().unwrap().code().unwrap()
    }

    /// Ends it, and gives what it said on stderr.
    #[cfg(unix)]
    pub(crate) fn end_and_tell(mut self) -> String {
        signal(&self.child, "TERM");
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    /// Ends it with a signal that it does not hear.
    #[cfg(unix)]
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by its name.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// The first lines that a running command prints.
pub(crate) fn read_lines(child: &mut Child, count: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.take(count).map(Result::unwrap).collect()
}

/// Says that a test, or a part of one, cannot run here, in the form that `tests/all` counts. It is
/// written past the test harness, which shows nothing of tests that pass.
pub(crate) fn skip(what: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "\n-- skipped: {what} ({reason})");
}

/// One of the sample keys in `keys/`.
pub(crate) fn sample(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("keys").join(name).to_str().unwrap().to_owned()
}
