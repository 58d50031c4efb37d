//! Signals that one instance reads from a log, and all instances of a service hear.

mod log;

pub use log::{LogPage, SignalLog};
