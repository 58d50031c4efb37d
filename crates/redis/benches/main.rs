//! What an operation takes on loopback: how long one waits for it, and how much of the processor this
//! side spends on it.
//!
//! `cargo bench -p okta-introspect-redis`; needs `redis-server`, or `valkey-server` with
//! `SERVER=valkey-server`.

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::shared::{SharedStore as _, TimeScale};
use okta_introspect::{Clock as _, SystemClock};
use okta_introspect_redis::RedisStore;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};

/// As long as a sealed answer of Okta's is.
const VALUE: usize = 600;

/// Tokens that are asked for in turn.
const TOKENS: usize = 1000;

/// Operations of one round, and rounds, of which the median counts.
const OPERATIONS: usize = 20_000;
const ROUNDS: usize = 5;

/// How many operations are under way together.
const TOGETHER: usize = 16;

struct Server(Child, u16);

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = std::env::var("SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let child = Command::new(&program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let end = SystemClock.monotonic() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(SystemClock.monotonic() < end, "{program} does not start");
        }
        Self(child, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Copy)]
enum Operation {
    /// What a check asks for that finds nothing in its own memory: an active and an inactive answer.
    Look,
    Put,
    Claim,
    Time,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Look, Self::Put, Self::Claim, Self::Time];

    fn name(self) -> &'static str {
        match self {
            Self::Look => "look (two values, a hit)",
            Self::Put => "put",
            Self::Claim => "claim",
            Self::Time => "time (a script)",
        }
    }

    async fn carry_out(self, store: &RedisStore, names: &[Names], number: usize) {
        let names = &names[number % TOKENS];
        match self {
            Self::Look => {
                let found = store.get(&[&names.active, &names.inactive]).await.unwrap();
                assert!(found[0].is_some() && found[1].is_none());
            }
            Self::Put => {
                store.put(&names.active, &[7; VALUE], Duration::from_secs(600)).await.unwrap();
            }
            Self::Claim => {
                let ttl = Duration::from_millis(400);
                store.claim(&names.claim, "an owner", ttl).await.unwrap();
            }
            Self::Time => {
                store.time("oi1:{acme.okta.com}:time", TimeScale([1; 16]), None).await.unwrap();
            }
        }
    }
}

/// The names of a token, as long as real ones.
struct Names {
    active: String,
    inactive: String,
    claim: String,
}

impl Names {
    fn all() -> Arc<[Self]> {
        let name = |kind, number| format!("oi1:{{acme.okta.com}}:{kind}:{number:0>32}");
        let names = |number| Self {
            active: name('e', number),
            inactive: name('n', number),
            claim: name('l', number),
        };
        (0..TOKENS).map(names).collect()
    }
}

struct Figures {
    /// Of one at a time: the median, and what one in a hundred exceeds, in microseconds.
    median: f64,
    slow: f64,
    /// Of sixteen at a time: processor time of each, in microseconds, and operations a second.
    processor: f64,
    rate: f64,
}

async fn measure(store: &RedisStore, names: &Arc<[Names]>, operation: Operation) -> Figures {
    let mut waits = Vec::with_capacity(OPERATIONS);
    for number in 0..OPERATIONS {
        let begin = SystemClock.monotonic();
        operation.carry_out(store, names, number).await;
        waits.push((SystemClock.monotonic() - begin).as_secs_f64() * 1e6);
    }
    waits.sort_by(f64::total_cmp);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (begin, processor) = (SystemClock.monotonic(), processor_time());
        let workers: Vec<_> = (0..TOGETHER)
            .map(|worker| {
                let (store, names) = (store.clone(), Arc::clone(names));
                tokio::spawn(async move {
                    for number in (worker..OPERATIONS).step_by(TOGETHER) {
                        operation.carry_out(&store, &names, number).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        let seconds = (SystemClock.monotonic() - begin).as_secs_f64();
        let processor = (processor_time() - processor).as_secs_f64();
        rounds.push((processor * 1e6 / OPERATIONS as f64, OPERATIONS as f64 / seconds));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (processor, rate) = rounds[ROUNDS / 2];
    Figures { median: waits[OPERATIONS / 2], slow: waits[OPERATIONS * 99 / 100], processor, rate }
}

/// What this process has used of the processor; the server is another one.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}

fn table(title: &str, runtime: &Runtime, url: &str) {
    println!("\n{title}, values of {VALUE} bytes");
    println!(
        "{:<26} {:>12} {:>12} {:>16} {:>12}",
        "operation", "median µs", "p99 µs", "processor µs, 16", "per s, 16"
    );
    runtime.block_on(async {
        let store = RedisStore::builder(url).build().unwrap();
        let names = Names::all();
        for number in 0..TOKENS {
            Operation::Put.carry_out(&store, &names, number).await;
        }
        for operation in Operation::ALL {
            let figures = measure(&store, &names, operation).await;
            println!(
                "{:<26} {:>12.0} {:>12.0} {:>16.2} {:>12.0}",
                operation.name(),
                figures.median,
                figures.slow,
                figures.processor,
                figures.rate,
            );
        }
    });
}

fn main() {
    let server = Server::start();
    let url = format!("redis://127.0.0.1:{}", server.1);
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    table("one thread", &one, &url);
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    table("two threads", &two, &url);
}
