//! The log of requests on stderr (`--verbose`, `--trace`).
//!
//! The library logs addresses, statuses and times, never what is sent. What looks like a JWT is
//! masked all the same.

use std::io::{self, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// Begins to log requests, if one of the flags asks for it.
pub(crate) fn log_requests(verbose: bool, trace: bool) {
    let own = Targets::new().with_target("okta_introspect", fmt_level(trace));
    let layer = fmt::layer().with_writer(Stderr).with_ansi(false).with_level(false);
    if trace {
        // These log connections and handshakes, and nothing of what goes over them.
        let connections = own
            .with_target("hyper_util::client", tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_target("rustls::client", tracing_subscriber::filter::LevelFilter::DEBUG);
        registry().with(layer.with_timer(uptime())).with(connections).init();
    } else if verbose {
        registry().with(layer.without_time().with_target(false)).with(own).init();
    }
}

fn fmt_level(trace: bool) -> tracing_subscriber::filter::LevelFilter {
    use tracing_subscriber::filter::LevelFilter;

    if trace { LevelFilter::TRACE } else { LevelFilter::DEBUG }
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
