//! How the System Log is followed.

use std::sync::Arc;

use okta_introspect::signals::{Feed, SystemLog};
use okta_introspect::{Clock, Resource, Scopes};

use super::asking::{of_library, of_settings};
use crate::config::{Config, PollConfig};
use crate::error::Fault;

/// How the System Log is followed, and with what.
#[derive(Debug)]
pub(crate) struct Polling {
    resource: Resource,
    config: PollConfig,
    /// What it depends on, secrets by their fingerprints.
    made_of: String,
}

impl Polling {
    /// That of a configuration, if it has any. The app asks at its org, whichever server its tokens
    /// are of.
    pub(super) fn new(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Self>, Fault> {
        let Some(poll) = config.signals.poll.clone() else { return Ok(None) };
        let settings = config.settings().map_err(|error| of_settings(&error))?;
        let here = |fault: Fault| fault.at("signals.poll");
        let org = settings.org().map_err(|error| here(of_settings(&error)))?;
        let client = settings.client_builder_at(org).map_err(|error| of_settings(&error))?;
        let client = client.clock(Arc::clone(clock)).build();
        let client = client.map_err(|error| here(of_library(&error)))?;
        let scope = Scopes::parse(SystemLog::SCOPE).map_err(|error| here(of_library(&error)))?;
        let made_of = format!("{:?} {poll:?}", settings.shown());
        Ok(Some(Self { resource: client.resource(scope), config: poll, made_of }))
    }

    /// Whether what follows the log by the other does so as this one says.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }

    /// What follows the log for this feed.
    ///
    /// # Errors
    ///
    /// If the interval is none of the library's.
    pub(crate) fn log(&self, feed: Feed) -> Result<SystemLog, Fault> {
        let builder = SystemLog::builder(self.resource.clone(), feed);
        let builder = builder.interval(self.config.interval);
        let builder = match &self.config.cursor {
            Some(path) => builder.cursor_file(path),
            None => builder,
        };
        builder.build().map_err(|error| of_library(&error).at("signals.poll"))
    }
}
