//! The sandbox as a server, seen from outside: what it demands, grants and refuses.

mod old_tls;
mod org;

mod assertions;
mod channels;
mod deaths;
mod dpop;
mod dpop_api;
mod faults;
mod http;
mod keys;
mod limits;
mod log_lag;
mod logs;
mod secrets;
mod server;
#[cfg(feature = "rustls")]
mod tls;
mod tokens;
