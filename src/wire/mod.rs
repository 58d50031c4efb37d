//! From a request to an answer: connections, admission, repetition, and what refusals say.

pub(crate) mod admission;
pub(crate) mod bounds;
pub(crate) mod call;
pub(crate) mod error_response;
pub(crate) mod form_post;
pub(crate) mod proxy;
pub(crate) mod rate_limit;
pub(crate) mod retry;
pub(crate) mod server_numbers;
pub(crate) mod tls;
pub(crate) mod transport;
