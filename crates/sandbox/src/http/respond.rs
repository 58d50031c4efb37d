//! From a request on the wire to an answer on the wire.

use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Version};
use tokio::time::timeout;

use super::body::AnswerBody;
use super::connection::{Cut, Cutter};
use super::server::{REQUEST_TIMEOUT, Server};
use super::{routes, throttle};
use crate::faults::alter::altered;
use crate::faults::fault::{Delivery, Fault, Reset};
use crate::message::answer::Answer;
use crate::message::refusal::Refusal;
use crate::message::request::Request;

/// The largest request body read, in bytes; a token has at most 16 KiB.
const MAX_BODY: usize = 256 * 1024;

/// Reads a request, records it, and has it answered, rightly or as a fault will have it.
pub(crate) async fn respond(
    server: &Server,
    cutter: &Arc<Cutter>,
    request: hyper::Request<Incoming>,
    peer: IpAddr,
) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let body = timeout(REQUEST_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let under_way = server.begin();
    let (body, readable) = match body {
        Ok(Ok(body)) => (body.to_bytes(), names_host(&parts)),
        Ok(Err(_)) | Err(_) => (Bytes::new(), false),
    };
    let base = server.base_for(host(&parts));
    let id = server.world.identifier();
    let request = Request::new(id, base, parts.method, &parts.uri, parts.headers, body, peer);
    let now = server.world.now();
    let mut record = request.record(now);
    server.world.state().records.push(&record);
    let (answer, delivery) = if readable {
        answer(server, cutter, &request, now).await
    } else {
        (unreadable(server), Delivery::Whole)
    };
    let (status, refusal) = (answer.status.as_u16(), answer.refusal.as_deref());
    server.world.state().records.note_answer(&request.id, status, refusal);
    record.note_answer(status, refusal);
    server.observer.tell(&record);
    let (answer, bytes) = finish(answer, delivery, &request.id, server.world.now());
    let clock = Arc::clone(&server.world.clock);
    answer.map(|()| AnswerBody::new(bytes, delivery, clock, Arc::clone(cutter), under_way))
}

/// Whether the request says once at which host it is directed, as HTTP/1.1 must
/// ([RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)).
fn names_host(parts: &Parts) -> bool {
    match parts.headers.get_all(header::HOST).iter().count() {
        0 => parts.version != Version::HTTP_11,
        named => named == 1,
    }
}

/// The name under which the client called; HTTP/2 has it in the URL.
fn host(parts: &Parts) -> Option<&str> {
    let header = || parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    parts.uri.authority().map(|authority| authority.as_str()).or_else(header)
}

async fn answer(
    server: &Server,
    cutter: &Cutter,
    request: &Request,
    now: DateTime<Utc>,
) -> (Answer, Delivery) {
    let fault = server.faults().take(&request.clean_path(), now);
    match fault {
        Some(fault) => fail(server, cutter, request, fault).await,
        None => (right_answer(server, request), Delivery::Whole),
    }
}

/// Lets a fault strike. Does not return if there is to be no answer: then the connection is cut,
/// or the client gives up.
async fn fail(
    server: &Server,
    cutter: &Cutter,
    request: &Request,
    fault: Fault,
) -> (Answer, Delivery) {
    let mut right = fault.acts_first.then(|| right_answer(server, request));
    if let Some(wait) = fault.wait {
        server.gate.wait(wait, &*server.world.clock).await;
    }
    if fault.delivery == Delivery::Reset(Reset::BeforeAnswer) {
        cutter.cut(Cut::Reset);
        std::future::pending::<()>().await;
    }
    if right.is_none() && fault.needs_right_answer() {
        right = Some(right_answer(server, request));
    }
    (altered(&fault, right), fault.delivery)
}

/// A panic must not hide behind a broken connection: it is answered with 500, and fails the test
/// that owns the sandbox when that is dropped.
fn right_answer(server: &Server, request: &Request) -> Answer {
    server.world.keep_up();
    panic::catch_unwind(AssertUnwindSafe(|| decide(server, request))).unwrap_or_else(|_| {
        server.note_panic();
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = Refusal::api(status, "E0000009", "Internal Server Error");
        refusal.into_answer(&server.world.identifier())
    })
}

/// Reads and changes state, and does nothing else: no I/O, no waiting.
fn decide(server: &Server, request: &Request) -> Answer {
    let refused = |refusal: Refusal| refusal.into_answer(&server.world.identifier());
    match throttle::admit(&server.world, server.under_way(), request) {
        Ok(headers) => {
            let mut answer = routes::answer(&server.world, request).unwrap_or_else(refused);
            answer.headers.extend(headers);
            answer
        }
        Err(refusal) => refused(refusal),
    }
}

fn unreadable(server: &Server) -> Answer {
    Refusal::api(StatusCode::BAD_REQUEST, "E0000003", "The request body was not well-formed.")
        .into_answer(&server.world.identifier())
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
