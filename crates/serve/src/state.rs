//! Everything that one configuration makes. It is exchanged as a whole, so that no request sees half
//! of one configuration and half of another.

mod access;
mod asking;
mod guarded;
mod polling;
mod sharing;
mod signals;

use std::sync::Arc;

use http::HeaderMap;
use okta_introspect::adapter::{Gate, ResourceMetadata};
use okta_introspect::{Authorized, Clock};

use crate::caller::Caller;
use crate::config::Config;
use crate::error::Fault;
use crate::identity::{Identity, IdentityTokens, JwtSigner};
use crate::introspection::IntrospectionEndpoint;
use crate::original::Origins;
use crate::rule::Rules;
use access::{access, callers};
use asking::Asking;
use guarded::Guarded;
use signals::SignalState;

pub(crate) use access::{Access, Places, planned};
pub(crate) use polling::Polling;
pub(crate) use sharing::Sharing;

/// Everything that one configuration makes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) asking: Asking,
    /// How the System Log is followed; `None`: it is not.
    pub(crate) polling: Option<Arc<Polling>>,
    pub(crate) rules: Arc<Rules>,
    /// `None` where none are configured: every host is taken.
    pub(crate) origins: Option<Origins>,
    /// One for each origin, and what it says of itself.
    pub(crate) gates: Vec<Gate>,
    pub(crate) resources: Vec<Option<ResourceMetadata>>,
    /// Where the URL that the client called is not known, and so no proof is good.
    pub(crate) anywhere: Gate,
    pub(crate) identity: Identity,
    pub(crate) signer: JwtSigner,
    pub(crate) introspection: IntrospectionEndpoint,
    pub(crate) signals: SignalState,
    /// Those with secrets.
    callers: Vec<Arc<Caller>>,
    /// One for each listener.
    pub(crate) listeners: Vec<Access>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The realm of challenges where no origin is known.
const REALM: &str = "api";

/// Under which name the sidecar signs, where the configuration does not say.
pub(crate) const ISSUER: &str = "okta-introspect";

impl State {
    /// Makes everything that a configuration asks for. What an earlier one has learnt about tokens is
    /// kept if the authorization servers, the app and the checker's settings are the same.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the settings, the key, the rules or the origins.
    pub(crate) fn new(
        config: Config,
        places: &Places,
        clock: Arc<dyn Clock>,
        earlier: Option<&Self>,
    ) -> Result<Self, Vec<Fault>> {
        let asking = Asking::new(&config, &clock, earlier.map(|state| &state.asking));
        let asking = asking.map_err(one)?;
        let polling = Polling::new(&config, &clock).map_err(one)?.map(Arc::new);
        let signer = signer(&config, earlier).map_err(one)?;
        let Guarded { origins, gates, resources } = Guarded::new(&config, &asking).map_err(one)?;
        let identity = identity(&config, &signer, &clock).map_err(one)?;
        let introspection = IntrospectionEndpoint::new(
            asking.checker.clone(),
            &config.checker,
            signer.clone(),
            Arc::clone(&clock),
        )
        .downstream_cache(config.downstream_cache);
        let before = earlier.map(|state| (&state.signals, &state.asking));
        let signals = SignalState::new(&config, &asking, &clock, before).map_err(one)?;
        let callers = callers(&config, earlier.map_or(&[], |state| &state.callers))?;
        let listeners = access(&config, places, &callers)?;
        Ok(Self {
            anywhere: Gate::new(asking.checker.clone()).realm(REALM),
            asking,
            polling,
            rules: Arc::clone(&config.rules),
            origins,
            gates,
            resources,
            identity,
            signer,
            introspection,
            signals,
            listeners,
            callers: callers.into_iter().map(|(_, caller)| caller).collect(),
            clock,
            config,
        })
    }

    /// What services are told of a token, or that there is none.
    pub(crate) fn identity(&self, token: Option<&Authorized>) -> HeaderMap {
        // With room for those of the answer itself. A larger map would be beyond what allocators keep at hand.
        let mut headers = HeaderMap::with_capacity(self.identity.names().len().saturating_add(2));
        match token {
            Some(token) => self.identity.write(token, None, &mut headers),
            None => self.identity.write_none(&mut headers),
        }
        headers
    }
}

fn one(fault: Fault) -> Vec<Fault> {
    vec![fault]
}

/// The key of the configuration, or one that lives as long as the process.
fn signer(config: &Config, earlier: Option<&State>) -> Result<JwtSigner, Fault> {
    let signer = match (&config.identity.token, earlier) {
        (Some(token), _) => JwtSigner::new(token.key.clone(), ISSUER),
        (None, Some(earlier)) if earlier.config.identity.token.is_none() => {
            return Ok(earlier.signer.clone());
        }
        (None, _) => JwtSigner::generate(ISSUER)?,
    };
    Ok(match earlier {
        Some(earlier) => signer.after(&earlier.signer),
        None => signer,
    })
}

fn identity(
    config: &Config,
    signer: &JwtSigner,
    clock: &Arc<dyn Clock>,
) -> Result<Identity, Fault> {
    let identity = config.identity.identity()?;
    let Some(token) = &config.identity.token else { return Ok(identity) };
    let (signer, clock) = (signer.clone(), Arc::clone(clock));
    let tokens = IdentityTokens::new(signer, &*token.audience, token.lifetime, clock);
    Ok(identity.tokens(tokens.map_err(|fault| fault.at("identity.token"))?))
}
