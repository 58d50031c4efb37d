//! What the processes saw, held against what was so.

use std::collections::{BTreeMap, BTreeSet};

use crate::org::Life;
use crate::processes::{Line, Status};
use crate::{MAX_AGE, PROCESSES};

/// What happened under one fault.
pub(crate) struct Record {
    pub(crate) lives: Vec<Life>,
    /// Of each process.
    pub(crate) lines: Vec<Vec<Line>>,
    pub(crate) struck: [u64; 2],
    pub(crate) ended: u64,
    /// The process that the fault befell, and whether it came back.
    pub(crate) victim: Option<(usize, bool)>,
    pub(crate) calls: u64,
    pub(crate) silenced: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) verdicts: u64,
    pub(crate) sources: BTreeMap<String, u64>,
    pub(crate) stale: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) unknown: u64,
    /// The oldest answer that was used, extended ones apart.
    pub(crate) max_age: u64,
    pub(crate) longest: u64,
    pub(crate) calls: u64,
    pub(crate) plan: u64,
    /// Until all have a store, hear a leader, and know more of the log; `None` is never.
    pub(crate) recovery: [Option<u64>; 3],
    pub(crate) revocations: usize,
    /// Of these signals, how many the instance heard that heard fewest.
    pub(crate) heard: usize,
    pub(crate) twice: usize,
    pub(crate) gaps: u64,
}

impl Record {
    pub(crate) fn judge(&self) -> Row {
        let mut row = Row { calls: self.calls, ..Row::default() };
        for line in self.lines.iter().flatten() {
            if let Line::Verdict(seen) = line {
                let life = &self.lives[seen.token];
                row.verdicts += 1;
                *row.sources.entry(seen.source.clone()).or_default() += 1;
                row.longest = row.longest.max(seen.ended - seen.begun);
                let is_active = seen.kind == "active";
                if is_active && seen.source != "extended" {
                    row.max_age = row.max_age.max(seen.age);
                }
                // A check that begins later needs an answer that was asked for after the revocation.
                let bound = life.revoked.map(|[_, after]| after + MAX_AGE.as_micros() as u64);
                let is_too_early = life.revoked.is_none_or(|[before, _]| seen.ended < before);
                match &*seen.kind {
                    "active" if bound.is_some_and(|bound| seen.begun > bound) => {
                        row.stale.push(format!("{life:?} {seen:?}"));
                    }
                    "inactive" if is_too_early => row.wrong.push(format!("{life:?} {seen:?}")),
                    "unknown" => row.unknown += 1,
                    "other" => row.wrong.push(format!("{seen:?}")),
                    _ => {}
                }
            }
        }
        self.signals(&mut row);
        row.recovery = self.recovery();
        row.plan = self.plan(&row);
        row
    }

    fn statuses(&self, process: usize) -> impl Iterator<Item = &Status> {
        self.lines[process].iter().filter_map(|line| match line {
            Line::Status(status) => Some(status),
            _ => None,
        })
    }

    fn signals(&self, row: &mut Row) {
        let ids = |lines: &[Line]| -> Vec<String> {
            let of = |line: &Line| match line {
                Line::Heard { id } => Some(id.clone()),
                _ => None,
            };
            lines.iter().filter_map(of).collect()
        };
        let heard: Vec<_> = self.lines.iter().map(|lines| ids(lines)).collect();
        let sets: Vec<BTreeSet<_>> = heard.iter().map(|ids| ids.iter().collect()).collect();
        row.twice = heard.iter().zip(&sets).map(|(ids, set)| ids.len() - set.len()).sum();
        row.revocations = self.lives.iter().filter(|life| life.revoked.is_some()).count();
        let stays = |process: &usize| {
            self.victim.is_none_or(|(victim, is_back)| is_back || victim != *process)
        };
        let stay = (0..PROCESSES).filter(stays);
        row.heard = stay.map(|process| sets[process].len()).min().unwrap_or_default();
        row.gaps = (0..PROCESSES).filter_map(|it| self.statuses(it).last()).map(|it| it.gaps).sum();
    }

    /// From the fault's end, or from its beginning for those that a leader's fault leaves without one.
    fn recovery(&self) -> [Option<u64>; 3] {
        let mut slowest = [Some(0); 3];
        for process in 0..PROCESSES {
            let is_victim = self.victim.is_some_and(|(victim, _)| victim == process);
            let is_back = self.victim.is_some_and(|(_, is_back)| is_back);
            let since = match (self.victim, is_victim) {
                (Some(_), true) if !is_back => continue,
                (Some(_), false) => self.struck[0],
                _ => self.struck[1],
            };
            let before = self.statuses(process).take_while(|it| it.at <= since).last();
            let (good, covered) = before.map_or((0, 0), |it| (it.good, it.covered));
            let after = |is: &dyn Fn(&Status) -> bool| {
                let first = self.statuses(process).find(|it| it.at > since && is(it))?;
                Some(first.at - since)
            };
            let found = [
                after(&|it| it.good > good),
                after(&|it| it.heard > since),
                after(&|it| it.covered > covered.max(since.saturating_sub(1_000_000))),
            ];
            for (slowest, found) in slowest.iter_mut().zip(found) {
                *slowest = slowest.zip(found).map(|(one, other)| one.max(other));
            }
        }
        slowest
    }

    /// Calls for a fleet that shares, and what is asked for beside that where it cannot.
    fn plan(&self, row: &Row) -> u64 {
        let interval = 0.9 * MAX_AGE.as_micros() as f64;
        let until = |life: &Life| life.dropped.unwrap_or(self.ended);
        let lived: f64 =
            self.lives.iter().map(|life| (until(life) - life.issued) as f64 / interval).sum();
        let others = PROCESSES as f64 - 1.0;
        let alone = if self.silenced {
            let back = row.recovery[0].unwrap_or(self.ended - self.struck[1]);
            let end = self.struck[1] + back;
            let within =
                |life: &Life| until(life).min(end).saturating_sub(life.issued.max(self.struck[0]));
            let periods = |life: &Life| (within(life) as f64 / interval).ceil();
            others * self.lives.iter().map(periods).sum::<f64>()
        } else {
            0.0
        };
        // Each token when it is new; by all when it is revoked, since no instance takes an answer that was
        // asked for before it heard of that; and all tokens after a gap or a loss.
        let alive = self
            .lives
            .iter()
            .filter(|it| it.issued < self.struck[0] && until(it) > self.struck[1])
            .count();
        let again = alive as f64 * (1.0 + row.gaps as f64);
        (lived + (self.lives.len() + PROCESSES * row.revocations) as f64 + alone + again) as u64
    }
}
