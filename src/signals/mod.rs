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
//! - **Who tells it, is known.** What is pushed is taken from senders that have signed it or have the
//!   secret that was agreed; all else is refused, at a bounded cost.
//! - **A source that stops is noticed.** [`Feed::status`] tells how far each is behind; where an
//!   answer counts longer because the System Log is silent about it, it stops counting longer.
//!
//! # Sources
//!
//! | source | tells of | reads it |
//! |---|---|---|
//! | System Log | everything, revocations of single tokens included | [`SystemLog`] |
//! | Universal Logout | a user is signed out, at once | `UniversalLogout` |
//! | event hooks | users and apps, no single tokens | `EventHook` |
//! | the log stream to Amazon EventBridge | everything, and nothing is promised of when | `EventBridge` |
//! | security event tokens | sessions that end, credentials that change | `SecurityEvents` |
//!
//! The last four are pushed. `SignalReceiver` takes them at one endpoint; it and what it reads need the
//! feature `tower`.

mod event;
#[cfg(feature = "tower")]
mod event_bridge;
#[cfg(feature = "tower")]
mod event_hook;
mod event_type;
mod feed;
#[cfg(feature = "tower")]
mod header_secret;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "tower")]
mod receiver;
#[cfg(feature = "tower")]
mod refusal;
#[cfg(feature = "tower")]
mod security_event;
mod seen;
mod signal;
mod status;
mod stream;
#[cfg(feature = "tower")]
mod subject;
mod system_log;
mod tolerant;
#[cfg(feature = "tower")]
mod universal_logout;
#[cfg(feature = "tower")]
mod used;

pub use event::LogEvent;
#[cfg(feature = "tower")]
pub use event_bridge::EventBridge;
#[cfg(feature = "tower")]
pub use event_hook::EventHook;
pub use feed::{Applied, Feed, FeedBuilder};
#[cfg(feature = "tower")]
pub use receiver::{ReceiverMetrics, SignalReceiver, SignalReceiverBuilder};
#[cfg(feature = "tower")]
pub use refusal::SignalRefusal;
#[cfg(feature = "tower")]
pub use security_event::SecurityEvents;
pub use signal::{Signal, SourceKind, Subject};
pub use status::SourceStatus;
pub use stream::{
    LogPage, SharedSignals, SharedSignalsBuilder, SignalLog, StreamMetrics, StreamStatus,
};
pub use system_log::{Following, SystemLog, SystemLogBuilder};
#[cfg(feature = "tower")]
pub use universal_logout::UniversalLogout;

#[cfg(feature = "tower")]
use std::time::Duration;

#[cfg(feature = "tower")]
use crate::{error::Error, issuer::Issuer, jwks::Jwks};

/// By how much the clock of a sender that signs and this one may differ.
#[cfg(feature = "tower")]
const LEEWAY: Duration = Duration::from_secs(60);

/// The keys of an issuer that pushes signals: where Okta has them, or where its metadata says.
#[cfg(feature = "tower")]
fn keys_of(issuer: &Issuer) -> Result<Jwks, Error> {
    let builder = Jwks::builder(issuer.clone());
    match issuer.endpoints() {
        Some(endpoints) => builder.address(endpoints.jwks).build(),
        None => builder.build(),
    }
}
