//! Public keys: read strictly, and kept for as long as the server says
//! ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).

mod builder;
mod cache;
mod freshness;
mod remote;
mod set;
mod status;
#[cfg(test)]
mod suspend;

pub use builder::JwksBuilder;
pub use cache::Jwks;
pub use freshness::JwksConfig;
pub use set::JwkSet;
pub use status::JwksStatus;

pub(crate) use cache::Missing;
pub(crate) use set::ChoiceFault;
