//! The processes with instances: started, told what to do, held up, resumed and ended.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::org::Org;
use crate::{MAX_AGE, micros};

/// What a process wrote.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Verdict(Seen),
    Status(Status),
    /// A signal that was new to it.
    Heard {
        id: String,
    },
    /// How often something was.
    Count {
        what: String,
        count: u64,
    },
    Done,
}

/// What came of a check: when it began and when it had a verdict, of which token, and of what age.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) token: usize,
    pub(crate) kind: String,
    pub(crate) age: u64,
    pub(crate) source: String,
}

/// How an instance was doing.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) at: u64,
    pub(crate) leads: bool,
    /// When a leader was last heard, and up to when all is known; 0 is never.
    pub(crate) heard: u64,
    pub(crate) covered: u64,
    pub(crate) gaps: u64,
    /// Looks that the store answered.
    pub(crate) good: u64,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words.get(at)?.parse::<u64>().ok();
        Some(match words[0] {
            "v" => Self::Verdict(Seen {
                begun: number(1)?,
                ended: number(2)?,
                token: words[3].parse().ok()?,
                kind: words[4].to_owned(),
                age: number(5)?,
                source: words[6].to_owned(),
            }),
            "m" => Self::Status(Status {
                at: number(1)?,
                leads: number(2)? == 1,
                heard: number(3)?,
                covered: number(4)?,
                gaps: number(5)?,
                good: number(6)?,
            }),
            "s" => Self::Heard { id: words[2].to_owned() },
            "c" => Self::Count { what: words[1].to_owned(), count: number(2)? },
            "done" | "ready" => Self::Done,
            _ => return None,
        })
    }
}

pub(crate) struct Process {
    child: Child,
    input: Mutex<Option<ChildStdin>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Process {
    pub(crate) fn start(org: &Org, store: &str, instances: usize, is_extended: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("instance")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = Mutex::new(child.stdin.take());
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<Line>>>::default();
        let own = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = Line::parse(&line).unwrap_or_else(|| panic!("a line: {line}"));
                own.lock().unwrap().push(line);
            }
        });
        let process = Self { child, input, lines };
        let mode = if is_extended { "extended" } else { "plain" };
        let (key, age) = (org.key(), MAX_AGE.as_millis());
        process.tell(&format!(
            "{} {store} {} {instances} {age} {mode}",
            org.issuer(),
            key.display()
        ));
        process
    }

    /// Tells it something, if it is there.
    pub(crate) fn tell(&self, line: &str) {
        if let Some(input) = &mut *self.input.lock().unwrap() {
            let _ = writeln!(input, "{line}");
        }
    }

    /// Waits until it has said `done` so many times.
    pub(crate) async fn done(&self, times: usize, within: Duration) {
        let is_done = |lines: &[Line]| {
            lines.iter().filter(|line| matches!(line, Line::Done)).count() >= times
        };
        until("a process to be done", within, || is_done(&self.lines.lock().unwrap())).await;
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.lines.lock().unwrap().iter().rev().find_map(|line| match line {
            Line::Status(status) => Some(status.clone()),
            _ => None,
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition is true, and fails in the end.
pub(crate) async fn until(what: &str, within: Duration, mut is_true: impl FnMut() -> bool) {
    let end = micros() + within.as_micros() as u64;
    while !is_true() {
        assert!(micros() < end, "waited in vain for {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
