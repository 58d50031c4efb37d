//! What was typed: plain data, without environment, files or network.

mod duration;
mod local;
mod online;
mod shared;
mod verify;
mod watch;

use clap::{Parser, Subcommand};

pub(crate) use local::{
    AssertionArgs, CompletionsArgs, ConfigArgs, ConfigCommand, ConfigShowArgs, DecodeArgs,
    DemoArgs, JwkArgs, KeygenArgs, ManArgs, SandboxArgs,
};
pub(crate) use online::{ApiArgs, DoctorArgs, ExplainArgs, IntrospectArgs, RevokeArgs, TokenArgs};
pub(crate) use shared::{ClientArgs, KeyArgs};
pub(crate) use verify::VerifyArgs;
pub(crate) use watch::WatchArgs;

/// Know whether an Okta token is still good right now.
///
/// Acts as an Okta service app (private_key_jwt): requests service tokens, introspects and
/// revokes tokens. Settings are taken from flags, then from the environment (OKTA_CLIENT_…), then
/// from ./okta.yaml or ./.okta.yaml, then from ~/.okta/okta.yaml. Where none of them names an
/// org, a client or a key, a running `okta-introspect sandbox` is used.
///
/// Keys, tokens and passphrases come from files, the environment or standard input, never from
/// the command line. Data goes to stdout, words for people to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "okta-introspect",
    version,
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tell each request on stderr: where to, status, time, request id
    #[arg(long, global = true, help_heading = "Messages")]
    pub(crate) verbose: bool,
    /// Tell connections as well, with the time
    #[arg(long, global = true, help_heading = "Messages")]
    pub(crate) trace: bool,
}

/// What stands below the options: exit codes, and examples.
fn help(exit_codes: &str, examples: &[&str]) -> String {
    let lines: String = examples.iter().map(|line| format!("\n  okta-introspect {line}")).collect();
    format!("{exit_codes}\n\nExamples:{lines}")
}

const EXAMPLES: &str = "\
Examples:
  okta-introspect demo
  okta-introspect sandbox
  okta-introspect token --scope okta.users.read
  okta-introspect introspect --json < token.txt
  okta-introspect doctor --fix-hints

Exit codes are the same for every command and listed in its --help: 0 active or done,
1 inactive, 2 usage or configuration, 3 could not find out, 4 our credentials were refused,
130 interrupted.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Sandbox(SandboxArgs),
    Token(TokenArgs),
    Introspect(IntrospectArgs),
    Watch(WatchArgs),
    Revoke(RevokeArgs),
    Verify(VerifyArgs),
    Api(ApiArgs),
    Doctor(DoctorArgs),
    Explain(ExplainArgs),
    Assertion(AssertionArgs),
    Decode(DecodeArgs),
    Keygen(KeygenArgs),
    Jwk(JwkArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
