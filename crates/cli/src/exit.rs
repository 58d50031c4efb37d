//! Exit codes: few, documented in every `--help`, and the same for ever.

use std::process::ExitCode;

use okta_introspect::ErrorKind;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// The command did its work; a token that was asked about is active.
    Done = 0,
    /// The answer is no: inactive, rejected, or, for `revoke --confirm`, still active.
    Denied = 1,
    /// The command line, a setting, the input or the key is wrong.
    Usage = 2,
    /// The server could not be asked, its answer means nothing, or it cannot know the token.
    Unknown = 3,
    /// The server refused our credentials, or what we asked for with them.
    Refused = 4,
    /// Ctrl-C: 128 and the number of the signal, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// For commands that call no server.
    pub(crate) const LOCAL_HELP: &'static str = "\
Exit codes:
  0  done
  2  the command line, a setting, the input or the key is wrong
  3  the output cannot be written";

    /// For commands that call a server and judge nothing.
    pub(crate) const ONLINE_HELP: &'static str = "\
Exit codes:
  0  done
  2  the command line, a setting, the input or the key is wrong
  3  could not find out: no connection, no answer in time, server failing, too many requests
  4  the server refused our credentials or the request";

    /// For `token`.
    pub(crate) const TOKEN_HELP: &'static str = "\
Exit codes:
  0  done
  1  the refresh token is no good: the user has to sign in again
  2  the command line, a setting, the input or the key is wrong
  3  could not find out: no connection, no answer in time, server failing, too many requests; the
     error tells if the server may have replaced the refresh token
  4  the server refused our credentials or the request";

    /// For commands that judge a token.
    pub(crate) const VERDICT_HELP: &'static str = "\
Exit codes:
  0  the token is active
  1  the token is inactive
  2  the command line, a setting, the input or the key is wrong
  3  could not find out: no connection, no answer in time, server failing, too many requests, or
     the token names another server
  4  the server refused our credentials or the request; this says nothing about the token";

    /// For `verify`.
    pub(crate) const VERIFY_HELP: &'static str = "\
Exit codes:
  0  the token is verified
  1  the token is rejected
  2  the command line, a setting or a key file is wrong
  3  could not find out: the issuer's keys cannot be fetched";

    /// For `introspect`, which may judge many.
    pub(crate) const INTROSPECT_HELP: &'static str = "\
Exit codes:
  0  the token is active
  1  the token is inactive
  2  the command line, a setting, the input or the key is wrong, or what was given is no token
  3  could not find out: no connection, no answer in time, server failing, too many requests, or
     the token names another server
  4  the server refused our credentials or the request; this says nothing about the token
  130  a batch was interrupted
  Of a batch, the worst that came of a line, in this order: 4, 3, 1, 2, 0. So 1 means that at least
  one token is inactive and about none there is no verdict; 0, that all of them were asked about
  and are active. A batch without a token to ask about, such as an empty one, is 2.";

    /// For `watch`, which judges more than once.
    pub(crate) const WATCH_HELP: &'static str = "\
Exit codes:
  0  --for has ended it, and the token is still active
  1  the token is inactive
  2  the command line, a setting, the input or the key is wrong
  3  --for has ended it, and the last question has found no answer; or the token names another
     server
  4  the server refused our credentials or the request; this says nothing about the token
  130  interrupted";

    /// For `signals watch`.
    pub(crate) const SIGNALS_WATCH_HELP: &'static str = "\
Exit codes:
  0  --for has ended it, or SIGTERM, or its output is no longer read
  2  the command line, a setting or the key is wrong
  3  --for has ended it, and the last question has found no answer; or the output cannot be written
  4  the server refused our credentials, the scope okta.logs.read, or to show its log
  130  interrupted";

    /// For `rotate`.
    pub(crate) const ROTATE_HELP: &'static str = "\
Exit codes:
  0  the new key is in use and the old one retired; with --dry-run: that is what would be done
  2  the command line, a setting or a key file is wrong, or the app's keys cannot be rotated
  3  could not find out: no connection, no answer in time, server failing, too many requests; run it
     again, and it goes on where it stopped
  4  the server refused our credentials, the scope okta.apps.manage, the new key or a change";

    /// For `revoke`, which judges only when asked to.
    pub(crate) const REVOKE_HELP: &'static str = "\
Exit codes:
  0  the server took the revocation; with --confirm: and the token is inactive
  1  with --confirm: the token is still active
  2  the command line, a setting, the input or the key is wrong
  3  could not find out: no connection, no answer in time, server failing, too many requests, or
     the token names another server
  4  the server refused our credentials or the request";

    /// For `doctor`.
    pub(crate) const DOCTOR_HELP: &'static str = "\
Exit codes:
  0  nothing failed; there may be warnings
  2  the first failure is in the command line, a setting or the key
  3  the first failure: the server cannot be reached, is failing, or is none
  4  the first failure: the server refused our credentials or the request";

    /// For `plan`.
    pub(crate) const PLAN_HELP: &'static str = "\
Exit codes:
  0  the calls fit, at least usually
  1  they do not
  2  the command line is wrong, or the plot cannot be written
  3  the output cannot be written";

    /// For `serve`.
    pub(crate) const SERVE_HELP: &'static str = "\
Exit codes:
  0  it was told to end, and has answered what was under way; with --check: nothing is wrong
  2  the command line, the configuration, a setting or the key is wrong, or it cannot listen
  3  the output cannot be written";

    /// For `serve probe`.
    pub(crate) const PROBE_HELP: &'static str = "\
Exit codes:
  0  the good token got through, and nothing else did
  1  something got through that should not
  2  the command line, the token, or a file is wrong
  3  could not find out: no connection, the good token did not get through, no answer in time, or
     the service does not show what it was asked";

    /// For `demo`.
    pub(crate) const DEMO_HELP: &'static str = "\
Exit codes:
  0  everything went as told
  2  the command line is wrong
  3  a step did not; the error names it";
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Configuration | ErrorKind::Input | ErrorKind::Key => Self::Usage,
            ErrorKind::ClientRefused | ErrorKind::RequestRefused | ErrorKind::InvalidGrant => {
                Self::Refused
            }
            // Of a kind that does not exist yet, no more is known than that there is no answer.
            _ => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
