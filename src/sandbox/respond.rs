//! From a request on the wire to an answer on the wire.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::answer::{Answer, Refusal};
use super::body::AnswerBody;
use super::fault::{Delivery, Fault, Reset};
use super::request::{RecordedRequest, Request};
use super::routes;
use super::server::Shared;
use super::spoil::spoil;
use super::throttle::UnderWay;
use super::wire::{Cut, Line};

/// The largest request body read, in bytes; a token has at most 16 KiB.
const MAX_BODY: usize = 256 * 1024;

/// Reads a request, records it, and has it answered, rightly or as a fault will have it.
pub(super) async fn respond(
    shared: &Shared,
    line: &Arc<Line>,
    request: hyper::Request<Incoming>,
) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await;
    let under_way = UnderWay::begin(&shared.under_way);
    let (body, readable) = match body {
        Ok(body) => (body.to_bytes(), true),
        Err(_) => (Bytes::new(), false),
    };
    let base = shared.base_for(host(&parts));
    let id = shared.identifier();
    let request = Request::new(id, base, parts.method, &parts.uri, parts.headers, body);
    let now = shared.now();
    shared.state().record(RecordedRequest::new(&request, now));
    let (answer, delivery) = if readable {
        answer(shared, line, &request, now).await
    } else {
        (unreadable(shared), Delivery::Whole)
    };
    shared.state().note_answer(&request.id, answer.status);
    let (answer, bytes) = finish(answer, delivery, &request.id, shared.now());
    let clock = Arc::clone(&shared.clock);
    answer.map(|()| AnswerBody::new(bytes, delivery, clock, Arc::clone(line), under_way))
}

/// The name under which the client called; HTTP/2 has it in the URL.
fn host(parts: &Parts) -> Option<&str> {
    let header = || parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    parts.uri.authority().map(|authority| authority.as_str()).or_else(header)
}

async fn answer(
    shared: &Shared,
    line: &Line,
    request: &Request,
    now: DateTime<Utc>,
) -> (Answer, Delivery) {
    let fault = shared.state().faults.take(&request.clean_path(), now);
    match fault {
        Some(fault) => fail(shared, line, request, fault).await,
        None => (right_answer(shared, request), Delivery::Whole),
    }
}

/// Lets a fault strike. Does not return if there is to be no answer: then the connection is cut,
/// or the client gives up.
async fn fail(shared: &Shared, line: &Line, request: &Request, fault: Fault) -> (Answer, Delivery) {
    let mut right = fault.acts_first.then(|| right_answer(shared, request));
    if let Some(wait) = fault.wait {
        wait.pass(shared).await;
    }
    if fault.delivery == Delivery::Reset(Reset::BeforeAnswer) {
        line.cut(Cut::Reset);
        std::future::pending::<()>().await;
    }
    if right.is_none() && fault.needs_right_answer() {
        right = Some(right_answer(shared, request));
    }
    (spoil(&fault, right), fault.delivery)
}

/// A panic must not hide behind a broken connection: it is answered with 500, and fails the test
/// that owns the sandbox when that is dropped.
fn right_answer(shared: &Shared, request: &Request) -> Answer {
    shared.keep_up();
    panic::catch_unwind(AssertUnwindSafe(|| routes::answer(shared, request))).unwrap_or_else(|_| {
        shared.note_panic();
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = Refusal::api(status, "E0000009", "Internal Server Error");
        refusal.into_answer(&shared.identifier())
    })
}

fn unreadable(shared: &Shared) -> Answer {
    Refusal::api(StatusCode::BAD_REQUEST, "E0000003", "The request body was not well-formed.")
        .into_answer(&shared.identifier())
}

/// Adds the headers that every answer has.
fn finish(
    answer: Answer,
    delivery: Delivery,
    request_id: &str,
    now: DateTime<Utc>,
) -> (Response<()>, Bytes) {
    let mut response = Response::new(());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    // IMF-fixdate, RFC 9110 §5.6.7.
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [("date", date.as_str()), ("x-okta-request-id", request_id)] {
        // Both are plain ASCII that was made here.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    // A 204 has no length (RFC 9110 §8.6).
    if delivery != Delivery::Unannounced && answer.status != StatusCode::NO_CONTENT {
        let length = HeaderValue::from(answer.body.len());
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    (response, answer.body)
}
