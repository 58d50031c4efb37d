//! Where goes what the log tells: to a feed, or into pages for all instances of a service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::signals::event::LogEvent;
use crate::signals::feed::{Applied, Feed};
use crate::signals::signal::SourceKind;
use crate::signals::stream::LogPage;

/// Where goes what the log tells. What fails is counted by the feed, wherever it goes.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) feed: Feed,
    /// What was told since the last page was taken, if it goes into pages.
    page: Option<LogPage>,
}

impl Outlet {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, page: None }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        self.feed.clock()
    }

    /// From now on it goes into pages.
    pub(super) fn collect(&mut self) {
        if self.page.is_none() {
            self.clear();
        }
    }

    /// From now on it goes into pages, and nothing of what was told before.
    pub(super) fn clear(&mut self) {
        self.page = Some(LogPage::new(self.clock().monotonic()));
    }

    /// Gives away what was told. A gap is told with the page that begins anew.
    pub(super) fn take(&mut self, due: Instant) -> LogPage {
        let mut next = LogPage::new(due);
        let mut page = self.page.take().unwrap_or_else(|| LogPage::new(due));
        if !page.begins {
            next.gap = page.gap.take();
        }
        self.page = Some(next);
        page.due = due;
        page
    }

    pub(super) fn apply_event(&mut self, event: &LogEvent) -> Applied {
        let Some(page) = &mut self.page else {
            return self.feed.apply_event(SourceKind::SystemLog, event);
        };
        let Some(signal) = event.signal(SourceKind::SystemLog) else {
            return self.feed.ignored(SourceKind::SystemLog);
        };
        // Others may not have heard of it: it goes to them anyway.
        let applied = if self.feed.has_applied(&signal) { Applied::Repeated } else { Applied::New };
        page.signals.push(signal);
        applied
    }

    /// Signals may be lost.
    pub(super) fn gap(&mut self, why: &'static str) {
        match &mut self.page {
            // What was told before goes with all else.
            Some(page) => {
                page.gap = Some(why.to_owned());
                (page.begins, page.covered_until) = (false, None);
            }
            None => self.feed.invalidate_everything(SourceKind::SystemLog, why),
        }
    }

    pub(super) fn begin_coverage(&mut self, since: Instant, org: &str) {
        match &mut self.page {
            Some(page) => page.begins = true,
            None => self.feed.begin_coverage(since, org),
        }
    }

    pub(super) fn advance_coverage(&mut self, until: Instant, due: Duration, org: &str) {
        match &mut self.page {
            Some(page) => (page.covered_until, page.covered_within) = (Some(until), due),
            None => self.feed.advance_coverage(until, due, org),
        }
    }
}
