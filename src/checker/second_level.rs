//! One server's part of the store that instances share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checker::upstream::Upstream;
use crate::clock::Clock;
use crate::oauth::introspect::Introspection;
use crate::secret::Token;
use crate::shared::{Answer, Asker, Claim, EntryName, Shared};

/// The second level of one server: the store, and as whom it is asked there.
#[derive(Debug)]
pub(super) struct SecondLevel {
    shared: Shared,
    asker: Asker,
}

impl SecondLevel {
    /// That of an upstream's server, if its answers are shared.
    pub(super) fn of(shared: Option<&Shared>, upstream: &dyn Upstream) -> Option<Self> {
        let (shared, shared_as) = (shared?, upstream.shared_as()?);
        let asker = shared.asker(upstream.issuer(), &shared_as);
        Some(Self { shared: shared.clone(), asker })
    }

    /// What stands for a token.
    pub(super) fn name(&self, token: &Token) -> Option<EntryName> {
        self.shared.name(&self.asker, token)
    }

    /// Looks for an answer that `takes` takes.
    pub(super) async fn look(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        wait_left: Duration,
        takes: impl Fn(&Answer) -> bool,
    ) -> Option<Answer> {
        self.shared.look(clock, name, wait_left, takes).await
    }

    /// Claims the right to ask, behind a look that has `used` some time.
    pub(super) async fn claim(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        wait_left: Duration,
        used: Duration,
    ) -> Claim {
        self.shared.claim(clock, name, wait_left, used).await
    }

    /// Puts an answer where others find it for `ttl`.
    pub(super) fn put(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        answer: &Introspection,
        asked_at: Instant,
        ttl: Duration,
    ) {
        self.shared.put(clock, name, answer, asked_at, ttl);
    }
}
