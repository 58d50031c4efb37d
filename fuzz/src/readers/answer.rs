//! Answers of servers: what they refuse, and what their headers say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use http::header::{DATE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::Method;

use super::written::{self, ASSERTION, PART, TOKEN};
use crate::clock::server_time::{ServerTime, parse_date};
use crate::error::refusal::Refusal;
use crate::wire::admission::rate_windows::Key;
use crate::wire::call::retry_after;
use crate::wire::content_encoding;
use crate::wire::error_response;
use crate::wire::rate_limit::RateLimit;
use crate::wire::server_numbers::{MAX_LIFETIME, MAX_LIMIT, MAX_WAIT, MAX_WINDOW};
use crate::wire::server_numbers::{count, lifetime, rest_of_window};
use crate::wire::transport::Answer;
use crate::{Clock, Error, ErrorKind, ManualClock, RateWindows};

/// The longest quote of an answer, with what says that it goes on.
const MAX_QUOTED: usize = 256 + '…'.len_utf8();

const MAX_REQUEST_ID: usize = 128;

/// The longest body that is unpacked here.
const MAX_BODY: usize = 64 * 1024;

/// An answer that refuses: an error that is bounded, that tells nothing secret of the request, and
/// whose kind agrees with the status.
pub fn error_answer(data: &[u8]) {
    let Some(mut answer) = written::answer(data) else { return };
    let packed = std::mem::take(&mut answer.body);
    match content_encoding::unpack(&mut answer.headers, packed, MAX_BODY) {
        Ok(body) => answer.body = body,
        Err(content_encoding::TooLong) => return,
    }
    let error = error_response::read(&answer);
    check_kind(&answer, &error);
    check_refusal(error.refusal().unwrap());
    assert!(error.retry_after().is_none_or(|wait| wait <= MAX_WAIT), "{error}");
    let said = [format!("{error}"), format!("{error:?}"), error.advice().to_owned()];
    for said in said {
        tells_no_secret(&said);
        assert!(said.len() < 16 * 1024, "{} bytes", said.len());
    }
    check_challenge(&mut answer);
    if let Err(error) = answer.json::<crate::Introspection>() {
        tells_no_secret(&format!("{error} {error:?}"));
    }
}

fn check_kind(answer: &Answer, error: &Error) {
    let (status, kind) = (answer.status.as_u16(), error.kind());
    let expected = match status {
        429 => Some(ErrorKind::RateLimited),
        500.. => Some(ErrorKind::ServerFailed),
        _ => None,
    };
    assert!(expected.is_none_or(|expected| expected == kind), "{status}: {kind:?}");
    let ours = [ErrorKind::Configuration, ErrorKind::Input, ErrorKind::Key];
    assert!(!ours.contains(&kind), "{status}: {kind:?}");
}

fn check_refusal(refusal: &Refusal) {
    assert!(refusal.causes.len() <= Refusal::MAX_CAUSES);
    assert!(refusal.request_id.as_ref().is_none_or(|id| id.len() <= MAX_REQUEST_ID));
    for quoted in refusal.code.iter().chain(&refusal.description).chain(&refusal.causes) {
        assert!(quoted.len() <= MAX_QUOTED, "{} bytes", quoted.len());
        assert!(!quoted.contains(char::is_control), "{quoted:?}");
    }
}

/// A challenge that is written from the body, a line for each string, is read as it was written.
fn check_challenge(answer: &mut Answer) {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let mut lines = body.lines().map(str::trim);
    let mut line = || lines.next().unwrap_or_default();
    let (realm, code, description) = (line(), line(), line());
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let challenge = format!(
        "Basic realm={}, DPoP algs=ES256, ERROR = {} ,error_description={}",
        quoted(realm),
        quoted(code),
        quoted(description)
    );
    let Ok(challenge) = HeaderValue::from_str(&challenge) else { return };
    if challenge.to_str().is_err() {
        return;
    }
    answer.headers.insert(WWW_AUTHENTICATE, challenge);
    let body = std::mem::take(&mut answer.body);
    let error = error_response::read(answer);
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.code, Some(answer.excerpt(code)), "{code}");
    assert_eq!(refusal.description, Some(answer.excerpt(description)), "{description}");
    answer.body = body;
}

fn tells_no_secret(said: &str) {
    for secret in [TOKEN, ASSERTION] {
        let mut parts = (0..=secret.len() - PART).map(|at| &secret[at..at + PART]);
        assert_eq!(parts.find(|part| said.contains(part)), None, "{said}");
    }
}

/// The headers of answers that come one after the other: numbers and times within their bounds,
/// and no statement after which no request goes out any more.
pub fn headers(data: &[u8]) {
    let clock = ManualClock::new(DateTime::from_timestamp(1_795_211_259, 0).unwrap());
    let server_time = ServerTime::new(Arc::new(clock.clone()));
    let (mut stated, mut rest) = (Vec::new(), data);
    // A line of dashes ends an answer.
    while !rest.is_empty() && stated.len() < 8 {
        let (one, others) = written::split(rest, b"\n---\n");
        if let Some(answer) = written::answer(one) {
            stated.extend(statement(&answer));
            check_waits(&answer);
            check_clock(&answer, &server_time);
        }
        rest = others;
    }
    check_window(&stated, clock.monotonic());
}

fn check_waits(answer: &Answer) {
    assert!(retry_after(answer).is_none_or(|wait| wait <= MAX_WAIT));
    let written = answer.header(RETRY_AFTER).unwrap_or_default();
    assert_eq!(count(written), whole_number(written).map(|number| number.min(MAX_LIMIT)));
    if answer.header(RETRY_AFTER).is_some()
        && let Some(seconds) = whole_number(written)
    {
        let wait = Duration::from_secs(seconds).min(MAX_WAIT);
        assert_eq!(retry_after(answer), Some(wait), "{written}");
    }
    let mut json = serde_json::Deserializer::from_str(written);
    let lifetime = lifetime(&mut json).ok().flatten();
    assert!(lifetime.is_none_or(|lifetime| lifetime <= MAX_LIFETIME));
}

/// Digits alone, read digit by digit; those beyond the largest number are that.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.trim().chars().map(|c| c.to_digit(10).map(u64::from));
    let digits: Vec<_> = digits.collect::<Option<_>>()?;
    let add = |sum: u64, digit: &u64| sum.saturating_mul(10).saturating_add(*digit);
    (!digits.is_empty()).then(|| digits.iter().fold(0, add))
}

/// A date is the same when it is written and read again, and nothing breaks when a clock is set by
/// it.
fn check_clock(answer: &Answer, server_time: &ServerTime) {
    let Some(written) = answer.header(DATE) else { return };
    if let Some(date) = parse_date(written) {
        assert_eq!(parse_date(&httpdate::fmt_http_date(date.into())), Some(date), "{written}");
        if let Ok(reference) = DateTime::parse_from_rfc2822(written) {
            assert_eq!(date, reference, "{written}");
        }
    }
    let before: TimeDelta = server_time.correction();
    server_time.observe(written, Duration::from_millis(written.len() as u64));
    server_time.apply(before);
    let now: DateTime<Utc> = server_time.now();
    assert!(now.timestamp() >= 0, "{written}");
    assert!(server_time.offset().is_none_or(|offset| !offset.to_string().is_empty()));
}

fn statement(answer: &Answer) -> Option<(RateLimit, Duration)> {
    let stated = RateLimit::from_headers(&answer.headers)?;
    assert!(stated.limit <= MAX_LIMIT && stated.remaining <= MAX_LIMIT);
    let lasts = rest_of_window(stated.reset, answer.header(DATE).and_then(parse_date)?)?;
    assert!(lasts <= MAX_WINDOW);
    Some((stated, lasts))
}

/// With nothing in flight, the next request goes out within two windows of the last answer.
fn check_window(stated: &[(RateLimit, Duration)], begin: Instant) {
    let windows = RateWindows::default();
    let (origin, client_id) = ("https://acme.okta.com".to_owned(), "0oa1".to_owned());
    let window = windows.of(Key { origin, client_id, bucket: Method::POST.to_string() });
    let mut now = begin;
    for statement in stated {
        now = wait(&window, now).0;
        let Ok(slot) = window.try_take(now) else { unreachable!("it has been waited for") };
        now += Duration::from_secs(1);
        slot.answered(now, Some(*statement));
        let waited = wait(&window, now).1;
        assert!(waited <= 2 * MAX_WINDOW, "{waited:?} after {statement:?}");
    }
    for later in [1, 30, 60, 61, 120, 300, 3600] {
        now += Duration::from_secs(later);
        let waited = wait(&window, now).1;
        assert!(waited <= 2 * MAX_WINDOW, "{waited:?}, long after {stated:?}");
    }
}

type Window = crate::wire::admission::rate_window::RateWindow;

/// When a request goes out that waits for it from `now` on, and how long it has waited.
fn wait(window: &Arc<Window>, now: Instant) -> (Instant, Duration) {
    use crate::wire::admission::rate_window::Hold;
    let mut at = now;
    for _ in 0..16 {
        match window.try_take(at) {
            Ok(_) => return (at, at - now),
            Err(Hold::Until(later)) => at = later,
            Err(Hold::ForAnswers) => break,
        }
    }
    panic!("no request goes out any more: {window:?}");
}
