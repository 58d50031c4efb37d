//! Runs seeds, prints what came of them as a table, and draws plots.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use okta_introspect_simulation::{Config, Outcome, Runs, Table, plot, run};

/// Simulate instances that share a store, while everything fails that can.
///
/// Prints a line for each run and each answer that the contract does not allow, and at last a table by
/// fault. Exit code 1 if there was such an answer.
#[derive(Debug, Parser)]
struct Args {
    /// How many instances
    #[arg(long, default_value_t = 1000)]
    instances: usize,
    /// How many runs, with the seeds from the first one on; with 0, only what is in --out is shown
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
    /// Keep runs in this folder, leave out those that are there, and draw lag.svg, calls.svg and ages.svg
    /// of all of them; several processes may share it
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match simulate(&Args::parse()) {
        Ok(table) if table.violations() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn simulate(args: &Args) -> Result<Table, Box<dyn Error>> {
    let mut config = Config::new(args.instances.max(1));
    config.length = Duration::from_secs(args.seconds.max(60));
    config.checks = args.checks.unwrap_or(config.checks);
    let runs = args.out.as_ref().map(|folder| Runs::open(folder, &config)).transpose()?;
    let mut outcomes = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        if let Some(runs) = &runs
            && runs.read()?.iter().any(|outcome| outcome.seed == seed)
        {
            continue;
        }
        let outcome = run(&config, seed)?;
        tell(&outcome);
        match &runs {
            Some(runs) => runs.add(&outcome)?,
            None => outcomes.push(outcome),
        }
    }
    if let Some(runs) = &runs {
        outcomes = runs.read()?;
    }
    let mut table = Table::default();
    outcomes.iter().for_each(|outcome| table.add(outcome));
    println!("\n{} runs of {} instances\n\n{table}", outcomes.len(), config.instances);
    if let Some(folder) = &args.out {
        plot(&outcomes, &table, folder)?;
    }
    Ok(table)
}

fn tell(outcome: &Outcome) {
    let (seed, digest) = (outcome.seed, outcome.digest);
    let count = outcome.windows.iter().map(|window| window.violations).sum::<u64>();
    println!("seed {seed}: {count} violations, digest {digest:016x}");
    for violation in &outcome.violations {
        println!(
            "  seed {} at {}, instance {}: {}",
            violation.seed, violation.at, violation.instance, violation.what
        );
    }
}
