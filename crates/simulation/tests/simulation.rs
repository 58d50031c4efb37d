//! A few seeds with few instances. Longer runs are made by the command.

use std::time::Duration;

use okta_introspect_simulation::{Config, Outcome, Runs, Table, run};

/// A quarter of an hour.
fn quick() -> Config {
    let mut config = Config::new(40);
    config.length = Duration::from_secs(900);
    config.checks = 6.0;
    config
}

#[test]
fn no_fault_makes_an_answer_older_than_the_contract_allows() {
    let mut table = Table::default();
    for seed in 1..=3 {
        let outcome = run(&quick(), seed).unwrap();
        let told: Vec<_> = outcome.violations.iter().map(|it| format!("{it:?}")).collect();
        table.add(&outcome);
        assert!(told.is_empty(), "{}\n{table}", told.join("\n"));
        for window in &outcome.windows[1..] {
            let heard = window.recovery;
            let in_time = heard.is_some_and(|heard| heard <= Duration::from_secs(12));
            assert!(in_time, "seed {seed}, {}: the log is heard after {heard:?}", window.name);
        }
    }
    assert!(table.worst_ratio() <= 1.0, "more calls than are planned:\n{table}");
}

#[test]
fn a_seed_is_a_run() {
    let config = {
        let mut config = quick();
        (config.instances, config.length) = (10, Duration::from_secs(600));
        config
    };
    let (first, second) = (run(&config, 7).unwrap(), run(&config, 7).unwrap());
    assert_eq!(first, second);
    assert_ne!(first.digest, run(&config, 8).unwrap().digest);
}

#[test]
fn runs_of_several_processes_are_one_table() {
    let (folder, mut config) = (tempfile::tempdir().unwrap(), quick());
    (config.instances, config.length) = (5, Duration::from_secs(120));
    let (one, other) = (Runs::open(folder.path(), &config), Runs::open(folder.path(), &config));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.read().unwrap().is_empty());
    let runs = [1, 2].map(|seed| run(&config, seed).unwrap());
    other.add(&runs[1]).unwrap();
    one.add(&runs[0]).unwrap();
    // As two do that begin with one seed.
    other.add(&runs[0]).unwrap();
    let table = |outcomes: &[Outcome]| {
        let mut table = Table::default();
        outcomes.iter().for_each(|outcome| table.add(outcome));
        let digests: Vec<_> = outcomes.iter().map(|it| (it.seed, it.digest)).collect();
        (table.to_string(), digests)
    };
    assert_eq!(table(&one.read().unwrap()), table(&runs));
    config.checks += 1.0;
    let wrong = Runs::open(folder.path(), &config).unwrap().read().unwrap_err().to_string();
    assert!(wrong.contains("line 1 of") && wrong.contains("give another folder"), "{wrong}");
    let path = folder.path().join("runs.jsonl");
    let cut = std::fs::read(&path).unwrap();
    std::fs::write(&path, &cut[..cut.len() - 9]).unwrap();
    let wrong = one.read().unwrap_err().to_string();
    assert!(wrong.contains("line 3 of") && wrong.contains("is no run; remove it"), "{wrong}");
}
