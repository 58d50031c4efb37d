//! One call: as many attempts as it takes and as its settings allow, within one deadline.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;

use crate::clock::server_time::{ServerTime, parse_date};
use crate::clock::{Clock, Deadline, later};
use crate::error::{Attempts, Error, ErrorKind};
use crate::support::random::Random;
use crate::wire::admission::{Admission, Admitted, EndpointLimits};
use crate::wire::no_answer::Failure;
use crate::wire::place::Place;
use crate::wire::rate_limit::RateLimit;
use crate::wire::retry::{RetryConfig, Setback};
use crate::wire::server_numbers;
use crate::wire::transport::{Answer, Http, HttpConfig, SentSecrets};

const RETRY_FOR: HeaderName = HeaderName::from_static("x-okta-retry-for");
const RETRY_COUNT: HeaderName = HeaderName::from_static("x-okta-retry-count");

/// What is the same for every call to one server.
#[derive(Debug)]
pub(crate) struct CallContext {
    http: Http,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    retry: RetryConfig,
    admission: Admission,
    server_time: Arc<ServerTime>,
}

/// Makes the requests of one call, and says what their answers mean.
pub(crate) trait RequestFactory: Send {
    /// What a request needs that takes calls of its own to get: for APIs, a token.
    type Prerequisite: Send;

    /// Gets what the next request needs, before anything is taken up for that request.
    fn prerequisite(&mut self) -> impl Future<Output = Result<Self::Prerequisite, Error>> + Send;

    /// Makes the next request, with whatever may be sent only once made anew.
    fn request(
        &mut self,
        prerequisite: Self::Prerequisite,
    ) -> impl Future<Output = Result<Request, Error>> + Send;

    /// What is secret in the latest request, and must not come back out of its answer.
    fn secrets(&self) -> SentSecrets;

    /// Takes note that a request is about to be sent.
    fn sends(&mut self, _now: Instant) {}

    /// Says what an answer means.
    fn evaluate(&mut self, answer: &Answer) -> Outcome;

    /// The longest answer that is read, in bytes.
    fn max_answer(&self) -> usize {
        HttpConfig::MAX_ANSWER
    }

    /// Whether the request may be sent again at this time; `had_effect` tells whether the server may
    /// have carried it out already.
    fn is_repeatable(&self, _had_effect: bool, _at: Instant) -> bool {
        true
    }
}

/// What an answer means for a call.
pub(crate) enum Outcome {
    /// It is what was asked for.
    Done,
    /// The server told what to do differently, and the next request will do it. The factory sees to
    /// it that this does not go on for ever.
    Again,
    /// It is a refusal.
    Refused(Error),
}

/// Why an attempt has no answer.
struct NotAnswered {
    error: Error,
    setback: Setback,
    /// Whether the server may have got the request.
    may_have_arrived: bool,
}

/// The answer to a call, and how it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    /// When the request that brought it was sent.
    pub(crate) sent_at: Instant,
    attempts: Attempts,
}

impl Reply {
    /// Reads the body as JSON of the type `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.answer.json().map_err(|error| self.after_attempts(error))
    }

    /// An error that says why this is not the answer that belongs here.
    pub(crate) fn malformed(&self, what: &str) -> Error {
        self.after_attempts(self.answer.malformed(what))
    }

    /// The error of a call that was answered with success.
    pub(crate) fn after_attempts(&self, error: Error) -> Error {
        let mut attempts = self.attempts.clone();
        attempts.request_ids.extend(self.answer.request_id().map(str::to_owned));
        error.after(attempts)
    }
}

impl CallContext {
    pub(crate) fn new(
        http: Http,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        retry: RetryConfig,
        admission: Admission,
    ) -> Result<Self, Error> {
        retry.check()?;
        let server_time = Arc::new(ServerTime::new(Arc::clone(&clock)));
        Ok(Self { http, clock, random, retry, admission, server_time })
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) fn server_time(&self) -> &Arc<ServerTime> {
        &self.server_time
    }

    /// Calls until there is an answer that counts. `place` names the endpoint in messages.
    pub(crate) async fn call(
        &self,
        place: &Place,
        limits: &EndpointLimits,
        factory: &mut impl RequestFactory,
    ) -> Result<Reply, Error> {
        let begun = self.clock.monotonic();
        let mut deadline = self.http.deadline_of(begun);
        let mut attempts = Attempts::default();
        let mut had_effect = false;
        let mut repeats = 0;
        loop {
            let attempt = self.attempt(place, limits, factory, &mut deadline, &mut attempts).await;
            let (error, setback) = match attempt {
                Ok((Outcome::Done, answer, sent_at)) => {
                    attempts.elapsed = self.clock.monotonic() - begun;
                    return Ok(Reply { answer, sent_at, attempts });
                }
                Ok((Outcome::Again, ..)) => continue,
                Ok((Outcome::Refused(error), answer, _)) => {
                    let status = answer.status;
                    let code = error.refusal().and_then(|refusal| refusal.code.as_deref());
                    // With 4xx, of which 429 is one, the server says that it did nothing.
                    had_effect |= !status.is_client_error();
                    let wait = error.retry_after().or_else(|| least_wait(&answer));
                    let setback = Setback::of_answer(status, code, wait);
                    (error, setback)
                }
                Err(NotAnswered { error, setback, may_have_arrived }) => {
                    had_effect |= may_have_arrived;
                    (error, setback)
                }
            };
            let error = error.effect(had_effect);
            let now = self.clock.monotonic();
            attempts.elapsed = now - begun;
            repeats += 1;
            let resume_at = match self.retry.pause(repeats, setback, &*self.random) {
                Some(pause) => later(now, pause),
                None => return Err(error.after(attempts)),
            };
            if resume_at >= deadline.at() || !factory.is_repeatable(had_effect, resume_at) {
                return Err(error.after(attempts));
            }
            tracing::debug!(endpoint = place.path(), attempts = attempts.count, %error, "trying again");
            self.clock.sleep_until(resume_at).await;
        }
    }

    async fn attempt(
        &self,
        place: &Place,
        limits: &EndpointLimits,
        factory: &mut impl RequestFactory,
        deadline: &mut Deadline<'_>,
        attempts: &mut Attempts,
    ) -> Result<(Outcome, Answer, Instant), NotAnswered> {
        let lasting =
            |error| NotAnswered { error, setback: Setback::Lasting, may_have_arrived: false };
        let obtained = deadline.before(factory.prerequisite()).await;
        let prerequisite =
            obtained.unwrap_or_else(|| Err(not_obtained_in_time(place.path()))).map_err(lasting)?;
        let admitted = self
            .admission
            .admit(limits, deadline)
            .await
            .map_err(|why| lasting(why.into_error(place.path())))?;
        let made = deadline.before(pin!(factory.request(prerequisite))).await;
        let mut request =
            made.unwrap_or_else(|| Err(not_made_in_time(place.path()))).map_err(lasting)?;
        mark_repeat(&mut request, attempts);
        let method = request.method().clone();
        attempts.count += 1;
        let sent_at = self.clock.monotonic();
        factory.sends(sent_at);
        let mut answer = match self.http.send(request, place, factory.max_answer(), deadline).await
        {
            Ok(answer) => answer,
            Err(failure) => {
                admitted.failed(self.clock.monotonic());
                let Failure { error, lasting, may_have_arrived } = failure;
                let setback =
                    if lasting { Setback::Lasting } else { Setback::Passing { wait: None } };
                return Err(NotAnswered { error, setback, may_have_arrived });
            }
        };
        answer.sent = factory.secrets();
        let received_at = self.clock.monotonic();
        self.record(admitted, &method, &answer, sent_at..received_at, attempts);
        Ok((factory.evaluate(&answer), answer, sent_at))
    }

    /// Records what of an answer is of use beyond it.
    fn record(
        &self,
        admitted: Admitted<'_>,
        method: &Method,
        answer: &Answer,
        trip: Range<Instant>,
        attempts: &mut Attempts,
    ) {
        let round_trip = trip.end - trip.start;
        let date = answer.header(DATE);
        if let Some(date) = date {
            self.server_time.observe(date, round_trip);
        }
        let statement = RateLimit::from_headers(&answer.headers).and_then(|stated| {
            let lasts = server_numbers::rest_of_window(stated.reset, parse_date(date?)?)?;
            Some((stated, lasts))
        });
        admitted.answered(trip.end, answer.status.is_server_error(), statement);
        // Whether an id repeats a secret takes a while to find out.
        let is_wanted = !answer.status.is_success() || tracing::enabled!(tracing::Level::DEBUG);
        let request_id = if is_wanted { answer.request_id() } else { None };
        if !answer.status.is_success() {
            attempts.request_ids.extend(request_id.map(str::to_owned));
        }
        tracing::debug!(
            %method,
            host = answer.host(),
            endpoint = answer.path(),
            status = answer.status.as_u16(),
            request_id,
            elapsed_ms = round_trip.as_millis(),
            "answered"
        );
    }
}

/// Tells Okta which request this one repeats, as its SDKs do.
fn mark_repeat(request: &mut Request, attempts: &Attempts) {
    let first = attempts.request_ids.first().and_then(|id| HeaderValue::from_str(id).ok());
    if let Some(first) = first.filter(|_| attempts.count > 0) {
        request.headers_mut().insert(RETRY_FOR, first);
        request.headers_mut().insert(RETRY_COUNT, attempts.count.into());
    }
}

/// How long the server wants to be left alone, by its own clock: `Retry-After`, or until the
/// rate-limit window ends. A refusal for too many requests at once says neither.
pub(crate) fn retry_after(answer: &Answer) -> Option<Duration> {
    let date = answer.header(DATE).and_then(parse_date);
    let stated = answer.header(RETRY_AFTER);
    if let Some(wait) = stated.and_then(|value| server_numbers::retry_after(value, date)) {
        return Some(wait);
    }
    if answer.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let stated =
        RateLimit::from_headers(&answer.headers).filter(|stated| !stated.is_concurrency())?;
    server_numbers::rest_of_window(stated.reset, date?)
}

/// How long to wait after a 429 that says nothing, or nothing that makes sense: its rate window may
/// have just begun, and pauses of milliseconds would only use up the attempts. One for too many
/// requests at once is over as soon as another request is.
fn least_wait(answer: &Answer) -> Option<Duration> {
    const LEAST: Duration = Duration::from_secs(1);
    let at_once =
        RateLimit::from_headers(&answer.headers).is_some_and(|stated| stated.is_concurrency());
    (answer.status == StatusCode::TOO_MANY_REQUESTS && !at_once).then_some(LEAST)
}

fn not_obtained_in_time(path: &str) -> Error {
    Error::new(ErrorKind::TimedOut, format!("no token for {path} came in time"))
        .advise("try again, or allow more time")
}

fn not_made_in_time(path: &str) -> Error {
    Error::new(ErrorKind::TimedOut, format!("the request for {path} was not signed in time"))
        .advise("see why the signer takes so long, or allow more time")
}
