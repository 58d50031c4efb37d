//! What signals of revocations are worth, measured at the sandbox.
//!
//! `cargo bench --bench signals --features axum,sandbox`, or one of its parts:
//!
//! - `lag [REVOCATIONS] [SECONDS]`: how long a revocation by another client takes to be refused, by way of
//!   the System Log, of Universal Logout and of the checker's own revocation. Real time.
//! - `cost [TOKENS]…`: how many questions tokens in use cost with `extend` and without. Virtual time.
//! - `beside`: polling beside another program that uses 60 % of the log's rate limit. Virtual time.

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

mod beside;
mod cost;
mod lag;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let (part, numbers) = match words.split_first() {
        Some((part, numbers)) => (part.as_str(), numbers),
        None => ("all", &[][..]),
    };
    let numbers: Vec<u32> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if ["all", "lag"].contains(&part) {
            lag::run(&numbers).await?;
        }
        if ["all", "cost"].contains(&part) {
            cost::run(&numbers).await?;
        }
        if ["all", "beside"].contains(&part) {
            beside::run().await?;
        }
        Ok(())
    })
}
