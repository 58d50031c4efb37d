//! What is asked and what is said: a request and its form, an answer and a refusal, and the
//! [`Call`](call::Call) with which an endpoint works.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod form;
pub(crate) mod percent;
pub(crate) mod refusal;
pub(crate) mod request;
