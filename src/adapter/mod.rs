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
//! | a body that does not say what it asks for | 400, 408, 413 | none |
//! | **not known** | 503 | none, but `Retry-After` |
//! | on no route that has a [rule](Rules) | 403 | none: no token would help |
//!
//! Bodies are empty, or [say the same](GateLayer::problem_details) to programs: a refused client learns what the RFCs ask for and no more. To a request of gRPC (by its
//! `content-type`) the answer is 200 without a body, with `grpc-status` 16 for 401, 7 for 403, 14
//! for 503 and 3 for 400. Tokens are read from `Authorization` alone. A token in the query has
//! been written to logs on its way, and is not looked at
//! ([RFC 6750 §5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)).
//!
//! # What the operator learns
//!
//! Each refusal is an event of `tracing` at level INFO: reason, status, method, route, issuer and
//! the token's [fingerprint](crate::Token::fingerprint), by which Okta's System Log names it too;
//! of an audience that was missing also which one, and which ones the token has.
//! [`Gate::on_rejection`] hands it to a function of the service's own. Numbers are in
//! [`Checker::metrics`].
//!
//! # Protected resources and MCP servers
//!
//! [`ResourceMetadata`] is the document by which clients find out where to get tokens; a gate that
//! [guards](Gate::resource) the resource names it in its challenges, with the scopes that are needed,
//! and takes no token that was issued for another one. [`Gate::mcp_layer`] goes before a server of the
//! Model Context Protocol: each tool has a requirement of its own.
//!
//! # CORS
//!
//! A browser's preflight brings no token: it is an `OPTIONS` request, and is refused like any
//! other. So the layer that answers preflights (`tower_http::cors::CorsLayer`, for instance) must
//! stand *around* the gate; in axum that is the layer added after it. It also adds the headers
//! without which a page cannot see that its request was refused: expose `WWW-Authenticate` and
//! `Retry-After`. Do not let `OPTIONS` through by a rule instead; the service behind would answer
//! requests that nobody has checked.

mod audiences;
mod bearer;
mod challenge;
#[cfg(feature = "axum")]
mod extract;
mod gate;
mod grpc;
mod head;
mod layer;
mod mcp;
mod metadata_service;
mod report;
mod required;
mod resource;
mod rules;
#[cfg(test)]
mod tests;

pub use challenge::{Cause, Rejection};
#[cfg(feature = "axum")]
pub use extract::{Active, Anyone, ByRules, Require, matched_path, original_uri};
pub use gate::Gate;
pub use head::RequestHead;
pub use layer::{Answer, Bare, GateLayer, Gated, ProblemDetails, ResponseFuture};
pub use mcp::{BodyFault, McpBody, McpGuarded, McpLayer, McpRules};
pub use metadata_service::MetadataService;
pub use required::Required;
pub use resource::{ResourceMetadata, ResourceMetadataBuilder};
pub use rules::Rules;

#[cfg(doc)]
use crate::checker::Checker;
