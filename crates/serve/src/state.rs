//! Everything that one configuration makes. It is exchanged as a whole, so that no request sees half
//! of one configuration and half of another.

use std::sync::Arc;

use okta_introspect::adapter::{Gate, ResourceMetadata};
use okta_introspect::{Checker, Clock, SystemClock};

use crate::config::{Config, OriginConfig, ResourceConfig, ResourceDpop};
use crate::error::Fault;
use crate::identity::Identity;
use crate::original::{Origin, Origins};
use crate::rule::Rules;

/// Everything that one configuration makes.
#[derive(Debug)]
pub struct State {
    pub(crate) config: Config,
    pub(crate) checker: Checker,
    pub(crate) rules: Rules,
    /// `None` where none are configured: every host is taken.
    pub(crate) origins: Option<Origins>,
    /// One for each origin.
    pub(crate) gates: Vec<Gate>,
    /// Where the URL that the client called is not known, and so no proof is good.
    pub(crate) anywhere: Gate,
    pub(crate) resources: Vec<ResourceMetadata>,
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<dyn Clock>,
}
