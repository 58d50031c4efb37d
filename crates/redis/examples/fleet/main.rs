//! A fleet of real processes on a real Redis: how often the server is asked about tokens that all want at once, and
//! what becomes of answers while Redis, the network and the leader fail. Prints tables; the exit code is 1 if
//! anything is not as it should be.
//!
//! `cargo run --release -p okta-introspect-redis --example fleet -- all`
//!
//! Others than `all`: `quick` as in `./tests/all`, `cold PROCESSES CHECKERS_EACH TOKENS PACE` (in ms from one token to the next; all
//! checkers want the same one at the same time), or names of faults.

#![allow(clippy::print_stdout)] // an example shows what it does
#![allow(clippy::disallowed_methods, clippy::arithmetic_side_effects, clippy::exit)] // it measures, with the machine's own clock

mod cold;
mod faults;
mod instance;
mod judge;
mod org;
mod processes;
mod relay;
mod run;
#[allow(dead_code)]
#[path = "../../tests/server.rs"]
mod server;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use faults::Fault;

pub(crate) const CLIENT_ID: &str = "0oa1backend";

/// How old an answer may be.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(5);

/// With an instance each, under faults.
pub(crate) const PROCESSES: usize = 4;

/// The time by a clock that all processes of a computer have, in microseconds.
pub(crate) fn micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words == ["instance"] {
        return instance::run();
    }
    if !server::has("redis-server", "a fleet of processes") {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let [passed, failed] = runtime.block_on(carry_out(&words))?;
    println!("test result: {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { Ok(()) } else { Err("not all is as it should be".into()) }
}

async fn carry_out(words: &[&str]) -> Result<[usize; 2], Box<dyn std::error::Error>> {
    let all = Fault::ALL.map(|(name, _)| name);
    let (sizes, faults) = match words {
        ["all"] => (Some([4, 50, 1000, 60]), &all[..]),
        ["quick"] => (Some([4, 5, 100, 60]), &Fault::QUICK[..]),
        ["cold", sizes @ ..] => {
            let sizes: Result<Vec<usize>, _> = sizes.iter().map(|size| size.parse()).collect();
            (Some(<[usize; 4]>::try_from(sizes?).map_err(|_| "four numbers")?), &[][..])
        }
        names => (None, names),
    };
    let mut good = Vec::new();
    if let Some(sizes) = sizes {
        good.push(cold::run(sizes).await?);
    }
    if !faults.is_empty() {
        println!("{}", run::HEAD);
    }
    for name in faults {
        let fault = Fault::ALL.into_iter().find(|(it, _)| it == name).ok_or("a fault's name")?.1;
        if fault.is_possible(name) {
            good.push(run::under(name, fault, words == ["quick"]).await?);
        }
    }
    let passed = good.iter().filter(|is_good| **is_good).count();
    Ok([passed, good.len() - passed])
}
