//! What is written to standard error: text or JSON, one line an event.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogFormat, LogLevel};

/// Writes lines in the background until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Writing(#[allow(dead_code)] WorkerGuard); // what is left is written when it is dropped

/// How many lines may wait to be written; what [`install`] says.
const WAITING: usize = 8192;

/// Writes events of this level and above to standard error, by a thread of its own: where nobody
/// reads them, lines are left out once 8,192 of them wait, and no request waits with them.
///
/// # Errors
///
/// If the process has a subscriber already.
pub fn install(format: LogFormat, level: LogLevel) -> Result<Writing, TryInitError> {
    let writer = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING);
    let (writer, guard) = writer.finish(io::stderr());
    // The gate's own line for a refusal says less than the sidecar's.
    let wanted = filter_fn(|event| !event.target().starts_with("okta_introspect::adapter"));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry().with(LevelFilter::from(level));
    match format {
        LogFormat::Text => registry.with(lines.with_filter(wanted)).try_init(),
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false).with_filter(wanted))
            .try_init(),
    }?;
    Ok(Writing(guard))
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
