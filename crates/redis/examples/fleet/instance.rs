//! A process with instances, told by its standard input what to check. What it sees it writes to its standard
//! output, a line each; it ends with its input.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufWriter, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use okta_introspect::checker::{AnswerSource, Checker, CheckerConfig, Reason, SignalMode, Verdict};
use okta_introspect::shared::{Shared, SharedSecret};
use okta_introspect::signals::{Applied, Feed, SharedSignals, SystemLog};
use okta_introspect::{Client, Error, Issuer, KeyOptions, Requirement, Scopes, SigningKey};
use okta_introspect_redis::RedisStore;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until};

use crate::{CLIENT_ID, micros};

/// From one check of a token to the next, under steady load.
const EACH: Duration = Duration::from_millis(250);

/// What the first line says.
struct Settings {
    issuer: String,
    store: String,
    key: String,
    instances: usize,
    max_age: Duration,
    is_extended: bool,
}

impl Settings {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ').map(str::to_owned);
        Some(Self {
            issuer: words.next()?,
            store: words.next()?,
            key: words.next()?,
            instances: words.next()?.parse().ok()?,
            max_age: Duration::from_millis(words.next()?.parse().ok()?),
            is_extended: words.next()? == "extended",
        })
    }
}

struct Instance {
    client: Client,
    shared: Shared,
    checker: Checker,
    requirement: Requirement,
}

impl Instance {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let key = SigningKey::from_file(Path::new(&settings.key), &KeyOptions::default())?;
        let secret = SharedSecret::of_key(&key)?;
        let client = Client::builder(Issuer::parse(&settings.issuer)?, CLIENT_ID, key).build()?;
        let shared =
            Shared::builder(RedisStore::builder(&settings.store).build()?, secret).build()?;
        let mut config = CheckerConfig::default();
        config.max_age = settings.max_age;
        config.signals = if settings.is_extended { SignalMode::Extend } else { SignalMode::Purge };
        let checker = Checker::builder(client.clone()).shared(&shared).config(config).build()?;
        let requirement = Requirement::new();
        let requirement = if settings.is_extended { requirement.extended() } else { requirement };
        Ok(Self { client, shared, checker, requirement })
    }

    fn signals(&self, lines: &Sender<String>) -> Result<SharedSignals, Error> {
        let lines = Mutex::new(lines.clone());
        let feed = Feed::builder([self.checker.clone()]).on_signal(move |signal, applied| {
            if applied == Applied::New {
                let _ = lines.lock().unwrap().send(format!("s {} {}", micros(), signal.id));
            }
        });
        let feed = feed.build();
        let logs = self.client.resource(Scopes::parse(SystemLog::SCOPE)?);
        let log =
            SystemLog::builder(logs, feed.clone()).interval(Duration::from_secs(1)).build()?;
        Ok(SharedSignals::builder(&self.shared, &feed, self.client.issuer()).log(log).start())
    }

    /// Looks that the store answered.
    fn uses(&self) -> u64 {
        let looks = self.shared.metrics().looks;
        looks.values().sum::<u64>() - looks["failed"] - looks["circuit_open"]
    }

    /// Checks once, and says what came of it.
    async fn check(&self, index: usize, token: &str) -> String {
        let begun = micros();
        let result = self.checker.check(token, &self.requirement).await;
        let ended = micros();
        let (kind, age, source) = match &result {
            Ok(Verdict::Authorized(it)) => ("active", Some(it.age()), Some(it.source())),
            Ok(Verdict::Denied(it)) if *it.reason() == Reason::Inactive => {
                ("inactive", it.age(), it.source())
            }
            Ok(_) => ("other", None, None),
            Err(_) => ("unknown", None, None),
        };
        let age = age.unwrap_or_default().as_micros();
        let source = source.map_or("none", AnswerSource::as_str);
        format!("v {begun} {ended} {index} {kind} {age} {source}")
    }
}

/// Does as it is told, until its input ends.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = std::io::stdin().lock().lines();
    let settings = input.next().ok_or("no settings")??;
    let settings = Settings::parse(&settings).ok_or("settings that cannot be read")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let (lines, written) = mpsc::channel();
    std::thread::spawn(move || write(&written));
    let instances: Result<Vec<_>, _> =
        (0..settings.instances).map(|_| Instance::new(&settings).map(Arc::new)).collect();
    let mut process = Process {
        instances: instances?,
        lines,
        tokens: Vec::new(),
        load: BTreeMap::new(),
        signals: Vec::new(),
    };
    for line in input {
        process.carry_out(&line?)?;
    }
    // Whatever is under way ends with the process.
    std::process::exit(0)
}

fn write(lines: &Receiver<String>) {
    let mut output = BufWriter::new(std::io::stdout());
    while let Ok(line) = lines.recv() {
        let more = std::iter::once(line).chain(lines.try_iter().take(1000));
        for line in more {
            let _ = writeln!(output, "{line}");
        }
        let _ = output.flush();
    }
}

struct Process {
    instances: Vec<Arc<Instance>>,
    lines: Sender<String>,
    tokens: Vec<String>,
    load: BTreeMap<usize, JoinHandle<()>>,
    signals: Vec<SharedSignals>,
}

impl Process {
    fn carry_out(&mut self, line: &str) -> Result<(), Box<dyn std::error::Error>> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["token", text] => self.tokens.push(text.to_owned()),
            ["warm", text] => self.warm(text),
            ["cold", pace] => self.cold(Duration::from_millis(pace.parse()?)),
            ["signals"] => self.follow()?,
            ["load", index, text] => self.load(index.parse()?, text),
            ["drop", index] => {
                if let Some(task) = self.load.remove(&index.parse()?) {
                    task.abort();
                }
            }
            _ => return Err("a command that is not known".into()),
        }
        Ok(())
    }

    /// Uses the store until all instances have a connection and know its time.
    fn warm(&self, text: &str) {
        let (instances, lines, text) =
            (self.instances.clone(), self.lines.clone(), text.to_owned());
        Handle::current().spawn(async move {
            for instance in &instances {
                while instance.uses() == 0 {
                    // An answer in the cache would keep it from looking.
                    let now = Requirement::new().max_age(Duration::from_millis(1));
                    let _ = instance.checker.check(text.as_str(), &now).await;
                    sleep(Duration::from_millis(20)).await;
                }
            }
            let _ = lines.send("ready".to_owned());
        });
    }

    /// All instances check all tokens in the same order and at the same times, as soon as they can at that.
    fn cold(&self, pace: Duration) {
        let tokens: Arc<[String]> = self.tokens.clone().into();
        let mut tasks = Vec::new();
        let begun = tokio::time::Instant::now();
        for instance in &self.instances {
            let (instance, tokens) = (Arc::clone(instance), Arc::clone(&tokens));
            tasks.push(Handle::current().spawn(async move {
                let mut counts = BTreeMap::<String, u64>::new();
                for (index, token) in tokens.iter().enumerate() {
                    sleep_until(begun + pace * index as u32).await;
                    let line = instance.check(index, token).await;
                    let mut words = line.split(' ').skip(4);
                    let what = [words.next(), words.nth(1)].map(Option::unwrap_or_default);
                    *counts.entry(what.join("/")).or_default() += 1;
                }
                counts
            }));
        }
        let (instances, lines) = (self.instances.clone(), self.lines.clone());
        Handle::current().spawn(async move {
            for task in tasks {
                for (what, count) in task.await.unwrap() {
                    let _ = lines.send(format!("c {what} {count}"));
                }
            }
            for instance in &instances {
                let metrics = instance.shared.metrics();
                for (of, counts) in
                    [("look", metrics.looks), ("claim", metrics.claims), ("put", metrics.puts)]
                {
                    for (what, count) in counts {
                        let _ = lines.send(format!("c {of}:{what} {count}"));
                    }
                }
            }
            let _ = lines.send("done".to_owned());
        });
    }

    /// Hears signals, and says how it is doing five times a second.
    fn follow(&mut self) -> Result<(), Error> {
        for instance in &self.instances {
            let signals = instance.signals(&self.lines)?;
            let (metrics, lines) = (signals.metrics(), self.lines.clone());
            self.signals.push(signals);
            let instance = Arc::clone(instance);
            Handle::current().spawn(async move {
                let at = |now: u64, age: Option<Duration>| {
                    age.map_or(0, |age| now.saturating_sub(age.as_micros() as u64))
                };
                loop {
                    let (now, status, good) = (micros(), metrics.status(), instance.uses());
                    let (heard, covered) = (at(now, status.heard_age), at(now, status.lag));
                    let (leads, gaps) = (u8::from(status.leads), status.gaps);
                    let _ = lines.send(format!("m {now} {leads} {heard} {covered} {gaps} {good}"));
                    sleep(Duration::from_millis(200)).await;
                }
            });
        }
        Ok(())
    }

    /// Checks a token again and again.
    fn load(&mut self, index: usize, text: &str) {
        let instance = Arc::clone(&self.instances[0]);
        let (lines, text) = (self.lines.clone(), text.to_owned());
        let task = Handle::current().spawn(async move {
            loop {
                let _ = lines.send(instance.check(index, &text).await);
                sleep(EACH).await;
            }
        });
        self.load.insert(index, task);
    }
}
