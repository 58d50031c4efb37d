//! Hears everything that is logged.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id as SpanId, Record};
use tracing::{Event, Metadata, Subscriber};

static HEARD: Mutex<String> = Mutex::new(String::new());

/// Takes in all events and spans of `tracing` and all records of `log` from now on, at every
/// level and from every thread of this process.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Ear).unwrap();
        log::set_logger(&Ear).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// A place in what was heard, for [`since`].
pub fn mark() -> usize {
    heard().len()
}

/// What was heard since then, by any thread.
pub fn since(mark: usize) -> String {
    heard()[mark..].to_owned()
}

fn heard() -> MutexGuard<'static, String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ear;

impl Ear {
    fn take(target: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(target.to_owned());
        record(&mut line);
        line.0.push('\n');
        heard().push_str(&line.0);
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> SpanId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::take(span.metadata().target(), |line| {
            line.0.push_str(span.metadata().name());
            span.record(line);
        });
        SpanId::from_u64(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &SpanId, values: &Record<'_>) {
        Self::take("span", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &SpanId, _: &SpanId) {}

    fn event(&self, event: &Event<'_>) {
        Self::take(event.metadata().target(), |line| event.record(line));
    }

    fn enter(&self, _: &SpanId) {}

    fn exit(&self, _: &SpanId) {}
}

impl log::Log for Ear {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        Self::take(record.target(), |line| line.add("log", record.args()));
    }

    fn flush(&self) {}
}

struct Line(String);

impl Line {
    fn add(&mut self, name: &str, value: &dyn fmt::Display) {
        write!(self.0, " {name}={value}").unwrap();
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut next = Some(value);
        while let Some(error) = next {
            self.add(field.name(), &format_args!("{error} {error:?}"));
            next = error.source();
        }
    }
}
