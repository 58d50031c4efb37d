//! What a signature takes beside the module's own `C_Sign`, side by side in one run: of the processor,
//! which a busy machine does not change, and of time.
//!
//! `cargo bench -p okta-introspect-signers --features pkcs11`; needs `softhsm2-util`. SoftHSM is the
//! hardest case: it signs in this process, where a token's own time is near to nothing.

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use okta_introspect::{Algorithm, Clock as _, KeyOptions, Signer as _, SystemClock};
use okta_introspect_signers::pkcs11::Pkcs11Key;
use openssl::sha::sha256;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A sample.
const PIN: &str = "90817263";

/// As long as an assertion's signing input is.
const INPUT: [u8; 400] = [b'a'; 400];

/// Rounds, of which the median counts, and how long one of them takes about.
const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(60);

/// How many signatures are under way together.
const TOGETHER: usize = 32;

const FOLDER: &str = "SIGNERS_BENCH_FOLDER";

fn main() {
    // Called by `cargo test`, too, which wants no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    match std::env::var(FOLDER) {
        Ok(folder) => measure(Path::new(&folder)),
        Err(_) => in_a_process_with_a_token(),
    }
}

/// The module reads its configuration from the environment.
fn in_a_process_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let (config, tokens) = (folder.path().join("softhsm2.conf"), folder.path().join("tokens"));
    fs::create_dir(&tokens).unwrap();
    fs::write(&config, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .unwrap();
    fs::write(folder.path().join("pin"), PIN).unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "okta", "--so-pin", "12345678", "--pin", PIN])
        .env("SOFTHSM2_CONF", &config)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return println!("softhsm2-util is not installed");
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .arg("--bench")
        .env(FOLDER, folder.path())
        .env("SOFTHSM2_CONF", &config)
        .status();
    assert!(status.unwrap().success());
}

fn measure(folder: &Path) {
    println!(
        "µs of the processor (and of time) for a signature, median of {ROUNDS} rounds: the module alone on \
         one thread, and ours\n{:<10}{:>18}{:>20}{:>9}{:>20}{:>9}",
        "key", "C_Sign", "one by one", "more", "32 together", "more"
    );
    for (name, algorithm, bits) in [
        ("RSA 2048", Algorithm::Rs256, 2048),
        ("RSA 3072", Algorithm::Rs256, 3072),
        ("P-256", Algorithm::Es256, 0),
        ("P-384", Algorithm::Es384, 0),
        ("P-521", Algorithm::Es512, 0),
    ] {
        let label = format!("{algorithm}-{bits}");
        let pin = folder.join("pin");
        let uri = format!(
            "pkcs11:token=okta;object={label}?module-path={SOFTHSM}&pin-source=file:{}",
            pin.display()
        );
        let options = KeyOptions::default();
        Pkcs11Key::generate(&uri, algorithm, bits, &options).unwrap();
        let key = Pkcs11Key::open(&uri, &options).unwrap();
        let [alone, single, together] = side_by_side(&key, &Alone::new(algorithm, &label));
        let more = |figure: Figure| {
            format!("{:+.1} %", 100.0 * (figure.processor / alone.processor - 1.0))
        };
        println!(
            "{name:<10}{:>18}{:>20}{:>9}{:>20}{:>9}",
            alone.shown(),
            single.shown(),
            more(single),
            together.shown(),
            more(together)
        );
    }
}

/// The module without anything of ours.
struct Alone {
    session: Session,
    key: ObjectHandle,
    mechanism: Mechanism<'static>,
    algorithm: Algorithm,
}

impl Alone {
    fn new(algorithm: Algorithm, label: &str) -> Self {
        let module = Pkcs11::new(SOFTHSM).unwrap();
        let slot = module.get_slots_with_initialized_token().unwrap()[0];
        // Logged in with the key that is open.
        let session = module.open_ro_session(slot).unwrap();
        let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(label.into())];
        let key = session.find_objects(&wanted).unwrap()[0];
        let mechanism = match algorithm.name().starts_with('R') {
            true => Mechanism::RsaPkcs,
            false => Mechanism::Ecdsa,
        };
        Self { session, key, mechanism, algorithm }
    }

    /// With the digest that any caller has to make.
    fn sign(&self) -> Vec<u8> {
        let digest = match self.algorithm {
            Algorithm::Es384 => openssl::sha::sha384(&INPUT).to_vec(),
            Algorithm::Es512 => openssl::sha::sha512(&INPUT).to_vec(),
            Algorithm::Rs256 => [&[0; 19], sha256(&INPUT).as_slice()].concat(),
            _ => sha256(&INPUT).to_vec(),
        };
        self.session.sign(&self.mechanism, self.key, &digest).unwrap()
    }
}

/// Microseconds for one signature.
#[derive(Clone, Copy)]
struct Figure {
    processor: f64,
    time: f64,
}

impl Figure {
    fn shown(self) -> String {
        format!("{:.1} ({:.1})", self.processor, self.time)
    }
}

fn side_by_side(key: &Pkcs11Key, alone: &Alone) -> [Figure; 3] {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = measured(1, || drop(alone.sign())).time.max(1.0);
    let count = (ROUND.as_micros() as f64 / first).ceil() as usize;
    let mut figures = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        figures[0].push(measured(count, || (0..count).for_each(|_| drop(alone.sign()))));
        figures[1].push(measured(count, || one_by_one(&runtime, key, count)));
        figures[2].push(measured(count, || together(&runtime, key, count)));
    }
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    figures.map(|figures: Vec<Figure>| Figure {
        processor: median(figures.iter().map(|figure| figure.processor).collect()),
        time: median(figures.iter().map(|figure| figure.time).collect()),
    })
}

fn one_by_one(runtime: &Runtime, key: &Pkcs11Key, count: usize) {
    runtime.block_on(async {
        for _ in 0..count {
            key.sign(&INPUT).await.unwrap();
        }
    });
}

fn together(runtime: &Runtime, key: &Pkcs11Key, count: usize) {
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(count));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TOGETHER)
            .map(|_| {
                let (key, left) = (key.clone(), Arc::clone(&left));
                tokio::spawn(async move {
                    use std::sync::atomic::Ordering::Relaxed;
                    while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                        key.sign(&INPUT).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// What one of `count` takes.
fn measured(count: usize, work: impl FnOnce()) -> Figure {
    let (begun, processor) = (SystemClock.monotonic(), processor());
    work();
    let time = (SystemClock.monotonic() - begun).as_secs_f64() * 1e6;
    let processor = self::processor() - processor;
    Figure { processor: processor / count as f64, time: time / count as f64 }
}

/// What all threads of this process have used of the processor, in microseconds.
fn processor() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 * 1e6 + used.tv_nsec as f64 / 1e3
}
