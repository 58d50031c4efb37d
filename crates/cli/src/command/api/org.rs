//! Calls to the org's APIs, and what their refusals mean.

use okta_introspect::{
    Clock, Error, Pages, Resource, ResourceAnswer, ResourceCall, Scopes, SystemClock,
};

use crate::command::rate_limit::RateLimitWaits;
use crate::command::setup;
use crate::command::times::{after, later};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;
use crate::text::human;

/// The org's APIs.
pub(in crate::command) struct Api<'a> {
    pub(in crate::command) resource: Resource,
    pub(in crate::command) scopes: Scopes,
    pub(in crate::command) settings: &'a Settings,
}

impl Api<'_> {
    /// Calls, and waits for the next rate window after a 429.
    pub(in crate::command) async fn call(
        &self,
        call: &ResourceCall,
    ) -> Result<ResourceAnswer, Error> {
        let mut waits = RateLimitWaits::new();
        loop {
            match self.resource.call(call).await {
                Err(error) => wait_after(error, &mut waits).await?,
                answer => return answer,
            }
        }
    }

    /// The next page of a list, likewise.
    pub(super) async fn next_page(
        &self,
        pages: &mut Pages,
    ) -> Result<Option<ResourceAnswer>, Error> {
        let mut waits = RateLimitWaits::new();
        loop {
            match pages.next_page().await {
                Err(error) => wait_after(error, &mut waits).await?,
                page => return page,
            }
        }
    }

    /// A refusal by an API is about the request, also with a status that would mean nothing from an
    /// authorization server: 404 is a user that does not exist.
    pub(in crate::command) fn explain(&self, error: Error) -> Failure {
        let refused = error.refusal().cloned().unwrap_or_default();
        let failure = setup::explain(self.settings, error);
        match (refused.status, refused.code.as_deref()) {
            (404, Some(_)) => {
                failure.with_exit(Exit::Refused).advise("check the path and the ids in it")
            }
            // The scope was derived from the path, and so the user may not know it.
            (400, Some("consent_required" | "invalid_scope")) => {
                failure.during(format_args!("no token with the scope {}", self.scopes))
            }
            (405, Some(_)) => failure.advise("check the method, and the path to which it goes"),
            _ => failure,
        }
    }
}

/// Waits for the next rate window, or gives the error back if it is about something else.
async fn wait_after(error: Error, waits: &mut RateLimitWaits) -> Result<(), Error> {
    let wait = waits.after(error)?;
    let until = human::time(after(SystemClock.now(), wait), SystemClock.now());
    output::note(format_args!("the rate limit is used up: waiting until {until}"));
    SystemClock.sleep_until(later(SystemClock.monotonic(), wait)).await;
    Ok(())
}
