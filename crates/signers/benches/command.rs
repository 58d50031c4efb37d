//! What a signature by a program takes beside the same by OpenSSL in this process, in one run: an echo of
//! what the pipes cost, since the program answers at once with a signature that was made before.
//!
//! `cargo bench -p okta-introspect-signers --features command --bench command`; needs `sh`.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::{Algorithm, Clock as _, Signer, SigningKey, SystemClock};
use okta_introspect_signers::command::CommandSigner;
use tokio::task::JoinSet;

/// As long as an assertion's signing input is.
const INPUT: [u8; 400] = [b'a'; 400];

/// Rounds, of which the median counts, and the signatures of each.
const ROUNDS: usize = 21;
const SIGNATURES: u32 = 64;

fn main() {
    // Called by `cargo test`, too, which wants no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("per signature, {SIGNATURES} of them: one by one, and all at once");
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let made = STANDARD.encode(key.sign_blocking(&INPUT).unwrap());
        let header = format!(r#"{{"alg":"{algorithm}","jwk":{}}}"#, key.public_jwk().to_json());
        let script = format!(
            "echo '{header}'; while read -r id input; do echo \"$id signature {made}\"; done"
        );
        let program = CommandSigner::builder(["sh", "-c", &script]).start().unwrap();
        let (program, key): (Arc<dyn Signer>, Arc<dyn Signer>) = (Arc::new(program), Arc::new(key));
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            for (at, signer) in [&program, &key].into_iter().enumerate() {
                times[2 * at].push(runtime.block_on(one_by_one(signer)));
                times[2 * at + 1].push(runtime.block_on(at_once(signer)));
            }
        }
        let [program_one, program_all, key_one, key_all] = times.map(median);
        for (name, by_program, here) in
            [("one by one", program_one, key_one), ("at once", program_all, key_all)]
        {
            let ratio = by_program.as_secs_f64() / here.as_secs_f64();
            println!(
                "{algorithm} {name:>10}: by the program {by_program:>9.1?}, here {here:>9.1?}, {ratio:.2} times"
            );
        }
    }
}

async fn one_by_one(signer: &Arc<dyn Signer>) -> Duration {
    let begun = SystemClock.monotonic();
    for _ in 0..SIGNATURES {
        signer.sign(&INPUT).await.unwrap();
    }
    SystemClock.monotonic().saturating_duration_since(begun) / SIGNATURES
}

async fn at_once(signer: &Arc<dyn Signer>) -> Duration {
    let begun = SystemClock.monotonic();
    let mut signatures = JoinSet::new();
    for _ in 0..SIGNATURES {
        let signer = Arc::clone(signer);
        signatures.spawn(async move { signer.sign(&INPUT).await.map(drop) });
    }
    while let Some(signed) = signatures.join_next().await {
        signed.unwrap().unwrap();
    }
    SystemClock.monotonic().saturating_duration_since(begun) / SIGNATURES
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
