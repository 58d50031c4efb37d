//! Sessions, as in a terminal's window.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use okta_introspect::sandbox::{App, SignIn};

use super::file;
use super::redactions::redacted;
use crate::common::org::{Org, key};
use crate::common::terminal::on_terminal;
use crate::common::{Run, read_lines, signal};

#[path = "../../src/text/json.rs"]
mod json_text;

/// What was typed on the computer of an org's app, and what was answered.
pub(crate) struct Session {
    pub(crate) org: Org,
    text: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self::of(|app| app)
    }

    /// With another app.
    pub(crate) fn of(app: impl FnOnce(App) -> App) -> Self {
        let org = Org::with(|own| app(own.grant("okta.logs.read")), |builder| builder);
        Self { org: org.in_the_environment(), text: String::new() }
    }

    /// With a web app whose refresh tokens rotate, and a user's refresh token in this file.
    pub(crate) fn with_refresh_token(file: &str) -> Self {
        let session = Self::new();
        let (sandbox, world) = (&session.org.sandbox, &session.org.world);
        let app = App::web("0oa2web").key(key(world).public_jwk()).rotates_refresh_tokens(30);
        sandbox.register(app);
        let sign_in = SignIn::new("0oa2web", "00u1ada").server("default");
        let tokens =
            sandbox.sign_in(&sign_in.scope("offline_access").scope("orders.read")).unwrap();
        world.write(file, tokens.refresh_token.unwrap().expose());
        session
    }

    /// Runs a line in a shell.
    #[track_caller]
    pub(crate) fn run(&mut self, line: &str) -> &mut Self {
        let run = self.ask(line);
        self.add(line, &run)
    }

    /// Runs a line until it has printed so many lines, and presses Ctrl-C. It can read `input`, of
    /// which no end comes.
    #[track_caller]
    pub(crate) fn interrupt(&mut self, line: &str, input: &str, lines: usize) -> &mut Self {
        let mut run = self.until_interrupted(line, input, lines);
        run.stdout.push_str("^C\n");
        self.add(line, &run)
    }

    /// Runs a line on a terminal. Colours are shown as `\e[…m`.
    #[track_caller]
    pub(crate) fn on_terminal(&mut self, line: &str) -> &mut Self {
        let (code, shown) = on_terminal(&self.org.world, line, &[]);
        let stdout = shown.replace("\r\n", "\n").replace('\u{1b}', "\\e");
        self.add(line, &Run { code, stdout, stderr: String::new(), line: line.to_owned() })
    }

    /// Adds what was run.
    fn add(&mut self, line: &str, run: &Run) -> &mut Self {
        let blank = if self.text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{blank}$ {line}");
        self.text.push_str(&run.stdout);
        for line in run.stderr.lines() {
            let _ = writeln!(self.text, "2> {line}");
        }
        let _ = writeln!(self.text, "=> {}", run.code);
        self
    }

    /// Checks the session against its file.
    #[track_caller]
    pub(crate) fn is(&self, name: &str) {
        file::check(name, &redacted(&self.text));
    }

    /// Checks the JSON that a line prints, one member on a line, against its file.
    #[track_caller]
    pub(crate) fn prints(&self, line: &str, name: &str) {
        check_json(&self.ask(line), name);
    }

    /// The same for a command that does not end by itself.
    #[track_caller]
    pub(crate) fn prints_until_interrupted(&self, line: &str, name: &str) {
        check_json(&self.until_interrupted(line, "", 1), name);
    }

    /// Runs a line of which nobody needs to know.
    #[track_caller]
    pub(crate) fn prepare(&self, line: &str) -> String {
        let run = self.ask(line);
        assert_eq!(run.code, 0, "{run:?}");
        run.stdout
    }

    fn ask(&self, line: &str) -> Run {
        Run::of(&[line], self.org.world.shell(line).stdin(Stdio::null()).output().unwrap())
    }

    fn until_interrupted(&self, line: &str, input: &str, lines: usize) -> Run {
        let mut child = self.org.world.shell(&format!("exec {line}")).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        let stdout = read_lines(&mut child, lines).join("\n") + "\n";
        signal(&child, "INT");
        let mut run = Run::of(&[line], child.wait_with_output().unwrap());
        drop(stdin);
        run.stdout = stdout;
        run
    }
}

/// Members keep the order in which they were printed.
#[track_caller]
fn check_json(run: &Run, name: &str) {
    run.json();
    file::check(name, &redacted(&(json_text::indented(run.stdout.trim_end()) + "\n")));
}
