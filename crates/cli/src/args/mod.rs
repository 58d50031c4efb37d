//! The command line as plain data, without environment, files or network.
//!
//! The help of a command is the doc comment at its name, in [`Command`]. The types of its options
//! have plain comments: clap would print a doc comment in place of that text.

mod duration;
mod flags;
mod local;
mod online;
mod plan;
mod serve;
mod shared;
mod signals;
pub(crate) mod usage;
mod verify;
mod watch;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

pub(crate) use local::{
    AssertionArgs, CompletionsArgs, ConfigArgs, ConfigCommand, ConfigInitArgs, ConfigListArgs,
    ConfigShowArgs, ConfigUseArgs, DecodeArgs, DemoArgs, JwkArgs, KeygenArgs, ManArgs, NewAppArgs,
    SandboxArgs,
};
pub(crate) use online::{ApiArgs, DoctorArgs, ExplainArgs, IntrospectArgs, RevokeArgs, TokenArgs};
pub(crate) use plan::PlanArgs;
pub(crate) use serve::{ProbeArgs, ServeArgs, ServeCommand, SnippetArgs};
pub(crate) use shared::KeyArgs;
pub(crate) use signals::{SignalsArgs, SignalsCommand, SignalsTestArgs, SignalsWatchArgs};
pub(crate) use verify::VerifyArgs;
pub(crate) use watch::WatchArgs;

/// Know whether an Okta token is still good right now.
///
/// Acts as an Okta service app (private_key_jwt): requests service tokens, introspects and
/// revokes tokens. Settings are taken from flags, then from the environment (OKTA_CLIENT_…), then
/// from ./okta.yaml or ./.okta.yaml, then from ~/.okta/okta.yaml; server, client id and key come
/// from one of these, and flags go with each. A file can have several apps as profiles, which
/// --profile, OKTA_PROFILE or `config use` choose. A file in the working folder must be yours, and
/// writable by nobody else. Where nothing looks like a configuration, a running
/// `okta-introspect sandbox` is used.
///
/// Keys, tokens and passphrases come from files, the environment or standard input, never from
/// the command line. Data goes to stdout, words for people to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "okta-introspect",
    version,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Leave out notes on stderr; errors are told all the same
    #[arg(long, global = true, display_order = LAST)]
    pub(crate) quiet: bool,
    /// Tell each request on stderr: method, where to, status, time, request id
    #[arg(long, global = true, display_order = LAST)]
    pub(crate) verbose: bool,
    /// Tell connections as well, with the time
    #[arg(long, global = true, display_order = LAST + 1)]
    pub(crate) trace: bool,
}

impl Args {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// Also where help or the version was asked for.
    pub(crate) fn read(line: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let line: Vec<_> = line.collect();
        let read = Self::try_parse_from(&line);
        match &read {
            Err(error) if is_option_of_help(error) => {
                let names = line.iter().filter(|word| !word.as_encoded_bytes().starts_with(b"-"));
                Self::try_parse_from(names)
            }
            _ => read,
        }
    }
}

/// Whether an option is the mistake in `help --help` or `help token -h`: the command `help` takes names
/// only.
fn is_option_of_help(error: &clap::Error) -> bool {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) => name.starts_with('-'),
        _ => false,
    }
}

/// The position of global options: behind a command's own, before `--help`.
const LAST: usize = 900;

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

/// The commands. `defer` builds a command's options only when that command is typed: building
/// those of all others took most of the time of `--help`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show the whole story on an embedded sandbox: no configuration, no network
    Demo(DemoArgs),
    /// Run an authorization server on loopback that behaves as Okta does
    ///
    /// Prints `export` lines for the other commands and for your own programs, and runs until
    /// Ctrl-C. Commands in other terminals find it by themselves as long as nothing else is
    /// configured.
    Sandbox(SandboxArgs),
    /// Request a service token and print it
    ///
    /// The token goes to stdout, alone on a line.
    Token(TokenArgs),
    /// Ask the server whether a token is good right now
    ///
    /// Reads one token from stdin or a file. Prints `active` or `inactive` and what the server says
    /// about the token.
    ///
    /// With --batch, it reads many: a line is a token, or a JSON object with the member `token` or
    /// `access_token`, which may have a `hint` and any other members. It prints a line of JSON for
    /// each, in the same order: `line`, `token` (its fingerprint: Base64 of SHA-256),
    /// `introspection` or `error`, and the other members of the input. It keeps within the server's
    /// rate limit and in little memory. Ctrl-C lets it finish what is under way.
    Introspect(IntrospectArgs),
    /// Watch a token, and tell each change until it becomes inactive
    ///
    /// Reads one token from stdin or a file and asks the server about it again and again. Prints a
    /// line for its first state and one for each change: `active`, `inactive`, or `unknown` when
    /// the server cannot be asked or cannot say, which is never taken for inactive: the cause goes
    /// to stderr, and the next question follows after a pause. Refused credentials end it at once.
    ///
    /// With --json, each line is a JSON object: `time` (when the server was asked), `token` (its
    /// fingerprint: Base64 of SHA-256), `active` (true, false, or null for unknown), `changed` (the
    /// names of what is new, `active` or members of the answer such as `scope` and `exp`; empty in
    /// the first line), and `introspection` or `error`.
    ///
    /// Without --until-inactive and --for it goes on until Ctrl-C, also beyond inactive: a user who
    /// was suspended may come back. It keeps within the server's rate limit, and asks at a token's
    /// end without waiting for its next turn.
    Watch(WatchArgs),
    /// Revoke a token of this app
    ///
    /// Reads one token from stdin or a file. A server says the same for tokens that it does not
    /// know, so ask it with --confirm when it matters.
    Revoke(RevokeArgs),
    /// Verify a token locally: signature, times, audience; not whether it was revoked
    ///
    /// Reads one token from stdin or a file: an access token of a custom authorization server, or
    /// with --id-token an ID token. Access tokens of the org server are opaque; introspect them.
    /// The keys are the issuer's, or those of --jwks, and then nobody is asked.
    Verify(VerifyArgs),
    /// Call a management API of the org with a service token
    ///
    /// Prints the answer's body as it came; on a terminal, JSON is indented. A --field goes into
    /// the query of a GET, HEAD or DELETE, and into the JSON body of other methods, as text; a dot
    /// in its key leads into an object: profile.login=ada. Secrets belong in an --input.
    ///
    /// Pages lead on by `Link` headers, which are followed on the org's own address only. When the
    /// rate limit is used up, the command waits for the next window.
    Api(ApiArgs),
    /// Find out why it does not work, or that it does
    ///
    /// Checks, in this order: issuer, discovery, clock, key, assertion, a token for each scope,
    /// introspection, revocation, rate limit, DPoP, the APIs that the scopes are for, and, as far
    /// as the app may read them, its keys, settings, grants and admin roles. Each check tells what
    /// was seen, the likely cause and the cure. It changes nothing but tokens of its own, one of
    /// which it revokes.
    Doctor(DoctorArgs),
    /// Explain why a token is inactive, or may be
    ///
    /// Reads one token from stdin or a file, and asks the server. If the token is inactive, it
    /// looks for the reason in what the token says, at the server of the same org that it names, in
    /// the signature if that server publishes its keys (those of custom servers, and of ID tokens),
    /// and in the System Log, for which the app needs the scope okta.logs.read. Nothing else leaves
    /// for an address that stands only in the token.
    Explain(ExplainArgs),
    /// Check tokens for a proxy, and for services in any language
    ///
    /// The sidecar: nginx, Caddy, Traefik, HAProxy and Envoy ask it about each request, over HTTP or
    /// Envoy's gRPC, and services post tokens to its /introspect (RFC 7662). What it lets in, and
    /// how old an answer may be, is said by rules in one YAML file; what has no rule is refused.
    /// Runs until SIGTERM or Ctrl-C, and reads its file anew when that changes and at SIGHUP.
    Serve(ServeArgs),
    /// See what is revoked in the org as it happens, and how late that is told
    ///
    /// Okta tells of revocations itself, in its System Log. `serve` and the library follow it, so
    /// that a token which was revoked elsewhere is refused within seconds at one call a second for
    /// the whole org.
    Signals(SignalsArgs),
    /// Reckon how many calls a service takes, and whether they fit
    ///
    /// From the number of tokens in use, how old answers may be, the instances and what they share, it
    /// reckons the calls a minute to /introspect and to the System Log, whether Okta's limits have room
    /// for them, how late a revocation is seen, and what would help. No server is asked.
    ///
    /// With --json, calls are calls a minute, but for `cold`, which are so many at once. `without_signals`
    /// and `without_shared` are what is to be expected while the log or the shared store fails.
    Plan(PlanArgs),
    /// Make a client assertion and print it
    ///
    /// It is good for one request to one endpoint within five minutes. Send it in a form body,
    /// never in a URL.
    Assertion(AssertionArgs),
    /// Show what a JWT says, without verifying anything
    ///
    /// Reads one JWT from stdin or a file. Nothing is checked and no server is asked: whatever it
    /// says, anybody could have written.
    Decode(DecodeArgs),
    /// Make a private key and print its public half for registration
    ///
    /// Makes an ES256 key unless told otherwise: it signs ten times as fast as RSA. The file is
    /// readable by its owner alone; an existing file is never overwritten.
    Keygen(KeygenArgs),
    /// Print the public half of a private key as a JWK
    Jwk(JwkArgs),
    /// Show the settings and where each comes from, and choose among profiles
    ///
    /// A profile is an app of an org, written below `okta: profiles: NAME:` in a settings file, as
    /// `okta: client:` is. Secrets are told by fingerprints only. No server is asked.
    Config(ConfigArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of the command, or of one of its commands
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
