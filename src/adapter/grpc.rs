//! Refusals as gRPC writes them: a response of headers alone, whose status is in `grpc-status`
//! ([gRPC over HTTP/2, "Trailers-Only"](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses)).

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// What clients with a retry policy obey
/// ([gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback)).
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The media type of a gRPC request, which is that of its answer too; `None` for other requests.
pub(super) fn media_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(CONTENT_TYPE)?;
    let text = value.to_str().ok()?.to_ascii_lowercase();
    let rest = text.strip_prefix("application/grpc")?;
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['+', ';', ' ']);
    let is_grpc = ends(rest)
        || ["-web", "-web-text"].iter().any(|web| rest.strip_prefix(web).is_some_and(ends));
    is_grpc.then(|| value.clone())
}

/// The [status code](https://grpc.github.io/grpc/core/md_doc_statuscodes.html) for a refusal.
pub(super) fn code(status: StatusCode) -> u8 {
    match status {
        // INVALID_ARGUMENT
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => 3,
        StatusCode::REQUEST_TIMEOUT => 4,      // DEADLINE_EXCEEDED
        StatusCode::FORBIDDEN => 7,            // PERMISSION_DENIED
        StatusCode::PAYLOAD_TOO_LARGE => 8,    // RESOURCE_EXHAUSTED
        StatusCode::SERVICE_UNAVAILABLE => 14, // UNAVAILABLE
        _ => 16,                               // UNAUTHENTICATED
    }
}

/// What a gRPC answer has beside the challenges. The message must have no character that would
/// have to be encoded.
pub(super) fn add(
    headers: &mut HeaderMap,
    media_type: HeaderValue,
    status: StatusCode,
    message: &'static str,
    wait: Option<Duration>,
) {
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(STATUS, u16::from(code(status)).into());
    headers.insert(MESSAGE, HeaderValue::from_static(message));
    if let Some(wait) = wait {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert(PUSHBACK, millis.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_grpc_are_known_by_their_media_type() {
        for (text, is_grpc) in [
            ("application/grpc", true),
            ("Application/gRPC+proto", true),
            ("application/grpc; charset=utf-8", true),
            ("application/grpc-web+proto", true),
            ("application/grpc-web-text", true),
            ("application/grpcfoo", false),
            ("application/grpc-other", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
            assert_eq!(media_type(&headers).is_some(), is_grpc, "{text}");
        }
        assert_eq!(media_type(&HeaderMap::new()), None);
    }
}
