//! The engine by a clock that moves only when it is waited for.

use std::sync::Arc;

use chrono::DateTime;
use okta_introspect::sandbox::{App, Bucket, Fault, Grant, Sandbox, Times};
use okta_introspect::{Algorithm, Clock, HttpConfig, ManualClock, SigningKey};
use tokio::sync::mpsc::channel;

use super::line::Question;
use super::*;

/// Counts, and stops when it has had enough.
#[derive(Default)]
struct Count {
    answers: u64,
    active: u64,
    last: u64,
    enough: Option<u64>,
    /// Until when it was said that the run waits.
    waits: Vec<Option<DateTime<Utc>>>,
}

impl Sink for Count {
    fn done(&mut self, record: &Record, _: u64) -> Result<bool, Failure> {
        assert_eq!(record.line, self.last + 1, "the order is that of the input");
        self.last = record.line;
        self.answers += 1;
        self.active += u64::from(record.introspection.as_ref().is_some_and(|it| it.active));
        Ok(self.enough.is_none_or(|enough| self.answers < enough))
    }

    fn waits(&mut self, until: Option<DateTime<Utc>>) {
        self.waits.push(until);
    }
}

/// A server without others beside it.
fn alone(client: Client) -> Servers<'static> {
    Servers::new(client, |issuer| panic!("{issuer} was asked"))
}

/// Asks about so many tokens, every third of them good, at 1,200 a minute of which the app may
/// use half. Gives what was counted, how many seconds it took, and how many 429 there were.
async fn ask(tokens: u64, concurrency: usize) -> (Count, f64, usize) {
    let clock = ManualClock::new(DateTime::UNIX_EPOCH);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1").key(key.public_jwk()))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    sandbox.set_rate_limit(Bucket::Org, Some(1200));
    let good =
        sandbox.issue(&Grant::to_client("0oa1").lifetime(Duration::from_secs(86_400))).unwrap();
    let mut http = HttpConfig::default();
    http.timeout = TIMEOUT;
    let client = Client::builder(sandbox.issuer(), "0oa1", key).clock(clock.clone()).http(http);
    let servers = alone(client.build().unwrap());
    let engine = Engine { servers, clock: Arc::new(clock.clone()), concurrency };
    let (sender, lines) = channel(16);
    tokio::spawn(async move {
        for number in 1..=tokens {
            let text = if number % 3 == 0 { good.expose() } else { "made-up" };
            let question = Question::read(number, text, None);
            sender.send(Ok((question, number))).await.unwrap();
        }
    });
    let mut count = Count::default();
    let never = std::future::pending();
    let end = engine.run(lines, &Progress::default(), never, &mut count).await.unwrap();
    assert_eq!(end, End::Complete);
    let refused = sandbox.requests().iter().filter(|request| request.status() == 429).count();
    (count, clock.elapsed().as_secs_f64(), refused)
}

#[test_support::test]
async fn a_batch_keeps_to_the_rate_limit_and_loses_no_time() {
    // 600 in each minute: two minutes pass before the last hundred can be asked.
    let (count, took, refused) = ask(1_300, 16).await;
    assert_eq!((count.answers, count.active), (1_300, 433));
    assert_eq!(refused, 0);
    assert!(took <= 120.0 * 1.03, "{took}");
}

#[test_support::test]
async fn the_first_long_wait_is_told_and_all_attempts_are_counted() {
    let clock = ManualClock::new(DateTime::UNIX_EPOCH);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let app = App::service("0oa1").key(key.public_jwk());
    let sandbox = Sandbox::builder().app(app).clock(clock.clone()).start().await.unwrap();
    sandbox.faults().inject(Fault::api(429, "E0000047"), Times::Always);
    let client = Client::builder(sandbox.issuer(), "0oa1", key).clock(clock.clone());
    let servers = alone(client.build().unwrap());
    let engine = Engine { servers, clock: Arc::new(clock.clone()), concurrency: 4 };
    let (sender, lines) = channel(1);
    sender.try_send(Ok((Question::read(1, "made-up", None), 7))).unwrap();
    drop(sender);
    let (mut count, never) = (Count::default(), std::future::pending());
    let failure = engine.run(lines, &Progress::default(), never, &mut count).await.unwrap_err();
    assert_eq!((failure.exit(), count.answers), (Exit::Unknown, 0));
    let sent = sandbox.requests().len();
    let told = format!("after {sent} attempts in {:.1} s", clock.elapsed().as_secs_f64());
    assert!(sent > 10 && failure.what().contains(&told), "{told}: {failure}");
    assert_eq!(count.waits.len(), 1, "it is told once");
    let until = count.waits[0].unwrap();
    assert!(until > DateTime::UNIX_EPOCH && until <= clock.now(), "{until}");
}

#[test]
fn the_note_of_a_long_wait_says_why_and_until_when() {
    let until = DateTime::from_timestamp(1_795_211_319, 987_000_000);
    let told = "the rate limit is used up: waiting until 2026-11-20T21:48:39Z";
    assert_eq!(long_wait(until), told);
    let unknown = long_wait(None);
    for words in ["no answer for 5 s", "refuses for a while", "within --timeout"] {
        assert!(unknown.contains(words), "{words}: {unknown}");
    }
}

#[test_support::test]
async fn a_reader_that_goes_away_and_an_interrupt_end_it_in_order() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let app = App::service("0oa1").key(key.public_jwk());
    let sandbox = Sandbox::builder().app(app).start().await.unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1", key).build().unwrap();
    let engine = Engine { servers: alone(client), clock: Arc::new(SystemClock), concurrency: 4 };
    let lines = || {
        let (sender, lines) = channel(100);
        for number in 1..=100 {
            let question = Question::read(number, "made-up", None);
            sender.try_send(Ok((question, number))).unwrap();
        }
        lines
    };
    let done = Progress::default();
    let mut enough = Count { enough: Some(5), ..Count::default() };
    let never = std::future::pending();
    assert_eq!(engine.run(lines(), &done, never, &mut enough).await.unwrap(), End::Unread);
    assert_eq!(enough.answers, 5);

    let mut none = Count::default();
    let at_once = std::future::ready(());
    assert_eq!(engine.run(lines(), &done, at_once, &mut none).await.unwrap(), End::Interrupted);
    assert_eq!(none.answers, 0);
}

#[test_support::test]
#[ignore = "takes a minute: cargo test --release -- --ignored --nocapture"]
#[allow(clippy::print_stdout)] // the figure is there to be read
async fn twenty_thousand_tokens() {
    let (count, took, refused) = ask(20_000, 16).await;
    // 33 whole minutes, and 200 in the 34th.
    println!("{} answers in {took:.1} s of {:.1}, {refused} refused", count.answers, 33.0 * 60.0);
    assert!(took <= 33.0 * 60.0 * 1.03);
}
