//! A fleet under steady load, while something fails and tokens are revoked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::faults::{Engine, Fault};
use crate::judge::{Record, Row};
use crate::org::{Life, Org};
use crate::processes::{Process, until};
use crate::{MAX_AGE, PROCESSES, micros};

/// How many tokens are in use at a time.
const TOKENS: usize = 40;

/// A token is revoked so often.
const EACH: Duration = Duration::from_millis(700);

/// For how long a token is checked after it was revoked.
const AFTER: Duration = Duration::from_secs(10);

/// Two leases of the leader.
const RECOVERY: Duration = Duration::from_secs(12);

pub(crate) const HEAD: &str = "\
| fault | checks | stale | wrong | unknown | oldest answer s | longest check ms | calls | plan | store back s | leader heard s | log goes on s | revoked | heard | twice | gaps | sources |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

struct Fleet {
    org: Org,
    processes: Vec<Process>,
    lives: Mutex<Vec<Life>>,
}

impl Fleet {
    fn tell(&self, line: &str) {
        self.processes.iter().for_each(|process| process.tell(line));
    }

    fn issue(&self) {
        let mut lives = self.lives.lock().unwrap();
        let life = self.org.issue();
        self.tell(&format!("load {} {}", lives.len(), life.text));
        lives.push(life);
    }

    /// Revokes the oldest token that is not, and lets a new one take its place.
    fn turn(&self) {
        let oldest = |life: &&mut Life| life.revoked.is_none();
        if let Some(life) = self.lives.lock().unwrap().iter_mut().find(oldest) {
            self.org.revoke(life);
        }
        self.issue();
    }

    /// No more of those that were revoked long ago.
    fn drop_old(&self) {
        let now = micros();
        for (index, life) in self.lives.lock().unwrap().iter_mut().enumerate() {
            let is_old =
                life.revoked.is_some_and(|[_, after]| after + (AFTER.as_micros() as u64) < now);
            if is_old && life.dropped.is_none() {
                life.dropped = Some(now);
                self.tell(&format!("drop {index}"));
            }
        }
    }

    /// Once all have a store, and hear a leader that has begun to read the log.
    async fn is_settled(&self) {
        let is = |process: &Process| {
            process.status().is_some_and(|it| it.good > 0 && it.heard > 0 && it.covered > 0)
        };
        until("a fleet that has a leader", Duration::from_secs(40), || {
            self.processes.iter().all(is)
        })
        .await;
    }

    fn leader(&self) -> Option<usize> {
        self.processes.iter().position(|process| process.status().is_some_and(|it| it.leads))
    }
}

pub(crate) async fn under(
    name: &str,
    fault: Fault,
    is_quick: bool,
) -> Result<bool, Box<dyn std::error::Error>> {
    let (org, mut engine) = (Org::start().await?, Engine::start(fault).await?);
    let start = |at: usize| Process::start(&org, &engine.url(), 1, at >= PROCESSES / 2);
    let processes = (0..PROCESSES).map(start).collect();
    let fleet = Arc::new(Fleet { org, processes, lives: Mutex::default() });
    fleet.tell("signals");
    (0..TOKENS).for_each(|_| fleet.issue());
    fleet.is_settled().await;
    let own = Arc::clone(&fleet);
    let turns = tokio::spawn(async move {
        loop {
            own.turn();
            own.drop_old();
            sleep(EACH).await;
        }
    });
    // A store that was gone for long is left alone for some seconds more.
    let [before, after] = match fault {
        _ if is_quick => [2, 10],
        Fault::Paused => [6, 35],
        _ => [6, 15],
    };
    sleep(Duration::from_secs(before)).await;
    until("a leader", Duration::from_secs(20), || fleet.leader().is_some()).await;
    let leader = fleet.leader().expect("there is one");
    let struck = engine.strike(fault, &fleet.processes[leader]).await;
    if matches!(fault, Fault::ClockAhead | Fault::ClockBack) {
        assert!(engine.clock_offset().abs() > 3500, "its clock was stepped");
    }
    sleep(Duration::from_secs(after)).await;
    turns.abort();
    // What was revoked last is to be heard, too.
    sleep(Duration::from_secs(4)).await;
    let lives = fleet.lives.lock().unwrap().clone();
    let record = Record {
        calls: fleet.org.asked(&lives).iter().sum(),
        lives,
        lines: fleet.processes.iter().map(Process::lines).collect(),
        struck,
        ended: micros(),
        victim: fault.is_of_the_leader().then_some((leader, fault == Fault::LeaderPaused)),
        silenced: !matches!(fault, Fault::Nothing | Fault::Trimmed) && !fault.is_of_the_leader(),
    };
    Ok(report(name, &record.judge()))
}

fn report(name: &str, row: &Row) -> bool {
    let seconds = |micros: u64| format!("{:.1}", micros as f64 / 1e6);
    let [store, heard, covered] =
        row.recovery.map(|it| it.map_or_else(|| "never".to_owned(), seconds));
    let sources: Vec<_> =
        row.sources.iter().map(|(source, count)| format!("{source} {count}")).collect();
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {store} | {heard} | {covered} | {} | {} | {} | {} | {} |",
        row.verdicts,
        row.stale.len(),
        row.wrong.len(),
        row.unknown,
        seconds(row.max_age),
        row.longest / 1000,
        row.calls,
        row.plan,
        row.revocations,
        row.heard,
        row.twice,
        row.gaps,
        sources.join(", "),
    );
    for (what, lines) in [("STALE", &row.stale), ("WRONG", &row.wrong)] {
        lines.iter().take(5).for_each(|line| println!("{what}: {line}"));
    }
    let recovery = RECOVERY.as_micros() as u64;
    let is_back = row.recovery[..2].iter().all(|it| it.is_some_and(|it| it <= recovery));
    let is_young = row.max_age <= MAX_AGE.as_micros() as u64;
    let is_good = row.stale.is_empty() && row.wrong.is_empty() && row.unknown == 0 && is_young;
    is_good && is_back && row.calls <= row.plan && row.twice == 0
}
