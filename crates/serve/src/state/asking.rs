//! The checker: which authorization servers are asked, as which app, and under which bounds.

use std::sync::Arc;

use okta_introspect::checker::{CheckerBuilder, CheckerConfig};
use okta_introspect::{Checker, Client, ClientBuilder, Clock, Error, HttpConfig, Secret, Token};
use okta_introspect_settings::{Settings, SettingsError};

use super::sharing::Sharing;
use crate::config::Config;
use crate::error::Fault;

/// A checker, and what it was made of.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) checker: Checker,
    /// The client of the default issuer.
    client: Client,
    /// The issuers that are asked, the default one first.
    pub(crate) issuers: Vec<okta_introspect::Issuer>,
    /// How they are asked.
    pub(crate) http: HttpConfig,
    /// With whom answers are shared; `None`: with nobody.
    pub(crate) sharing: Option<Sharing>,
    /// What it depends on, secrets by their fingerprints.
    made_of: String,
    /// The client secret, which has none.
    secret: Option<Secret>,
}

impl Asking {
    /// The checker of a configuration; an earlier one, with all that it has learnt, if nothing has
    /// changed that it depends on.
    pub(super) fn new(
        config: &Config,
        clock: &Arc<dyn Clock>,
        earlier: Option<&Self>,
    ) -> Result<Self, Fault> {
        let settings = config.settings().map_err(|error| of_settings(&error))?;
        let mut issuers = vec![settings.issuer().map_err(|error| of_settings(&error))?];
        issuers.extend(config.okta.further_issuers.iter().cloned());
        let http = settings.http().map_err(|error| of_settings(&error))?;
        let checks = checks(config);
        let sharing = Sharing::new(&settings, earlier.and_then(|it| it.sharing.as_ref()));
        let sharing = sharing.map_err(|error| of_settings(&error).at("shared"))?;
        let made_of = format!("{:?} {issuers:?} {checks:?}", settings.shown());
        // Where it cannot be read, the client says so.
        let secret = settings.client_secret().ok();
        let (checker, client) = match earlier {
            Some(earlier)
                if earlier.made_of == made_of
                    && earlier.has_secret(secret.as_ref())
                    && earlier.sharing == sharing =>
            {
                (earlier.checker.clone(), earlier.client.clone())
            }
            _ => {
                let (builder, client) = builder(config, &settings, clock)?;
                let builder = match &sharing {
                    Some(sharing) => builder.shared(&sharing.shared),
                    None => builder,
                };
                let builder = builder.config(checks);
                // What was used is used, whichever bounds there are now.
                let builder = match earlier {
                    Some(earlier) => builder.proofs_of(&earlier.checker),
                    None => builder,
                };
                (builder.build().map_err(|error| of_library(&error))?, client)
            }
        };
        Ok(Self { checker, client, issuers, http, sharing, made_of, secret })
    }

    /// The org of the default issuer.
    pub(super) fn org(&self) -> Result<okta_introspect::Issuer, Error> {
        okta_introspect::Issuer::parse(self.issuers[0].org()) // the default one
    }

    /// Whether the same is asked in the same way as by the other.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.made_of == other.made_of
            && self.has_secret(other.secret.as_ref())
            && self.sharing == other.sharing
    }

    fn has_secret(&self, secret: Option<&Secret>) -> bool {
        self.secret.as_ref().map(Secret::expose) == secret.map(Secret::expose)
    }

    /// Whether the default issuer answers the app: it is asked for its metadata, and then about a token
    /// that does not exist. Any verdict will do.
    ///
    /// # Errors
    ///
    /// Why it does not. [`ClientRefused`](okta_introspect::ErrorKind::ClientRefused) is about our
    /// credentials.
    pub(crate) async fn try_out(&self) -> Result<(), Error> {
        okta_introspect::metadata::discover(&self.issuers[0], &self.http).await?; // the default one
        self.client.introspect(&Token::parse(MADE_UP)?, None).await?;
        Ok(())
    }
}

/// A token that no server has issued.
const MADE_UP: &str = "okta-introspect-is-ready";

/// How tokens and proofs are checked where a rule does not say.
fn checks(config: &Config) -> CheckerConfig {
    let mut checks = config.checker.clone();
    checks.proofs.repeat_within = config.dpop.repeat_within;
    checks
}

fn builder(
    config: &Config,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<(CheckerBuilder, Client), Fault> {
    let client = |builder: Result<ClientBuilder, SettingsError>| {
        let builder = builder.map_err(|error| of_settings(&error))?.clock(Arc::clone(clock));
        builder.build().map_err(|error| of_library(&error))
    };
    let default = client(settings.client_builder())?;
    let mut builder = Checker::builder(default.clone());
    for issuer in &config.okta.further_issuers {
        builder = builder.server(client(settings.client_builder_at(issuer.clone()))?);
    }
    Ok((builder.clock(Arc::clone(clock)), default))
}

pub(super) fn of_settings(error: &SettingsError) -> Fault {
    Fault::new(error.to_string()).at("okta").advise(error.advice())
}

pub(super) fn of_library(error: &Error) -> Fault {
    Fault::new(error.to_string()).advise(error.advice())
}
