//! An embedded authorization server on loopback that behaves towards clients as Okta does.
//!
//! It has an org server, custom servers and a few management endpoints; real keys, real
//! signatures, and Okta's own words for every refusal. Nothing is scripted: each answer is
//! computed from what the server knows at that moment. It is made for tests and for trying things
//! out without a network, and protects nothing: never rely on it for anything real.
//!
//! Where Okta's documents are silent the sandbox is strict: what it accepts, Okta should accept.
//! It does not do users' sign-ins, refresh tokens, `jwks_uri`, or searches in the
//! management API, apart from filters of the System Log.
//!
//! It can be a poor messenger, too: its System Log may [lag](LogLag), and its [channels](Channel)
//! (Universal Logout, security events, event hooks, EventBridge) may lose, double, delay and reorder.
//!
//! What tests need besides: the [clock](SandboxBuilder::clock), [rate limits](Bucket),
//! [faults](Fault) and outages, [TLS](SandboxBuilder::tls_self_made),
//! [rotation of keys](Sandbox::rotate_keys) and of
//! [DPoP nonces](Sandbox::rotate_dpop_nonce), tokens [without a request](Sandbox::issue), and the
//! [requests](Sandbox::requests) that came, or a [look](SandboxBuilder::on_answer) at each.
//!
//! # How it is made
//!
//! Each of its rooms uses only those before it: `jose`, `model` (what the server knows, pure),
//! `world` (the model behind one lock, with time and randomness), `message` (what is asked and
//! said), `oauth` and `management` (what endpoints decide), `faults`, `http`, `channel` (what is sent to
//! others), `control` (the [`Sandbox`] handle). A new endpoint is a handler and a line in `http/routes.rs`.
//!
//! # Example: a sandbox with one app and one user
//!
//! ```
//! use okta_sandbox::{App, Grant, Sandbox, User};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let sandbox = Sandbox::builder()
//!     .app(App::service("0oa1service").grant("okta.users.read"))
//!     .user(User::new("00u1ada", "ada@example.test"))
//!     .start()
//!     .await?;
//! assert!(sandbox.issuer().starts_with("http://127.0.0.1:"));
//! let token = sandbox.issue(&Grant::to_client("0oa1service").user("00u1ada"))?;
//! assert!(sandbox.revoke(&token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod channel;
mod clock;
mod control;
mod error;
mod faults;
mod http;
mod jose;
mod management;
mod message;
mod model;
mod oauth;
mod random;
mod world;

pub use channel::delivery::{Delivery, DeliveryOutcome};
pub use channel::settings::{Channel, LogoutSubject};
pub use channel::subscription::Subscription;
pub use clock::{Clock, Sleep, SystemClock};
pub use control::builder::SandboxBuilder;
pub use control::faults::Faults;
pub use control::sandbox::Sandbox;
pub use error::{Error, ErrorKind};
pub use faults::fault::{Fault, Reset};
pub use faults::queue::Times;
pub use http::tls::ServerIdentity;
pub use model::app::{App, AppKind, AppStatus, AuthMethod};
pub use model::app_key::AppKey;
pub use model::as_token::AsToken;
pub use model::channel_faults::ChannelFaults;
pub use model::client_secret::ClientSecret;
pub use model::custom_server::CustomServer;
pub use model::event::{LogEntity, LogEvent, LogOutcome, LogTransaction};
pub use model::event_draft::EventDraft;
pub use model::grant::Grant;
pub use model::limits::{Bucket, RateLimitHeaders};
pub use model::log_lag::LogLag;
pub use model::recorded::RecordedRequest;
pub use model::seed::Seed;
pub use model::sign_in::SignIn;
pub use model::tokens_of::TokensOf;
pub use model::user::{User, UserStatus};
pub use random::{Random, SystemRandom};

/// So that tests of the whole name it as its users do.
#[cfg(test)]
extern crate self as okta_sandbox;

#[cfg(test)]
#[path = "../tests/memory.rs"]
mod memory;

#[cfg(test)]
#[path = "../tests/slow_clients.rs"]
mod slow_clients;
