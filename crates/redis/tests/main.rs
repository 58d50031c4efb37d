//! Real servers on loopback: Redis, Sentinel and a cluster, and Valkey where it is installed; and
//! peers that are none of them.

mod access;
mod contract;
mod faults;
mod peer;
mod server;
mod streams;
mod topology;
mod transport;
mod values;
