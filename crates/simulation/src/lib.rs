//! Thousands of instances that share a store and signals, in one process and in virtual time, while
//! everything fails that can.
//!
//! The checkers, the second level and the sharing of signals are the library's own; simulated are
//! what they are given: clocks that are wrong and drift, a server with a rate limit, a log that is
//! late, a network, and a store. Tasks run on one thread of tokio; where none has anything to do, time
//! goes on to the next timer. All that is random comes from a seed, and the same seed is the same run.
//!
//! Every answer is held against the truth: when the server looked (which it says in its answer), and what
//! had become of the token by then. The ten faults come one after the other, in an order by the seed.
//!
//! ```sh
//! cargo run --profile simulation -p okta-introspect-simulation -- --instances 10000 --seeds 100 --out runs
//! ```

mod config;
mod dice;
mod engine;
mod instance;
mod link;
mod log;
mod okta;
mod plot;
mod reading;
mod record;
mod run;
mod runs;
mod scenario;
mod table;
mod time;
mod truth;
mod wheel;
mod world;

pub use config::Config;
pub use plot::plot;
pub use record::{Violation, Window};
pub use run::{Outcome, SOURCES, run};
pub use runs::Runs;
pub use table::Table;
pub use time::Moment;
