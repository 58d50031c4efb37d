//! Know whether an Okta token is still good right now.

pub mod assertion;
mod budget;
mod caller;
mod circuit;
mod client;
mod clock;
mod diagnosis;
mod dpop;
mod error;
mod exchange;
mod flight;
mod future;
mod http;
mod introspect;
pub mod issuer;
mod jws;
mod key;
pub mod metadata;
mod random;
mod rate_limit;
mod redact;
mod refusal;
mod retry;
mod revoke;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod scope;
mod secret;
mod server_time;
mod tls;
pub mod token;

pub use assertion::{AssertionConfig, AssertionSigner, Audience, ClientAssertion};
pub use circuit::CircuitConfig;
pub use client::{Client, ClientBuilder, Endpoint};
pub use clock::{Clock, ManualClock, SystemClock};
pub use diagnosis::Diagnosis;
pub use dpop::{DpopConfig, DpopMode};
pub use error::{BoxError, Error, ErrorKind, Refusal, Trail};
pub use future::BoxFuture;
pub use http::{HttpConfig, TlsBackend};
pub use introspect::{Confirmation, Introspection, TokenTypeHint};
pub use issuer::{EndpointUrl, Endpoints, Issuer};
pub use key::{Algorithm, KeyOptions, PublicJwk, Signer, SigningKey};
pub use metadata::Metadata;
pub use random::{Random, SeededRandom, SystemRandom};
pub use rate_limit::RateLimit;
pub use retry::RetryConfig;
pub use scope::Scopes;
pub use secret::{Secret, Token};
pub use server_time::ClockOffset;
pub use token::{
    AccessToken, CachedTokenSource, Presentation, StaticTokenSource, TokenCacheConfig, TokenSource,
    TokenType,
};
