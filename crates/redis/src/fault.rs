//! What went wrong, in words of our own: what Redis says may repeat a name or a value.

use okta_introspect::{Error, ErrorKind};
use redis::{RedisError, ServerError, ServerErrorKind};

use crate::address::Host;
use crate::guard::{Ending, MAX_REPLY};

/// Why a connection is of no use any more.
pub(crate) fn lost(host: &Host, ending: Ending, error: &RedisError) -> Error {
    let (kind, what) = match ending {
        Ending::TooLong => {
            (ErrorKind::Malformed, format!("{host} answered with more than {MAX_REPLY} bytes"))
        }
        Ending::NotRedis => {
            (ErrorKind::Malformed, format!("{host} does not speak Redis' protocol"))
        }
        Ending::Alert => (
            ErrorKind::Unreachable,
            format!("{host} ended TLS; it may demand a certificate of the client's, or another"),
        ),
        Ending::Silent => (ErrorKind::TimedOut, format!("{host} said nothing for seconds")),
        Ending::None if error.kind() == redis::ErrorKind::Parse => {
            (ErrorKind::Malformed, format!("{host} does not speak Redis' protocol"))
        }
        Ending::None => (ErrorKind::Unreachable, format!("the connection to {host} was lost")),
    };
    Error::from_store(kind, what)
}

/// A reply of another shape than was asked for.
pub(crate) fn misshapen() -> Error {
    Error::from_store(ErrorKind::Malformed, "Redis answered something else than was asked for")
}

/// Whether the server cannot serve, and another connection might.
pub(crate) fn is_of_the_server(error: &ServerError) -> bool {
    is_read_only(error)
        || matches!(error.code(), "NOAUTH" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN")
}

/// Older servers say within a text that a script met it.
fn is_read_only(error: &ServerError) -> bool {
    error.kind() == Some(ServerErrorKind::ReadOnly)
        || error.details().is_some_and(|text| text.contains("-READONLY "))
}

/// Scripts say it in words of their own.
fn is_forbidden(error: &ServerError) -> bool {
    let says = |text: &str| text.contains("NOPERM ") || text.contains("can't run this command");
    error.code() == "NOPERM" || error.details().is_some_and(says)
}

/// A refusal.
pub(crate) fn refused(error: &ServerError) -> Error {
    let of = |kind, what: &str| Error::from_store(kind, what);
    if is_read_only(error) {
        return of(ErrorKind::ServerFailed, "Redis is a replica, and takes nothing");
    }
    if is_forbidden(error) {
        return of(
            ErrorKind::RequestRefused,
            "the user of Redis may not do what is needed; docs/redis.md has its rights",
        );
    }
    match error.code() {
        "NOAUTH" => of(ErrorKind::ClientRefused, "Redis demands a password, and none is set"),
        "WRONGPASS" => of(ErrorKind::ClientRefused, "Redis refused the username or the password"),
        "MOVED" | "ASK" => of(
            ErrorKind::Configuration,
            "Redis is a node of a cluster; write redis+cluster:// or rediss+cluster://",
        ),
        "OOM" => {
            of(ErrorKind::ServerFailed, "Redis has no memory left, and its policy evicts nothing")
        }
        "LOADING" => of(ErrorKind::ServerFailed, "Redis is still reading its data"),
        "MASTERDOWN" => of(ErrorKind::ServerFailed, "Redis has lost its master"),
        "CLUSTERDOWN" => of(ErrorKind::ServerFailed, "the cluster of Redis does not serve"),
        "WRONGTYPE" => of(
            ErrorKind::Malformed,
            "a value in Redis is of another type; something else uses the same names",
        ),
        code => {
            let code = if is_code(code) { code } else { "an error" };
            Error::from_store(ErrorKind::ServerFailed, format!("Redis refused: {code}"))
        }
    }
}

/// Whether it is a word such as `MISCONF`: it is repeated.
fn is_code(code: &str) -> bool {
    (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase())
}
