//! What is logged of the poller: each reason once, until it is another or over.

use std::io;

use crate::error::Error;

/// What was logged last.
#[derive(Debug, Default)]
pub(super) struct Report {
    failing: Option<&'static str>,
    gap: Option<&'static str>,
    is_not_saved: bool,
}

impl Report {
    pub(super) fn failed(&mut self, reason: &'static str, error: &Error) {
        if self.failing.replace(reason) != Some(reason) {
            let advice = error.advice();
            tracing::warn!(reason, %error, advice, "cannot read the System Log; no answer is extended meanwhile");
        }
    }

    pub(super) fn succeeded(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!("reads the System Log again");
        }
    }

    pub(super) fn gap(&mut self, reason: &'static str) {
        if self.gap.replace(reason) != Some(reason) {
            let what =
                "signals may be lost: the System Log begins anew, all tokens are asked about again";
            tracing::warn!(reason, "{what}");
        }
    }

    /// The log went on by a link: what ended it before is over.
    pub(super) fn went_on(&mut self) {
        self.gap = None;
    }

    pub(super) fn not_saved(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_not_saved, true) {
            tracing::warn!(%error, "cannot write the cursor of the System Log; the next start will begin anew");
        }
    }

    pub(super) fn saved(&mut self) {
        if std::mem::take(&mut self.is_not_saved) {
            tracing::info!("writes the cursor of the System Log again");
        }
    }
}
