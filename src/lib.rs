//! Know whether an Okta token is still good right now.
//!
//! A client of one Okta authorization server that authenticates as a *service app* with
//! `private_key_jwt`, or as an app with a secret: it gets service tokens, introspects and revokes
//! tokens, and says precisely what is wrong when that fails.
//!
//! ```no_run
//! use okta_introspect::{Client, Error, Issuer, KeyOptions, SigningKey, Token};
//!
//! # async fn example(presented: &str) -> Result<(), Error> {
//! let issuer = Issuer::parse("https://acme.okta.com")?;
//! let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
//! let client = Client::builder(issuer, "0oa1b2c3d4", key).build()?;
//! let is_good = client.introspect(&Token::parse(presented)?, None).await?.active;
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! - A *token* is what callers present; an *assertion* is what this client signs to prove who it
//!   is. Each assertion is good for one request to one endpoint, unless [`AssertionConfig::reuse`]
//!   says otherwise.
//! - The *issuer* is one URL that names an authorization server: an Okta org, or one of its
//!   custom servers. Every endpoint follows from it.
//! - An [`Error`] means "we do not know". An inactive token is an answer.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | everything a client does | [`Client`] |
//! | a check on every request of a backend | [`Checker`], [`checker`] |
//! | the same before tower services and axum handlers | `adapter` (features `tower` and `axum`) |
//! | a protected resource with its metadata, an MCP server with a requirement for each tool | `adapter` |
//! | tokens verified without asking the server, and when that is enough | [`Verifier`], [`verify`] |
//! | an issuer's public keys, and how they are kept | [`Jwks`] |
//! | revocations heard of within seconds | [`signals`] |
//! | answers that the instances of a service share | [`shared`] |
//! | how many calls that takes, and whether they fit | [`plan`] |
//! | service tokens that are kept and renewed | [`Client::token_source`], [`TokenSource`] |
//! | service tokens that outlive the process | [`TokenStore`], [`SigningKey::derive_secret`] |
//! | users' refresh tokens | [`Client::refresh`] |
//! | tokens that are bound to a key | [`DpopConfig`], [`AccessToken::present`] |
//! | the org's management APIs | [`Client::resource`] |
//! | a key in a KMS or HSM, and how fast that signs | [`Signer`], [`SignerLimits`]; the crate `okta-introspect-signers` has some |
//! | an app that has a client secret | [`ClientAuth`] |
//! | a server that is not Okta's | [`Issuer::parse_other`], [`metadata`] |
//! | what to do about an error | [`Error::kind`], [`Error::advice`], [`Diagnosis`] |
//! | how calls are repeated, paced and given up | [`RetryConfig`], [`CircuitConfig`], [`HttpConfig`], [`RateWindows`], [`ClientBuilder::max_in_flight`] |
//! | tests without a network or a clock | `sandbox` (feature `sandbox`), [`ManualClock`] |
//!
//! # Features
//!
//! - `rustls` (default): TLS by rustls with ring, trusting the operating system's certificates.
//! - `native-tls`: TLS by the operating system's library, chosen with `TlsBackend::Native`.
//! - `tower`: a layer that lets in requests whose token is good, see `adapter`.
//! - `axum`: the same as an extractor; turns `tower` on.
//! - `prometheus`: a [`Checker`] is a `Collector` of the crate `prometheus-client`.
//! - `sandbox`: an embedded authorization server on loopback that behaves as Okta does.
//! - `vendored`: builds OpenSSL, which signs and verifies, from source.
//!
//! Needs a tokio runtime. Types of other crates in this API: [`chrono`]'s `DateTime<Utc>`,
//! [`http`]'s requests, responses and their parts (with `tower` also `http_body`'s bodies and
//! `bytes`), [`serde`]'s traits, [`serde_json`]'s `Map` and
//! `Value`, and [`zeroize`]'s `Zeroizing`; `tower_layer`'s and `tower_service`'s traits and axum's
//! extractors with the features of these names, and `prometheus_client`'s `Collector`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[cfg(feature = "tower")]
pub mod adapter;
pub mod checker;
mod client;
mod clock;
mod credential;
mod error;
pub mod issuer;
mod jwks;
mod jws;
mod key;
mod management;
mod metrics;
mod oauth;
pub mod plan;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod scope;
mod secret;
pub mod shared;
pub mod signals;
mod support;
pub mod verify;
mod wire;

pub use checker::{Authorized, Checker, Requirement, Verdict};
pub use client::{Client, ClientBuilder, Endpoint};
pub use clock::server_time::ClockOffset;
pub use clock::{Clock, Deadline, ManualClock, SystemClock};
pub use credential::assertion::{AssertionConfig, AssertionSigner, ClientAssertion};
pub use credential::audience::Audience;
pub use credential::client_auth::ClientAuth;
pub use credential::secret_file::SecretFile;
pub use wire::admission::circuit::CircuitConfig;
pub use wire::admission::rate_windows::RateWindows;

pub use credential::dpop::{DpopConfig, DpopMode};
pub use error::diagnosis::Diagnosis;
pub use error::refusal::Refusal;
pub use error::{Attempts, BoxError, Error, ErrorKind};
pub use issuer::{EndpointUrl, Endpoints, Issuer};
pub use jwks::{JwkSet, Jwks, JwksBuilder, JwksConfig, JwksStatus};
pub use jws::HmacAlgorithm;
pub use key::{
    Algorithm, KeyFile, KeyOptions, PublicJwk, RotatingSigner, Signer, SignerLimits, SigningKey,
};
pub use management::{Pages, Resource, ResourceAnswer, ResourceCall};
pub use oauth::claimed_issuer::ClaimedIssuer;
pub use oauth::introspect::{Confirmation, Introspection, TokenTypeHint};
pub use oauth::metadata::{self, Metadata};
pub use oauth::token::{
    AccessToken, CachedTokenSource, Presentation, Refreshed, StaticTokenSource, StoredToken,
    TokenCacheConfig, TokenSource, TokenStore, TokenType,
};
pub use scope::Scopes;
pub use secret::{Secret, Token};
pub use support::boxed_future::BoxFuture;
pub use support::random::{Random, SeededRandom, SystemRandom};
pub use verify::{
    AccessTokenClaims, IdTokenClaims, InvalidToken, Verification, Verified, Verifier,
    VerifierBuilder,
};
pub use wire::proxy::{Proxy, ProxyServer};
pub use wire::rate_limit::{RateLimit, Remaining};
pub use wire::retry::RetryConfig;
pub use wire::tls::TlsBackend;
pub use wire::transport::HttpConfig;

/// The README's Rust is compiled with the documentation's, where the features are on that it shows.
#[cfg(all(doctest, feature = "axum", feature = "sandbox"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// As the README's.
#[cfg(doctest)]
#[doc = include_str!("../docs/signals.md")]
struct Signals;

#[cfg(test)]
#[path = "../tests/layout/examples.rs"]
mod examples;

#[cfg(any(test, all(fuzzing, feature = "_fuzzing")))]
#[doc(hidden)]
#[path = "../fuzz/src/readers/mod.rs"]
pub mod fuzzing;

#[cfg(test)]
#[path = "../tests/layout/limits.rs"]
mod limits;

#[cfg(test)]
#[path = "../tests/layout/rooms.rs"]
mod rooms;
