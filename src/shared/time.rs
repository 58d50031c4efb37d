//! Reading the store's clock: when first needed, and from time to time behind other work.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::budget::{Budget, Gone};
use super::handle::Shared;
use super::org::Org;
use super::scale::{MAX_ROUND_TRIP, Scale};
use super::store::TimeScale;
use crate::clock::Clock;

impl Shared {
    /// What is known of the store's clock; reads it if that is not enough, in the part of
    /// `wait_left` that the store has.
    pub(crate) async fn scale(
        &self,
        clock: &Arc<dyn Clock>,
        org: &Arc<Org>,
        wait_left: Duration,
    ) -> Option<Scale> {
        self.known_scale(clock, org, &mut Budget::of(&**clock, wait_left)).await.ok()
    }

    /// As [`scale`](Self::scale), within a budget.
    pub(super) async fn known_scale(
        &self,
        clock: &Arc<dyn Clock>,
        org: &Arc<Org>,
        budget: &mut Budget<'_>,
    ) -> Result<Scale, Gone> {
        let now = clock.monotonic();
        let known = org.scales().current(now);
        if let Some(scale) = known {
            if org.scales().begin_renewal(now) {
                self.renew_in_background(clock, org);
            }
            return Ok(scale);
        }
        self.read_clock(&**clock, org, budget).await?;
        org.scales().current(clock.monotonic()).ok_or(Gone::Failed)
    }

    /// Reads the store's clock, and once more if its scale is to be replaced.
    async fn read_clock(
        &self,
        clock: &dyn Clock,
        org: &Org,
        budget: &mut Budget<'_>,
    ) -> Result<(), Gone> {
        for _ in 0..2 {
            let mut fresh = TimeScale([0; 16]);
            self.inner.random.fill(&mut fresh.0);
            let (broken, sent) = (org.scales().broken(), clock.monotonic());
            let work = self.inner.store.time(&org.time, fresh, broken);
            let time = budget.wait(&self.inner, work).await?;
            if !org.scales().take(sent, clock.monotonic(), time) {
                break;
            }
        }
        Ok(())
    }

    fn renew_in_background(&self, clock: &Arc<dyn Clock>, org: &Arc<Org>) {
        let renewal = Renewal(Arc::clone(org));
        let Ok(runtime) = Handle::try_current() else { return };
        let (shared, clock) = (self.clone(), Arc::clone(clock));
        runtime.spawn(async move {
            let mut budget = Budget::exactly(&*clock, MAX_ROUND_TRIP);
            // What came of it stands in the scales.
            let _ = shared.read_clock(&*clock, &renewal.0, &mut budget).await;
        });
    }
}

/// A reading under way in the background. When it is over, another one may begin.
struct Renewal(Arc<Org>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.scales().end_renewal();
    }
}
