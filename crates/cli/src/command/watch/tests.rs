//! Watching by a clock that moves only when it is waited for.

use std::time::Duration;

use okta_introspect::sandbox::{App, Bucket, Fault, Grant, Sandbox, Times};
use okta_introspect::{
    Algorithm, CircuitConfig, Client, Clock, ErrorKind, ManualClock, Random, SigningKey, Token,
};

use super::*;

const START: i64 = 1_795_211_259;

/// Always the same fraction: here, pauses are as long as they may be.
#[derive(Debug)]
struct Fixed(f64);

impl Random for Fixed {
    fn fill(&self, _: &mut [u8]) {}

    fn fraction(&self) -> f64 {
        self.0
    }
}

/// A sandbox and a client in one time.
struct World {
    clock: ManualClock,
    sandbox: Sandbox,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new(DateTime::from_timestamp(START, 0).unwrap());
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = key.with_key_id(Some("k1".to_owned()));
        let sandbox = Sandbox::builder()
            .app(App::service("0oa1").key(key.public_jwk()))
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        let client = Client::builder(sandbox.issuer(), "0oa1", key)
            .clock(clock.clone())
            .circuit(CircuitConfig::off())
            .build()
            .unwrap();
        Self { clock, sandbox, client }
    }

    /// A token that lives for so many seconds.
    fn token(&self, seconds: u64) -> Token {
        let grant = Grant::to_client("0oa1").lifetime(Duration::from_secs(seconds));
        self.sandbox.issue(&grant).unwrap()
    }

    fn watch(&self, token: &Token, max_age: u64) -> Engine {
        Engine {
            asked: Asked::configured(token, self.client.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Box::new(Fixed(1.0)),
            token: token.clone(),
            hint: None,
            max_age: Duration::from_secs(max_age),
            until_inactive: true,
            limit: None,
        }
    }

    fn elapsed(&self) -> u64 {
        self.clock.elapsed().as_secs()
    }
}

/// Notes states and when the server was asked, and does something at each of them.
struct Noting<F> {
    told: Vec<(u64, State)>,
    reader: Reader,
    then: F,
}

impl<F: FnMut(usize)> Noting<F> {
    fn new(then: F) -> Self {
        Self { told: Vec::new(), reader: Reader::Present, then }
    }
}

impl<F: FnMut(usize)> Sink for Noting<F> {
    fn change(&mut self, change: &Change) -> Result<Reader, Failure> {
        let second = u64::try_from(change.time.timestamp() - START).unwrap();
        self.told.push((second, change.state));
        (self.then)(self.told.len());
        Ok(self.reader)
    }
}

async fn run(engine: &Engine, sink: &mut impl Sink) -> Result<End, ErrorKind> {
    engine.run(std::future::pending(), sink).await.unwrap().map_err(|error| error.kind())
}

#[test_support::test]
async fn a_revocation_is_seen_at_the_next_question_and_ends_it() {
    let world = World::new().await;
    let token = world.token(3_600);
    let mut noting = Noting::new(|_| {
        world.sandbox.revoke(&token);
    });
    assert_eq!(run(&world.watch(&token, 5), &mut noting).await, Ok(End::Inactive));
    assert_eq!(noting.told, [(0, State::Active), (5, State::Inactive)]);
    assert_eq!(world.sandbox.requests().len(), 2);
}

#[test_support::test]
async fn the_end_of_a_token_is_seen_at_that_second_however_old_answers_may_be() {
    let world = World::new().await;
    let token = world.token(90);
    let mut noting = Noting::new(|_| {});
    assert_eq!(run(&world.watch(&token, 3_600), &mut noting).await, Ok(End::Inactive));
    assert_eq!(noting.told, [(0, State::Active), (90, State::Inactive)]);
    assert_eq!(world.sandbox.requests().len(), 2);
}

#[test_support::test]
async fn the_end_of_a_token_goes_by_the_servers_clock() {
    let world = World::new().await;
    world.sandbox.set_clock_offset(chrono::TimeDelta::seconds(60));
    let token = world.token(90);
    let mut noting = Noting::new(|_| {});
    assert_eq!(run(&world.watch(&token, 3_600), &mut noting).await, Ok(End::Inactive));
    assert_eq!(noting.told, [(0, State::Active), (90, State::Inactive)]);
}

#[test_support::test]
async fn the_next_question_comes_when_the_answer_is_too_old_or_the_token_ends() {
    let world = World::new().await;
    let watch = world.watch(&world.token(90), 60);
    let begin = world.clock.monotonic();
    for (answer, seconds) in [
        (r#"{"active":true}"#.to_owned(), 60),
        (r#"{"active":false}"#.to_owned(), 60),
        (format!(r#"{{"active":false,"exp":{}}}"#, START + 3), 60),
        (format!(r#"{{"active":true,"exp":{}}}"#, START + 61), 60),
        (format!(r#"{{"active":true,"exp":{}}}"#, START + 59), 59),
        (format!(r#"{{"active":true,"exp":{}}}"#, START + 1), 1),
        // Active beyond its end, says the server: clocks differ, but there is a pause between requests.
        (format!(r#"{{"active":true,"exp":{START}}}"#), 1),
        (format!(r#"{{"active":true,"exp":{}}}"#, START - 100), 1),
    ] {
        let next = watch.after(begin, &serde_json::from_str(&answer).unwrap());
        assert_eq!(next - begin, Duration::from_secs(seconds), "{answer}");
    }
}

#[test_support::test]
async fn an_outage_is_unknown_and_never_inactive_and_is_asked_through_with_growing_pauses() {
    let world = World::new().await;
    let token = world.token(86_400);
    world.sandbox.faults().inject(Fault::html(500), Times::Always);
    let watch = Engine { limit: Some(Duration::from_secs(600)), ..world.watch(&token, 1) };
    let mut noting = Noting::new(|_| {});
    let end = run(&watch, &mut noting).await;
    assert_eq!(end, Ok(End::TimeUp(Some(State::Unknown))));
    assert_eq!(noting.told, [(0, State::Unknown)]);
    // After 0, 1, 3, 7, 15 and 31 s, and then twice a minute.
    assert_eq!(world.sandbox.requests().len(), 24);

    world.sandbox.faults().clear();
    world.sandbox.clear_requests();
    let before = world.elapsed();
    let mut noting = Noting::new(|told| match told {
        1 => world.sandbox.faults().inject(Fault::html(500), Times::Once),
        2 => {}
        _ => {
            world.sandbox.revoke(&token);
        }
    });
    assert_eq!(run(&world.watch(&token, 5), &mut noting).await, Ok(End::Inactive));
    let told: Vec<_> = noting.told.iter().map(|(at, state)| (at - before, *state)).collect();
    assert_eq!(
        told,
        [(0, State::Active), (5, State::Unknown), (10, State::Active), (15, State::Inactive)]
    );
}

#[test_support::test]
async fn pauses_in_an_outage_are_random_and_never_shorter_than_answers_may_be_old() {
    for (fraction, asked) in [(0.0, 61), (0.5, 8), (1.0, 6)] {
        let world = World::new().await;
        let token = world.token(86_400);
        world.sandbox.faults().inject(Fault::html(500), Times::Always);
        let limit = Some(Duration::from_millis(60_500));
        let random = Box::new(Fixed(fraction));
        let watch = Engine { limit, random, ..world.watch(&token, 1) };
        run(&watch, &mut Noting::new(|_| {})).await.unwrap();
        assert_eq!(world.sandbox.requests().len(), asked, "{fraction}");
    }
}

#[test_support::test]
async fn a_refusal_of_our_credentials_ends_it_at_once() {
    let world = World::new().await;
    let token = world.token(3_600);
    let mut noting = Noting::new(|_| world.sandbox.deactivate_key("0oa1", "k1").unwrap());
    let watch = Engine { limit: Some(Duration::from_secs(60)), ..world.watch(&token, 5) };
    assert_eq!(run(&watch, &mut noting).await, Err(ErrorKind::ClientRefused));
    assert_eq!(noting.told, [(0, State::Active)]);
    assert_eq!(world.elapsed(), 5);
}

#[test_support::test]
async fn the_rate_limit_is_kept_and_a_used_up_one_is_not_taken_for_inactive() {
    let world = World::new().await;
    world.sandbox.set_rate_limit(Bucket::Org, Some(20));
    let token = world.token(86_400);
    let watch = Engine { limit: Some(Duration::from_secs(300)), ..world.watch(&token, 1) };
    let mut noting = Noting::new(|_| {});
    assert!(matches!(run(&watch, &mut noting).await, Ok(End::TimeUp(Some(_)))));
    assert!(noting.told.iter().all(|(_, state)| *state != State::Inactive), "{:?}", noting.told);
    let requests = world.sandbox.requests();
    assert!(requests.iter().all(|request| request.status() == 200));
    assert!((45..=60).contains(&requests.len()), "{}", requests.len());
}

#[test_support::test]
async fn without_an_end_it_goes_on_beyond_inactive_until_time_is_up_or_somebody_interrupts() {
    let world = World::new().await;
    let token = world.token(86_400);
    world.sandbox.revoke(&token);
    let limit = Some(Duration::from_secs(10));
    let watch = Engine { until_inactive: false, limit, ..world.watch(&token, 5) };
    let mut noting = Noting::new(|_| {});
    assert_eq!(run(&watch, &mut noting).await, Ok(End::TimeUp(Some(State::Inactive))));
    assert_eq!((noting.told.len(), world.elapsed()), (1, 10));
    // At 0 and 5 s; the output is closed before the end.
    assert_eq!(world.sandbox.requests().len(), 2);

    let interrupted = watch.run(std::future::ready(()), &mut noting).await.unwrap().unwrap();
    assert_eq!(interrupted, End::Interrupted);
}

#[test_support::test]
async fn without_a_reader_it_ends_unless_the_exit_code_is_waited_for() {
    let world = World::new().await;
    let token = world.token(86_400);
    let mut gone = Noting::new(|_| {
        world.sandbox.revoke(&token);
    });
    gone.reader = Reader::Gone;
    let watch = world.watch(&token, 5);
    assert_eq!(run(&watch, &mut gone).await, Ok(End::Inactive));
    let watch = Engine { until_inactive: false, ..watch };
    assert_eq!(run(&watch, &mut gone).await, Ok(End::Unread(State::Inactive)));
}

#[test]
fn a_change_is_one_line_for_people() {
    let line = |state, changed: &[&str], answer: &str| {
        let change = Change {
            time: DateTime::from_timestamp(START, 0).unwrap(),
            state,
            changed: changed.iter().map(|&name| name.to_owned()).collect(),
            answer: Ok(serde_json::from_str(answer).unwrap()),
        };
        anstream::adapter::strip_str(&text(&change)).to_string()
    };
    let active = r#"{"active":true,"exp":1795214858,"scope":"a b","x\ny":"p\u001bq"}"#;
    assert_eq!(
        line(State::Active, &[], active),
        "2026-11-20T21:47:39.000Z  active  scope: a b  exp: 2026-11-20T22:47:38Z (in 59 min)"
    );
    assert_eq!(
        line(State::Active, &["active", "sub", "x\ny"], active),
        "2026-11-20T21:47:39.000Z  active  sub: none any more  x y: p q"
    );
    assert_eq!(
        line(State::Inactive, &["active"], r#"{"active":false}"#),
        "2026-11-20T21:47:39.000Z  inactive"
    );
}
