//! Who may use each listener.

use std::sync::Arc;

use okta_introspect::Clock;

use crate::caller::{Caller, Callers, Limits};
use crate::config::{Address, Config, ListenerConfig};
use crate::error::Fault;
use crate::original::TrustedPeers;

/// Who may use a listener.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) trusted: TrustedPeers,
    pub(crate) callers: Callers,
}
