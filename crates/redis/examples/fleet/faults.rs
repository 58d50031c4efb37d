//! What happens to Redis, to the network and to the leader.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use crate::micros;
use crate::processes::{Process, until};
use crate::relay::Relay;
use crate::server::{Server, has};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Nothing,
    Killed,
    Paused,
    Flushed,
    FailedOver,
    Trimmed,
    ClockAhead,
    ClockBack,
    Lossy,
    LeaderPaused,
    LeaderKilled,
}

/// What steps the clock of a server that it is preloaded into.
const CLOCK: &str = include_str!("clock.c");

const HELD_UP: Duration = Duration::from_secs(30);

impl Fault {
    pub(crate) const ALL: [(&str, Self); 11] = [
        ("nothing", Self::Nothing),
        ("killed", Self::Killed),
        ("paused", Self::Paused),
        ("flushed", Self::Flushed),
        ("failed-over", Self::FailedOver),
        ("trimmed", Self::Trimmed),
        ("clock-ahead", Self::ClockAhead),
        ("clock-back", Self::ClockBack),
        ("lossy", Self::Lossy),
        ("leader-paused", Self::LeaderPaused),
        ("leader-killed", Self::LeaderKilled),
    ];

    /// Those that `./tests/all` can wait for.
    pub(crate) const QUICK: [&str; 2] = ["killed", "leader-killed"];

    pub(crate) fn is_of_the_leader(self) -> bool {
        matches!(self, Self::LeaderPaused | Self::LeaderKilled)
    }

    fn needs_clock(self) -> bool {
        matches!(self, Self::ClockAhead | Self::ClockBack)
    }

    /// Whether it can be tried here; says so if not.
    pub(crate) fn is_possible(self, name: &str) -> bool {
        !self.needs_clock() || has("cc", name)
    }
}

/// Redis, and what leads to it.
pub(crate) struct Engine {
    server: Server,
    replica: Option<Server>,
    clock: PathBuf,
    _folder: tempfile::TempDir,
    pub(crate) relay: Relay,
}

impl Engine {
    pub(crate) async fn start(fault: Fault) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let clock = folder.path().join("clock");
        std::fs::write(&clock, 0_i32.to_ne_bytes())?;
        let program = match fault.needs_clock() {
            true => with_clock(folder.path(), &clock)?,
            false => "redis-server".to_owned(),
        };
        let server = Server::of(&program, &["--maxclients 4000"]);
        let replica = (fault == Fault::FailedOver).then(|| {
            let of = format!("--replicaof 127.0.0.1 {}", server.port);
            Server::of("redis-server", &[&of, "--repl-diskless-sync-delay 0"])
        });
        if let Some(replica) = &replica {
            let is_there = || replica.info("master_link_status") == "up";
            until("the replica", Duration::from_secs(20), is_there).await;
        }
        let relay = Relay::start(server.port).await?;
        Ok(Self { server, replica, clock, _folder: folder, relay })
    }

    /// The address of the relay.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.relay.port)
    }

    /// The address of the server itself.
    pub(crate) fn direct(&self) -> String {
        self.server.url()
    }

    /// Lets it happen. Gives the times between which it did.
    pub(crate) async fn strike(&mut self, fault: Fault, leader: &Process) -> [u64; 2] {
        let begun = micros();
        match fault {
            Fault::Nothing => {}
            Fault::Killed => {
                self.server.kill();
                sleep(Duration::from_secs(3)).await;
                self.server.start_again();
            }
            Fault::Paused => {
                self.server.signal(Signal::STOP);
                sleep(HELD_UP).await;
                self.server.signal(Signal::CONT);
            }
            Fault::Flushed => assert_eq!(self.server.run(&["FLUSHALL"]), "OK"),
            Fault::FailedOver => self.fail_over().await,
            Fault::Trimmed => self.trim().await,
            Fault::ClockAhead => self.step(3600),
            Fault::ClockBack => self.step(-3600),
            Fault::Lossy => {
                self.relay.set_lossy(true);
                sleep(Duration::from_secs(20)).await;
                self.relay.set_lossy(false);
            }
            Fault::LeaderPaused => {
                leader.signal(Signal::STOP);
                sleep(HELD_UP).await;
                leader.signal(Signal::CONT);
            }
            Fault::LeaderKilled => leader.signal(Signal::KILL),
        }
        [begun, micros()]
    }

    /// What is written in the last second is lost.
    async fn fail_over(&mut self) {
        let replica = self.replica.as_ref().expect("there is one");
        assert_eq!(replica.run(&["REPLICAOF", "NO", "ONE"]), "OK");
        sleep(Duration::from_secs(1)).await;
        self.server.kill();
        self.relay.lead_to(replica.port);
    }

    /// Sets its clock so many seconds off. In place: the server has mapped the file.
    fn step(&self, seconds: i32) {
        let file = std::fs::OpenOptions::new().write(true).open(&self.clock).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// All of the stream is gone, again and again.
    async fn trim(&self) {
        let stream = self.server.run(&["KEYS", "oi1:*:s:*"]);
        assert!(!stream.is_empty(), "there is a stream");
        for _ in 0..10 {
            self.server.run(&["XTRIM", &stream, "MAXLEN", "0"]);
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// How far its clock is from this computer's, in seconds.
    pub(crate) fn clock_offset(&self) -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let time = self.server.run(&["TIME"]);
        time.lines().next().unwrap().parse::<i64>().unwrap() - now.as_secs() as i64
    }
}

/// A program that starts Redis with a clock that is as a file says.
fn with_clock(folder: &Path, clock: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let [source, library, script] =
        ["clock.c", "clock.so", "redis-server"].map(|it| folder.join(it));
    std::fs::write(&source, CLOCK)?;
    let arguments = ["-shared", "-fPIC", "-O1", "-o"];
    let status = Command::new("cc").args(arguments).arg(&library).arg(&source).status()?;
    assert!(status.success(), "the clock compiles");
    let [library, clock] = [&*library, clock].map(|path| path.display().to_string());
    let text =
        format!("#!/bin/sh\nLD_PRELOAD={library} CLOCK_OFFSET={clock} exec redis-server \"$@\"\n");
    std::fs::write(&script, text)?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(script.display().to_string())
}
