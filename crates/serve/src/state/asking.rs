//! The checker: which authorization servers are asked, as which app, and under which bounds.

use okta_introspect::checker::CheckerConfig;
use okta_introspect::{Checker, HttpConfig};
use okta_introspect_settings::{Settings, SettingsError};

use crate::config::Config;
use crate::error::Fault;

/// A checker, and what it was made of.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) checker: Checker,
    /// The issuers that are asked, the default one first.
    pub(crate) issuers: Vec<okta_introspect::Issuer>,
    /// How they are asked.
    pub(crate) http: HttpConfig,
    /// What it depends on, secrets by their fingerprints.
    made_of: String,
}

impl Asking {
    /// The checker of a configuration; an earlier one, with all that it has learnt, if nothing has
    /// changed that it depends on.
    pub(super) fn new(config: &Config, earlier: Option<&Self>) -> Result<Self, Fault> {
        let settings = config.settings().map_err(|error| of_settings(&error))?;
        let mut issuers = vec![settings.issuer().map_err(|error| of_settings(&error))?];
        issuers.extend(config.okta.further_issuers.iter().cloned());
        let http = settings.http().map_err(|error| of_settings(&error))?;
        let mut bounds = config.checker.clone();
        bounds.proofs.repeat_within = config.dpop.repeat_within;
        let made_of = format!("{:?} {issuers:?} {bounds:?}", settings.shown());
        if let Some(earlier) = earlier.filter(|earlier| earlier.made_of == made_of) {
            let checker = earlier.checker.clone();
            return Ok(Self { checker, issuers, http, made_of });
        }
        let checker = checker(config, &settings, bounds)?;
        Ok(Self { checker, issuers, http, made_of })
    }
}

fn checker(
    config: &Config,
    settings: &Settings,
    bounds: CheckerConfig,
) -> Result<Checker, Fault> {
    let builder = settings.checker_builder().map_err(|error| of_settings(&error))?;
    let mut builder = builder.config(bounds);
    for issuer in &config.okta.further_issuers {
        let client = settings.client_builder_at(issuer.clone());
        let client = client.map_err(|error| of_settings(&error))?;
        builder = builder.server(client.build().map_err(|error| of_library(&error))?);
    }
    builder.build().map_err(|error| of_library(&error))
}

fn of_settings(error: &SettingsError) -> Fault {
    Fault::new(error.to_string()).at("okta").advise(error.advice())
}

fn of_library(error: &okta_introspect::Error) -> Fault {
    Fault::new(error.to_string()).advise(error.advice())
}
