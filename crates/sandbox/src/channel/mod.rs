//! Channels by which the org tells others what happened: Universal Logout, security event tokens,
//! event hooks and EventBridge. What goes into the System Log goes to each of them, and each sends
//! what it has a message for.

mod client;
mod composer;
mod courier;
pub(crate) mod delivery;
mod event_bridge;
mod event_hook;
mod ledger;
mod message;
mod security_event;
pub(crate) mod settings;
pub(crate) mod subscription;
mod universal_logout;
