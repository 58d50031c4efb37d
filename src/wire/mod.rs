//! From a request to an answer: connections, admission, repetition, and what refusals say.

pub(crate) mod admission;
pub(crate) mod bounds;
pub(crate) mod call;
mod challenge;
pub(crate) mod content_encoding;
pub(crate) mod error_chain;
pub(crate) mod error_response;
pub(crate) mod form_post;
mod no_answer;
pub(crate) mod place;
pub(crate) mod proxy;
mod proxy_fault;
pub(crate) mod rate_limit;
pub(crate) mod retry;
pub(crate) mod server_numbers;
pub(crate) mod tls;
mod tls_fault;
pub(crate) mod transport;
