//! Sends forged and odd requests through a running proxy, and tells which of them reached the service.
//!
//! The service behind the proxy shows what it was asked; [`Echo`] is such a service. Whether a
//! request reached it, and with which headers and path, is read in its answers alone: nothing is
//! concluded from what the proxy says. The requests are written byte for byte, since libraries mend
//! what they send.

mod answer;
mod dial;
mod echo;
mod judge;
mod message;
mod plan;
mod report;
mod run;
mod seen;
mod setup;
mod spelling;
#[cfg(test)]
mod tests;
mod url;

pub use dial::Dial;
pub use echo::Echo;
pub use report::{Finding, ProbeReport, Trap, Verdict};
pub use setup::{Heard, Probe, Transport};
pub use url::ProbeUrl;
