//! Signals: what Okta tells of tokens that are no longer what they were.
//!
//! A [`Checker`](crate::Checker) asks about a token again when its answer gets too old. Signals make
//! it ask at once: Okta's System Log tells of revocations, its Universal Logout and event hooks of
//! users that are signed out. A [`Feed`] applies what they tell to any number of checkers.
//!
//! # What it promises
//!
//! - **A signal never lets anything in.** It says that an answer is not to be believed any more;
//!   whether the token is good, the server is asked.
//! - **Order, repetition and delay do no harm.** A signal too many costs a question.
//! - **What cannot be read is not overlooked.** An event that may be about tokens, and does not say
//!   about which, names all of them.
//! - **A source that stops is noticed.** [`Feed::status`] tells how far each is behind; where an
//!   answer counts longer because the System Log is silent about it, it stops counting longer.

mod event;
mod event_type;
mod feed;
#[cfg(feature = "prometheus")]
mod prometheus;
mod seen;
mod signal;
mod status;
mod system_log;
mod tolerant;

pub use event::LogEvent;
pub use feed::{Applied, Feed, FeedBuilder};
pub use signal::{Signal, SourceKind, Subject};
pub use status::SourceStatus;
pub use system_log::{Following, SystemLog, SystemLogBuilder};
