//! How a fault changes an answer.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::fault::{Change, Fault};
use crate::message::answer::Answer;

/// The answer that the client gets, instead of or made of the right one.
pub(crate) fn altered(fault: &Fault, right: Option<Answer>) -> Answer {
    let right = right.unwrap_or_else(|| Answer::empty(StatusCode::OK));
    let mut answer = match &fault.change {
        Some(change) => changed(change, right),
        None => right,
    };
    for (name, value) in &fault.headers {
        // Both were tried when they were given.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers.append(name, value);
        }
    }
    answer
}

fn changed(change: &Change, right: Answer) -> Answer {
    match change {
        Change::OAuth { status, error } => oauth_error(code(*status), error),
        Change::Api { status, code: error } => api_error(code(*status), error),
        Change::Html { status } => {
            let mut answer = Answer::empty(code(*status));
            answer.set(header::CONTENT_TYPE, "text/html; charset=utf-8");
            answer.body = Bytes::from_static(PAGE.as_bytes());
            answer
        }
        Change::Empty { status } => Answer::empty(code(*status)),
        Change::Huge { bytes } => {
            let filler = "a".repeat(*bytes);
            Answer::json(StatusCode::OK, &json!({"active": true, "filler": filler}))
        }
        Change::Gzip { unpacked } => packed(right, *unpacked),
        Change::ContentType(content_type) => {
            let mut answer = right;
            answer.set(header::CONTENT_TYPE, content_type);
            answer
        }
        Change::Active(value) => with_active(right, value),
    }
}

fn oauth_error(status: StatusCode, error: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": "An injected fault."}))
}

fn api_error(status: StatusCode, error: &str) -> Answer {
    let body = json!({
        "errorCode": error,
        "errorSummary": "An injected fault.",
        "errorLink": error,
        "errorId": "oaesandboxfault",
        "errorCauses": [],
    });
    Answer::json(status, &body)
}

fn packed(mut answer: Answer, unpacked: usize) -> Answer {
    let blanks = vec![b' '; unpacked.saturating_sub(answer.body.len())];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // A Vec takes whatever is written to it.
    let written = encoder.write_all(&answer.body).and_then(|()| encoder.write_all(&blanks));
    answer.body = written.and_then(|()| encoder.finish()).unwrap_or_default().into();
    answer.set(header::CONTENT_ENCODING, "gzip");
    answer
}

/// What is not a JSON object has no `active` and stays as it is.
fn with_active(mut answer: Answer, value: &Value) -> Answer {
    if let Ok(Value::Object(mut members)) = serde_json::from_slice(&answer.body) {
        members.insert("active".to_owned(), value.clone());
        answer.body = Value::Object(members).to_string().into();
    }
    answer
}

fn code(status: u16) -> StatusCode {
    // Checked when the fault was made; every number from 100 to 999 is a status.
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

const PAGE: &str = "<!DOCTYPE html><title>Sorry</title><p>The service is not available.</p>\n";
