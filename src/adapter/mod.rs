//! Guards HTTP services and handlers with a [`Checker`].
//!
//! A [`Gate`] reads the token of a request, has it checked, and says what to answer if the request
//! is not let in:
//!
//! | | status | `WWW-Authenticate` |
//! |---|---|---|
//! | no token | 401 | the schemes that are understood, and nothing else |
//! | two tokens, or a header that is none | 400 | `error="invalid_request"` |
//! | inactive, expired, for somebody else | 401 | `error="invalid_token"` |
//! | a bound token without a good proof | 401 | `DPoP error="invalid_dpop_proof"` or `"invalid_token"` |
//! | too little permitted | 403 | `error="insufficient_scope"`, with the scopes that would do |
//! | **not known** | 503 | none, but `Retry-After` |
//!
//! Bodies are empty: a refused client learns what the RFCs ask for and no more. Tokens are
//! read from `Authorization` alone. A token in the query has been written to logs on its way, and
//! is not looked at ([RFC 6750 §5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)).

mod bearer;
mod challenge;
#[cfg(feature = "axum")]
mod extract;
mod gate;
mod layer;

pub use challenge::{Cause, Rejection};
#[cfg(feature = "axum")]
pub use extract::{Active, Anyone, Require, original_uri};
pub use gate::Gate;
pub use layer::{GateLayer, Gated, ResponseFuture};

#[cfg(doc)]
use crate::checker::Checker;
