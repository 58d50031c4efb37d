//! Know whether an Okta token is still good right now.

pub mod assertion;
mod client;
mod clock;
mod diagnosis;
mod error;
mod exchange;
mod flight;
mod future;
mod http;
mod introspect;
pub mod issuer;
#[cfg(feature = "sandbox")]
mod jws;
mod key;
pub mod metadata;
mod random;
mod redact;
mod revoke;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod scope;
mod secret;
mod tls;
pub mod token;

pub use assertion::{AssertionConfig, AssertionSigner, Audience, ClientAssertion};
pub use client::{Client, ClientBuilder};
pub use clock::{Clock, ManualClock, SystemClock};
pub use diagnosis::Diagnosis;
pub use error::{BoxError, Error, ErrorKind, Refusal};
pub use future::BoxFuture;
pub use http::{HttpConfig, TlsBackend};
pub use introspect::{Confirmation, Introspection, TokenTypeHint};
pub use issuer::{EndpointUrl, Endpoints, Issuer};
pub use key::{Algorithm, KeyOptions, PublicJwk, Signer, SigningKey};
pub use metadata::Metadata;
pub use random::{Random, SeededRandom, SystemRandom};
pub use scope::Scopes;
pub use secret::{Secret, Token};
pub use token::{
    AccessToken, CachedTokenSource, StaticTokenSource, TokenCacheConfig, TokenSource, TokenType,
};
