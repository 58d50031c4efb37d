//! Know whether an Okta token is still good right now.

mod clock;
mod diagnosis;
mod error;
mod future;
pub mod issuer;
mod key;
mod random;
mod scope;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use diagnosis::Diagnosis;
pub use error::{BoxError, Error, ErrorKind, Refusal};
pub use future::BoxFuture;
pub use issuer::Issuer;
pub use key::{Algorithm, KeyOptions, PublicJwk, Signer, SigningKey};
pub use random::{Random, SeededRandom, SystemRandom};
pub use scope::Scopes;
pub use secret::{Secret, Token};
