//! Runs seeds, prints what came of them as a table, and draws plots.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use okta_introspect_simulation::{Config, Table, plot, run};

/// Simulate instances that share a store, while everything fails that can.
///
/// Prints a line for each run and each answer that the contract does not allow, and at last a table by
/// fault. Exit code 1 if there was such an answer.
#[derive(Debug, Parser)]
struct Args {
    /// How many instances
    #[arg(long, default_value_t = 1000)]
    instances: usize,
    /// How many runs, with the seeds from the first one on
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long a run takes, in seconds of virtual time
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Checks a minute of each instance
    #[arg(long)]
    checks: Option<f64>,
    /// Draw lag.svg, calls.svg and ages.svg into this folder
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut config = Config::new(args.instances.max(1));
    config.length = Duration::from_secs(args.seconds.max(60));
    config.checks = args.checks.unwrap_or(config.checks);
    let (mut table, mut outcomes) = (Table::default(), Vec::new());
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let outcome = match run(&config, seed) {
            Ok(outcome) => outcome,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        };
        let count = outcome.windows.iter().map(|window| window.violations).sum::<u64>();
        println!("seed {seed}: {count} violations, digest {:016x}", outcome.digest);
        for violation in &outcome.violations {
            println!(
                "  seed {} at {}, instance {}: {}",
                violation.seed, violation.at, violation.instance, violation.what
            );
        }
        table.add(&outcome);
        outcomes.push(outcome);
    }
    println!("\n{table}");
    if let Some(folder) = args.out
        && let Err(error) = plot(&outcomes, &table, &folder)
    {
        eprintln!("error: the plots cannot be written: {error}");
        return ExitCode::from(2);
    }
    if table.violations() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
