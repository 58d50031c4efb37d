//! What is written to standard error: text or JSON, one line an event.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogFormat, LogLevel};

/// Writes events of this level and above to standard error.
///
/// # Errors
///
/// If the process has a subscriber already.
pub fn install(format: LogFormat, level: LogLevel) -> Result<(), TryInitError> {
    // The gate's own line for a refusal says less than the sidecar's.
    let wanted = filter_fn(|event| !event.target().starts_with("okta_introspect::adapter"));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(LevelFilter::from(level));
    match format {
        LogFormat::Text => registry.with(lines.with_filter(wanted)).try_init(),
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false).with_filter(wanted))
            .try_init(),
    }
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
