//! Why no complete answer came: the cause, from the chain of the errors of the libraries below, and
//! whether the same request would meet it again.

use std::error::Error as StdError;

use crate::error::{Error, ErrorKind};
use crate::wire::error_chain::chain;
use crate::wire::place::Place;
use crate::wire::proxy_fault::ProxyFault;
use crate::wire::tls_fault::TlsFault;

/// Why there is no answer, and whether the same request would fail again.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) lasting: bool,
    /// Whether the server may have got the request.
    pub(crate) may_have_arrived: bool,
}

/// Why no complete answer came.
pub(super) enum NoAnswer {
    Transport(reqwest::Error),
    /// The same, by the word of the proxy.
    Proxy(reqwest::Error, ProxyFault),
    TooLong {
        max: usize,
    },
}

impl NoAnswer {
    pub(super) fn into_failure(self, place: &Place) -> Failure {
        let path = place.path();
        match self {
            Self::TooLong { max } => {
                let what = format!("the answer of {path} is longer than {max} bytes");
                lasting(Error::malformed(what).advise(CHECK_ADDRESS))
            }
            Self::Transport(cause) => {
                let cause = cause.without_url();
                // All of these come before the first byte of a request.
                let may_have_arrived = !cause.is_connect() && !before_the_tunnel(&cause);
                let failure = of_transport(&cause, place);
                Failure { error: failure.error.because(cause), may_have_arrived, ..failure }
            }
            Self::Proxy(cause, fault) => {
                let (what, advice) = fault.words(place.host());
                let error = unreachable(what).advise(advice).because(cause.without_url());
                Failure { error, lasting: fault.is_lasting(), may_have_arrived: false }
            }
        }
    }
}

pub(super) fn timed_out(place: &Place) -> Error {
    let (host, path) = (place.host(), place.path());
    Error::new(ErrorKind::TimedOut, format!("{host} did not answer {path} in time"))
        .advise("try again, or allow more time")
}

const CHECK_ADDRESS: &str = "check that the issuer is the address of an authorization server";

fn of_transport(cause: &reqwest::Error, place: &Place) -> Failure {
    let (host, path) = (place.host(), place.path());
    if cause.is_timeout() {
        return passing(timed_out(place));
    }
    if let Some(fault) = chain(cause).find_map(TlsFault::of) {
        let (what, advice) = fault.words();
        let proxy = if before_the_tunnel(cause) { "the proxy before " } else { "" };
        let what = format!("the TLS connection to {proxy}{host} could not be trusted: {what}");
        return lasting(unreachable(what).advise(advice));
    }
    match chain(cause).find_map(NotHttp::of) {
        Some(NotHttp::HeadTooLarge) => {
            let what =
                format!("the answer of {path} has more headers than are read, or longer ones");
            lasting(unreachable(what).advise(
                "see what adds them, perhaps a proxy; an authorization server sends some twenty",
            ))
        }
        Some(NotHttp::Other) => {
            let what = format!("what {host} answers is not HTTP");
            lasting(unreachable(what).advise(
                "check the port, and whether another protocol is served there, perhaps https",
            ))
        }
        None if before_the_tunnel(cause) => passing(
            unreachable(format!("no connection to the proxy before {host}"))
                .advise("check the proxy settings and the network"),
        ),
        None if cause.is_connect() => passing(
            unreachable(format!("no connection to {}", place.authority()))
                .advise("check the issuer, the network and the proxy settings"),
        ),
        None => passing(
            unreachable(format!("the connection to {host} broke before the answer was complete"))
                .advise("try again"),
        ),
    }
}

/// Whether it is the proxy that was not reached. The type of this error is private to its crate.
fn before_the_tunnel(cause: &reqwest::Error) -> bool {
    chain(cause).any(|error| error.to_string().contains("failed to create underlying connection"))
}

/// An answer that could not be read as HTTP.
enum NotHttp {
    HeadTooLarge,
    Other,
}

impl NotHttp {
    fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        let error = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
        // hyper has a method for this on servers only.
        let is_head = error.to_string().contains("message head is too large");
        Some(if is_head { Self::HeadTooLarge } else { Self::Other })
    }
}

fn unreachable(what: String) -> Error {
    Error::new(ErrorKind::Unreachable, what)
}

fn lasting(error: Error) -> Failure {
    Failure { error, lasting: true, may_have_arrived: true }
}

fn passing(error: Error) -> Failure {
    Failure { error, lasting: false, may_have_arrived: true }
}
