//! HTTP: from a connection to a request, along the [routes] to an answer, and back.

mod body;
mod certificate;
mod connection;
mod idle;
pub(crate) mod listener;
mod respond;
mod routes;
pub(crate) mod server;
mod throttle;
pub(crate) mod tls;
