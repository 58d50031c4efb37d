//! Files that are replaced, half written, and none.

use std::fs;
use std::os::unix::fs::symlink;
use std::pin::pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use chrono::DateTime;
use tempfile::TempDir;

use super::*;
use crate::clock::ManualClock;

const INTERVAL: Duration = KeyFile::DEFAULT_INTERVAL;

struct Place {
    folder: TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        let (folder, clock) =
            (tempfile::tempdir().unwrap(), ManualClock::new(DateTime::UNIX_EPOCH));
        Self { folder, clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new key in a file of its own.
    fn jwk(&self, key_id: &str) -> PathBuf {
        let path = self.path(&format!("{key_id}.jwk"));
        key(key_id).write_new_jwk_file(&path).unwrap();
        path
    }

    fn open(&self, path: &Path) -> KeyFile {
        KeyFile::open(path, KeyOptions::default()).unwrap().with_clock(self.clock.clone())
    }
}

fn key(key_id: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(key_id.to_owned()))
}

async fn signs(file: &KeyFile) -> String {
    file.current().await.unwrap().key_id().unwrap().to_owned()
}

#[test_support::test]
async fn a_replaced_key_is_taken_when_the_interval_has_passed() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = place.open(&path);
    fs::rename(place.jwk("k2"), &path).unwrap();
    place.clock.advance(INTERVAL - Duration::from_nanos(1));
    assert_eq!(signs(&file).await, "k1", "not looked at before its time");
    place.clock.advance(Duration::from_nanos(1));
    assert_eq!(signs(&file).await, "k2");
    assert_eq!(file.key_id_in_use().as_deref(), Some("k2"));
    fs::rename(place.jwk("k3"), &path).unwrap();
    place.clock.advance(INTERVAL + Duration::from_secs(1));
    assert_eq!(signs(&file).await, "k3");
}

#[test_support::test]
async fn a_refusal_looks_at_once_and_the_key_before_is_tried_where_there_is_no_new_one() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = place.open(&path);
    let first = file.current().await.unwrap();
    assert!(!file.refused(&first).await, "there is no other");
    fs::rename(place.jwk("k2"), &path).unwrap();
    assert!(file.refused(&first).await);
    let second = file.current().await.unwrap();
    assert_eq!(second.key_id(), Some("k2"));
    assert!(file.refused(&first).await, "a late refusal of the first finds the second in use");
    assert_eq!(signs(&file).await, "k2");
    assert!(file.refused(&second).await);
    assert_eq!(signs(&file).await, "k1");
}

#[test_support::test]
async fn links_are_followed_as_kubernetes_changes_them() {
    let place = Place::new();
    let version = |name: &str, key_id: &str| {
        fs::create_dir(place.path(name)).unwrap();
        key(key_id).write_new_jwk_file(place.path(name).join("key")).unwrap();
        let link = place.path("..data_tmp");
        symlink(name, &link).unwrap();
        fs::rename(link, place.path("..data")).unwrap();
    };
    version("..2026_01", "k1");
    symlink("..data/key", place.path("key")).unwrap();
    let file = place.open(&place.path("key"));
    version("..2026_02", "k2");
    fs::remove_dir_all(place.path("..2026_01")).unwrap();
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k2");
}

#[test_support::test]
async fn what_is_no_key_leaves_the_one_before_and_a_good_one_is_taken_afterwards() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = place.open(&path);
    let next = fs::read(place.jwk("k2")).unwrap();
    let good = fs::read(&path).unwrap();
    for content in [&next[..next.len() / 2], b"", &[b'x'; load::MAX_LEN + 1], b"\0\0"] {
        fs::write(&path, content).unwrap();
        place.clock.advance(INTERVAL);
        assert_eq!(signs(&file).await, "k1");
        let current = file.current().await.unwrap();
        assert!(!file.refused(&current).await);
    }
    fs::remove_file(&path).unwrap();
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k1");
    for (content, key_id) in [(good, "k1"), (next, "k2")] {
        fs::write(&path, content).unwrap();
        place.clock.advance(INTERVAL);
        assert_eq!(signs(&file).await, key_id);
    }
}

#[test_support::test]
async fn pipes_and_devices_are_neither_opened_nor_waited_for() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = place.open(&path);
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k1");
    assert!(KeyFile::open(&path, KeyOptions::default()).is_err());
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k1");
    assert!(KeyFile::open(&path, KeyOptions::default()).is_err());
}

#[test_support::test]
async fn two_writes_within_one_tick_of_the_file_systems_clock_are_both_seen() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = place.open(&path);
    let keys = ["k2", "k3"].map(|key_id| fs::read(place.jwk(key_id)).unwrap());
    assert_eq!(keys[0].len(), keys[1].len());
    let written = fs::File::options().write(true).open(&path).unwrap();
    for (content, key_id) in keys.iter().zip(["k2", "k3"]) {
        fs::write(&path, content).unwrap();
        written.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        place.clock.advance(INTERVAL);
        assert_eq!(signs(&file).await, key_id);
    }
}

#[test_support::test]
async fn an_id_of_the_files_own_wins_over_the_one_of_the_options_once_it_is_replaced() {
    let place = Place::new();
    let path = place.path("key.pem");
    key("k1").write_new_file(&path).unwrap();
    let file = KeyFile::open(&path, KeyOptions::default().key_id("k1")).unwrap();
    let file = file.with_clock(place.clock.clone());
    assert_eq!(signs(&file).await, "k1");
    fs::rename(place.jwk("k2"), &path).unwrap();
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k2");
    // PEM has no id, so it is the one of the options.
    let pem = place.path("other.pem");
    key("unknown").write_new_file(&pem).unwrap();
    fs::rename(pem, &path).unwrap();
    place.clock.advance(INTERVAL);
    assert_eq!(signs(&file).await, "k1");
}

#[test_support::test]
async fn of_many_refusals_at_once_all_find_the_new_key() {
    let place = Place::new();
    let path = place.jwk("k1");
    let file = Arc::new(place.open(&path));
    let first = file.current().await.unwrap();
    fs::rename(place.jwk("k2"), &path).unwrap();
    let refusals = (0..100).map(|_| {
        let (file, first) = (Arc::clone(&file), Arc::clone(&first));
        tokio::spawn(async move { (file.refused(&first).await, signs(&file).await) })
    });
    for refusal in refusals.collect::<Vec<_>>() {
        assert_eq!(refusal.await.unwrap(), (true, "k2".to_owned()));
    }
}

/// Counts errors in the log.
#[derive(Default)]
struct Errors(Arc<AtomicUsize>);

impl tracing::Subscriber for Errors {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// The key that signs, without a runtime: then the file is looked at in place.
fn signs_now(file: &KeyFile) -> String {
    match pin!(signs(file)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(key_id) => key_id,
        Poll::Pending => panic!("nothing is waited for"),
    }
}

#[test]
fn what_is_no_good_is_told_once_until_it_is_good_again() {
    let place = Place::new();
    let path = place.jwk("k1");
    let (file, good) = (place.open(&path), fs::read(&path).unwrap());
    let errors = Errors::default();
    let told = Arc::clone(&errors.0);
    tracing::subscriber::with_default(errors, || {
        for (content, expected) in
            [(&b"half"[..], 1), (b"half", 1), (b"half of", 1), (&good, 1), (b"half", 2)]
        {
            fs::write(&path, content).unwrap();
            place.clock.advance(INTERVAL);
            assert_eq!(signs_now(&file), "k1");
            assert_eq!(told.load(Ordering::Relaxed), expected);
        }
    });
}
