//! Redis and Valkey as the [`SharedStore`](okta_introspect::shared::SharedStore) of `okta-introspect`: what one instance of a service has
//! learned of a token, the others need not ask for.
//!
//! ```no_run
//! use okta_introspect::Error;
//! use okta_introspect_redis::RedisStore;
//!
//! # fn example() -> Result<(), Error> {
//! let store = RedisStore::builder("rediss://redis.example:6379")
//!     .username("okta-introspect")
//!     .password_file("/run/secrets/redis")
//!     .ca_file("/etc/ssl/redis-ca.pem")
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//!
//! It moves bytes, and decides nothing: values are sealed before they come here, and how old an
//! answer may be is never decided by what Redis says. Needs Redis 6.2 or later, or Valkey; one server,
//! Sentinel, or a cluster. Needs a tokio runtime.
//!
//! # What is bounded
//!
//! A reply of more than a few megabytes, and bytes that are no reply, end the connection where they
//! are read. A connection that says nothing for three seconds while an answer is due is given up.
//! After a connection was lost, and after each failure, the next attempt waits for a random time, so
//! that not all instances come back at once; meanwhile each call fails at once.

mod address;
mod builder;
mod cluster;
mod connection;
mod credentials;
mod fault;
mod guard;
mod link;
mod lock;
mod scripts;
mod sentinel;
mod store;
mod tls;

pub use builder::RedisStoreBuilder;
pub use store::RedisStore;

/// The README's Rust is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
