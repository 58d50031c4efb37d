//! The log of requests on stderr (`--verbose`, `--trace`, `RUST_LOG`).
//!
//! The library logs addresses, statuses and times, never what is sent. What looks like a JWT is
//! masked all the same.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// Begins to log requests, if one of the flags, or `RUST_LOG`, asks for it.
pub(crate) fn log_requests(verbose: bool, trace: bool) {
    let layer = fmt::layer().with_writer(Stderr).with_ansi(false).with_level(false);
    if trace {
        registry().with(layer.with_timer(uptime())).with(harmless()).init();
    } else if verbose {
        let own = Targets::new().with_target("okta_introspect", LevelFilter::DEBUG);
        registry().with(layer.without_time().with_target(false)).with(own).init();
    } else if let Some(wanted) = wanted() {
        // Both filters have to let an event through.
        registry().with(layer.with_timer(uptime())).with(wanted).with(harmless()).init();
    }
}

/// What may be logged at all: our own events, and of connections and handshakes nothing of what goes
/// over them.
fn harmless() -> Targets {
    Targets::new()
        .with_target("okta_introspect", LevelFilter::TRACE)
        .with_target("hyper_util::client", LevelFilter::DEBUG)
        .with_target("rustls::client", LevelFilter::DEBUG)
}

/// What `RUST_LOG` asks for, such as `okta_introspect=debug`.
fn wanted() -> Option<Targets> {
    let directives = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty())?;
    match directives.parse() {
        Ok(targets) => Some(targets),
        Err(_) => {
            super::note("the variable RUST_LOG is not understood; set it to a level such as debug");
            None
        }
    }
}

/// Stderr, a line at a time.
#[derive(Clone, Copy)]
struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        super::message("request", super::CAUTION, masked(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line without what looks like a JWT.
fn masked(line: &str) -> String {
    let mask = |word: &str| match word.find("eyJ") {
        Some(start) => format!("{}[masked]", &word[..start]),
        None => word.to_owned(),
    };
    line.split(' ').map(mask).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_is_masked() {
        assert_eq!(masked("token=eyJhbGci.e30.x status=200"), "token=[masked] status=200");
    }
}
