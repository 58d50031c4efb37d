//! A whole life, in injected time.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chrono::DateTime;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use okta_introspect::ManualClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::task::yield_now;

use super::*;
use crate::listen::{Limits, Socket};

const SECOND: Duration = Duration::from_secs(1);

struct Living {
    clock: ManualClock,
    signals: Sender<Signal>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    address: std::net::SocketAddr,
    file: PathBuf,
    folder: tempfile::TempDir,
    told: Arc<Mutex<Vec<String>>>,
    loads: Arc<AtomicUsize>,
    left: JoinHandle<usize>,
}

impl Living {
    /// With a configuration that is good unless it is `bad`, and a bug if it is `bug`.
    async fn new(watchdog: Option<Duration>) -> Self {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let (metrics, readiness) = (Metrics::new([]), Readiness::new());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let servers = Servers::new(Limits::default(), Arc::clone(&shared), Arc::clone(&metrics));
        let socket = Socket::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.address().unwrap();
        let service = |request: Request<Incoming>, _| async move {
            if request.uri().path() == "/never" {
                std::future::pending::<()>().await;
            }
            Response::new(Full::new(Bytes::new()))
        };
        servers.serve("authz", socket, None, service).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unix = Socket::unix(&folder.path().join("authz.sock"), 0o600).await.unwrap();
        servers.serve("authz", unix, None, service).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let manager = Manager::new(
            move |state| {
                hears.lock().unwrap().extend(state.iter().map(ToString::to_string));
                Ok(())
            },
            watchdog,
        );
        let file = folder.path().join("serve.yaml");
        fs::write(&file, "good").unwrap();
        readiness.configured();
        readiness.answered();
        let life = Life::new(shared, servers, readiness.clone(), Arc::clone(&metrics), manager);
        let (signals, received) = Signals::channel();
        let loads = Arc::new(AtomicUsize::new(0));
        let (path, count) = (file.clone(), Arc::clone(&loads));
        let load = move || {
            let (path, count) = (path.clone(), Arc::clone(&count));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                let content = fs::read_to_string(&path).unwrap_or_default();
                assert_ne!(content, "bug");
                if content == "changes while it is loaded" {
                    let new = path.with_extension("new");
                    fs::write(&new, "good").unwrap();
                    fs::rename(new, &path).unwrap();
                }
                let result = match content == "bad" {
                    true => Err(vec![Fault::new("bad").at("line 1")]),
                    false => Ok(()),
                };
                Loaded { files: vec![path], result }
            }
        };
        let left = tokio::spawn(life.run(received, Watch::new([file.clone()]), load));
        let living =
            Self { clock, signals, readiness, metrics, address, file, folder, told, loads, left };
        living.hears("READY=1", 1).await;
        living
    }

    fn told(&self, what: &str) -> usize {
        let told = self.told.lock().unwrap();
        told.iter().filter(|told| told.starts_with(what)).count()
    }

    /// Waits until systemd has been told this so often.
    async fn hears(&self, what: &str, times: usize) {
        while self.told(what) < times {
            yield_now().await;
        }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    fn replace(&self, content: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// Asks on a connection of its own.
    async fn ask(&self, path: &str) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }
}

#[test_support::test]
async fn the_end_is_announced_then_served_through_then_finished() {
    let living = Living::new(None).await;
    assert_eq!(living.readiness.obstacle(), None);
    living.signals.send(Signal::Stop).await.unwrap();
    living.hears("STOPPING=1", 1).await;
    assert_eq!(living.readiness.obstacle(), Some("draining"));
    living.clock.advance(5 * SECOND - Duration::from_millis(1));
    let mut answer = String::new();
    living.ask("/").await.unwrap().read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(!living.left.is_finished());
    living.clock.advance(Duration::from_millis(1));
    assert_eq!(living.left.await.unwrap(), 0);
    TcpStream::connect(living.address).await.unwrap_err();
}

#[test_support::test]
async fn what_does_not_finish_is_cut_off_after_ten_seconds_more() {
    let living = Living::new(None).await;
    let mut stream = living.ask("/never").await.unwrap();
    while living.metrics.listener("authz").connections() == 0 {
        yield_now().await;
    }
    living.signals.send(Signal::Stop).await.unwrap();
    living.hears("STOPPING=1", 1).await;
    living.clock.advance(5 * SECOND);
    while TcpStream::connect(living.address).await.is_ok() {
        yield_now().await;
    }
    assert!(!living.left.is_finished());
    living.clock.advance(10 * SECOND);
    assert_eq!(living.left.await.unwrap(), 1);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[test_support::test]
async fn further_signals_to_end_cut_each_step_short() {
    let living = Living::new(None).await;
    let _stream = living.ask("/never").await.unwrap();
    while living.metrics.listener("authz").connections() == 0 {
        yield_now().await;
    }
    for _ in 0..3 {
        living.signals.send(Signal::Stop).await.unwrap();
    }
    assert_eq!(living.left.await.unwrap(), 1);
    assert_eq!(living.clock.elapsed(), Duration::ZERO);
}

#[test_support::test]
async fn a_signal_loads_the_configuration_and_systemd_hears_of_both_ends() {
    let living = Living::new(None).await;
    living.clock.advance(SECOND);
    living.signals.send(Signal::Reload).await.unwrap();
    living.hears("READY=1", 2).await;
    let told = living.told.lock().unwrap().clone();
    assert_eq!(told[0..3], ["READY=1", "STATUS=serving", "RELOADING=1"]);
    let since_boot = told[3].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(since_boot.parse::<u64>().unwrap() > 0);
    assert_eq!(told[4..], ["READY=1", "STATUS=serving"]);
    assert_eq!((living.loads(), living.metrics.reload_failures()), (1, 0));
}

#[test_support::test]
async fn a_file_that_changed_is_loaded_at_the_next_look() {
    let living = Living::new(None).await;
    living.replace("better");
    living.clock.advance(2 * SECOND);
    living.hears("READY=1", 2).await;
    assert_eq!(living.loads(), 1);
    // What is unchanged is not loaded.
    living.clock.advance(2 * SECOND);
    living.signals.send(Signal::Reload).await.unwrap();
    living.hears("READY=1", 3).await;
    assert_eq!(living.loads(), 2);
}

#[test_support::test]
async fn what_a_signal_has_loaded_is_not_loaded_again_at_the_looks_after_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut watch = Watch::new([file.path().to_owned()]);
    for content in ["better", "better still"] {
        // In place, as an editor may do it.
        fs::write(file.path(), content).unwrap();
        for is_asked_for in [true, false, false] {
            let (looked, is_due) = look(watch, is_asked_for).await;
            assert_eq!(is_due, is_asked_for, "{content}");
            watch = looked;
        }
    }
}

#[test_support::test]
async fn a_bad_file_counts_once_and_the_next_good_one_is_taken() {
    let living = Living::new(None).await;
    for (content, failures) in [("bad", 1), ("bug", 2), ("good again", 2)] {
        let before = living.told("READY=1");
        living.replace(content);
        living.clock.advance(2 * SECOND);
        living.hears("READY=1", before + 1).await;
        assert_eq!(living.metrics.reload_failures(), failures, "{content}");
        assert_eq!(living.readiness.obstacle(), None, "{content}");
    }
    assert_eq!(living.loads(), 3);
}

#[test_support::test]
async fn a_change_while_the_file_is_loaded_is_not_missed() {
    let living = Living::new(None).await;
    living.replace("changes while it is loaded");
    living.signals.send(Signal::Reload).await.unwrap();
    living.hears("READY=1", 2).await;
    living.clock.advance(2 * SECOND);
    living.hears("READY=1", 3).await;
    assert_eq!(living.loads(), 2);
}

#[test_support::test]
async fn a_unix_socket_that_was_removed_or_replaced_is_told_once_and_makes_it_not_ready() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let writer = Arc::new(log.reopen().unwrap());
    let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let living = Living::new(None).await;
    let (socket, away) =
        (living.folder.path().join("authz.sock"), living.folder.path().join("away"));
    let looks = async |obstacle| {
        living.clock.advance(2 * SECOND);
        while living.readiness.obstacle() != obstacle {
            yield_now().await;
        }
    };
    let lost = Some("the file of a unix socket was removed or replaced");
    fs::rename(&socket, &away).unwrap();
    looks(lost).await;
    let _another = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // A signal is a look as well.
    living.signals.send(Signal::Reload).await.unwrap();
    living.hears("READY=1", 2).await;
    assert_eq!(living.readiness.obstacle(), lost);
    let said = fs::read_to_string(log.path()).unwrap();
    let of_it: Vec<_> = said.lines().filter(|line| line.contains("authz.sock")).collect();
    assert!(of_it.len() == 1 && of_it[0].contains("ERROR"), "{said}");
    fs::rename(&away, &socket).unwrap();
    looks(None).await;
}

#[test_support::test]
async fn the_watchdog_hears_at_half_its_time() {
    let living = Living::new(Some(10 * SECOND)).await;
    for times in 1..=3 {
        living.clock.advance(5 * SECOND - Duration::from_millis(1));
        // Meanwhile everything that is ready runs.
        living.signals.send(Signal::Reload).await.unwrap();
        living.hears("READY=1", times + 1).await;
        assert_eq!(living.told("WATCHDOG=1"), times - 1);
        living.clock.advance(Duration::from_millis(1));
        living.hears("WATCHDOG=1", times).await;
        assert_eq!(living.told("WATCHDOG=1"), times);
    }
    living.signals.send(Signal::Stop).await.unwrap();
    living.hears("STOPPING=1", 1).await;
    living.clock.advance(5 * SECOND);
    assert_eq!(living.left.await.unwrap(), 0);
}

#[test_support::test]
async fn a_request_to_reload_that_comes_while_the_end_is_waited_for_is_kept() {
    let (sender, mut signals) = Signals::channel();
    for signal in [Signal::Reload, Signal::Reload, Signal::Stop, Signal::Stop] {
        sender.send(signal).await.unwrap();
    }
    signals.stop().await;
    assert_eq!(signals.next().await, Signal::Reload);
    assert_eq!(signals.next().await, Signal::Stop, "one load is enough for both");
}

#[test_support::test]
async fn the_signals_of_the_process_are_handled() {
    use rustix::process::{Signal as Sent, getpid, kill_process};
    let mut signals = Signals::install().unwrap();
    // A process of its own to send them would hold the sockets of other tests until it has begun.
    let send = |sent| kill_process(getpid(), sent).unwrap();
    for (sent, signal) in
        [(Sent::HUP, Signal::Reload), (Sent::TERM, Signal::Stop), (Sent::INT, Signal::Stop)]
    {
        send(sent);
        assert_eq!(signals.next().await, signal, "{sent:?}");
    }
    // The end is heard behind however many reloads.
    while signals.waiting() < 16 {
        send(Sent::HUP);
        yield_now().await;
    }
    send(Sent::TERM);
    for _ in 0..1_000 {
        yield_now().await;
    }
    signals.stop().await;
}
