//! The service by a client of gRPC over HTTP/2 without TLS, as a proxy calls it.

use std::convert::Infallible;
use std::future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::generated::authorization::authorization_client::AuthorizationClient;
use super::generated::authorization::check_response::HttpResponse;
use super::generated::authorization::{
    AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, Entry, HttpRequest,
    OkHttpResponse, RawHeader, RawHeaders, Request,
};
use super::generated::health::HealthCheckRequest;
use super::generated::health::health_check_response::ServingStatus;
use super::generated::health::health_client::HealthClient;
use super::*;
use crate::metrics::Outcome;

/// Lets `good` in as `ada`, is without an answer for `slow` and for ever, and does not know `odd`.
#[derive(Default)]
struct Gate {
    unread: Mutex<Vec<Unread>>,
}

impl Authorize for Gate {
    async fn authorize(&self, question: Question<'_>) -> Answer {
        if question.rule.is_some_and(|rule| rule != "orders") {
            return Answer::No(Denial::new(StatusCode::INTERNAL_SERVER_ERROR));
        }
        let mut tokens = question.headers.get_all("authorization").iter();
        let token = tokens.next().map(|value| value.to_str().unwrap());
        assert!(tokens.next().is_none(), "two tokens came through");
        match token {
            Some("Bearer good") if question.target.starts_with("/orders") => yes(),
            Some("Bearer odd") => Answer::No(Denial::unknown()),
            Some("Bearer slow") => future::pending().await,
            Some("Bearer caller") if question.metadata.contains_key("caller") => yes(),
            _ => Answer::No(Denial::new(StatusCode::UNAUTHORIZED).headers(challenge())),
        }
    }

    fn unread(&self, why: Unread) {
        self.unread.lock().unwrap().push(why);
    }

    fn is_ready(&self) -> bool {
        true
    }
}

fn yes() -> Answer {
    let remove = ["authorization", "x_auth_sub"].map(HeaderName::from_static);
    let name = HeaderName::from_static("x-auth-sub");
    let headers = [(name, "ada".parse().unwrap())].into_iter().collect();
    Answer::Yes { headers, remove: remove.into() }
}

fn challenge() -> HeaderMap {
    [(http::header::WWW_AUTHENTICATE, "Bearer".parse().unwrap())].into_iter().collect()
}

fn service() -> Grpc<Gate> {
    Grpc::new(Arc::default(), OnUnknown::Deny, MAX_MESSAGE)
}

/// A channel to a server of HTTP where the service answers.
async fn channel() -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(async |request: http::Request<Incoming>| {
            assert!(is_call(&request));
            Ok::<_, Infallible>(service().call(request).await)
        });
        let server = auto::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    });
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// What a proxy says of a request with these headers, as a map.
fn asked(path: &'static str, headers: &[(&'static str, &'static str)]) -> HttpRequest {
    let entry = |(key, value): &(&'static str, &'static str)| Entry {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
    };
    HttpRequest {
        method: "GET".into(),
        path: path.into(),
        host: "api.acme.example".into(),
        scheme: "https".into(),
        headers: headers.iter().map(entry).collect(),
        header_map: None,
    }
}

fn check(http: HttpRequest) -> CheckRequest {
    let request = Some(Request { http: Some(http) });
    let attributes = AttributeContext { source: None, request, context_extensions: Vec::new() };
    CheckRequest { attributes: Some(attributes) }
}

async fn ask(message: CheckRequest) -> Result<CheckResponse, Status> {
    let answer = AuthorizationClient::new(channel().await).check(message).await;
    answer.map(tonic::Response::into_inner)
}

/// The code of the message and the response of a request that does not pass.
fn denied(answer: CheckResponse) -> (i32, DeniedHttpResponse) {
    match answer.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => (answer.status.unwrap().code, denied),
        other => panic!("not denied: {other:?}"),
    }
}

fn allowed(answer: CheckResponse) -> OkHttpResponse {
    match answer.http_response {
        Some(HttpResponse::OkResponse(allowed)) if answer.status.unwrap().code == 0 => allowed,
        other => panic!("not let in: {other:?}"),
    }
}

fn status(denied: &DeniedHttpResponse) -> i32 {
    denied.status.unwrap().code
}

#[test_support::test]
async fn a_good_token_passes_and_what_the_client_says_of_itself_does_not() {
    let forged = [("authorization", "Bearer good"), ("x-auth-sub", "eve"), ("x_auth_sub", "eve")];
    let allowed = allowed(ask(check(asked("/orders/7?x=1", &forged))).await.unwrap());
    let [option] = &allowed.headers[..] else { panic!("{allowed:?}") };
    let header = option.header.as_ref().unwrap();
    assert_eq!((header.key.as_str(), header.value.as_str()), ("x-auth-sub", "ada"));
    assert_eq!(option.append_action().as_str_name(), "OVERWRITE_IF_EXISTS_OR_ADD");
    assert_eq!(allowed.headers_to_remove, ["authorization", "x_auth_sub"]);
}

#[test_support::test]
async fn a_bad_token_is_denied_with_its_challenge() {
    let bad = asked("/orders", &[("authorization", "Bearer bad")]);
    let (code, denied) = denied(ask(check(bad)).await.unwrap());
    assert_eq!((code, status(&denied)), (16, 401));
    let header = denied.headers[0].header.as_ref().unwrap();
    assert_eq!((header.key.as_str(), header.value.as_str()), ("www-authenticate", "Bearer"));
    assert_eq!(denied.headers.len(), 1);
}

#[test_support::test]
async fn what_is_not_known_is_denied_too_so_that_no_proxy_lets_it_through() {
    let odd = asked("/orders", &[("authorization", "Bearer odd")]);
    let (code, denied) = denied(ask(check(odd)).await.unwrap());
    assert_eq!((code, status(&denied)), (7, 503));
    assert_eq!(denied.headers[0].header.as_ref().unwrap().key, "retry-after");
}

#[test_support::test]
async fn trap_a_joined_or_repeated_authorization_is_refused() {
    let good = ("authorization", "Bearer good");
    let raw = RawHeader {
        key: "authorization".into(),
        value: Bytes::new(),
        raw_value: "Bearer good".into(),
    };
    let mut repeated = asked("/orders", &[]);
    repeated.header_map = Some(RawHeaders { headers: vec![raw.clone(), raw] });
    for http in [
        asked("/orders", &[("authorization", "Bearer good,Bearer bad")]),
        asked("/orders", &[good, good]),
        repeated,
    ] {
        let (code, denied) = denied(ask(check(http)).await.unwrap());
        assert_eq!((code, status(&denied)), (7, 400));
    }
}

#[test_support::test]
async fn trap_a_path_without_a_slash_is_refused() {
    let (_, denied) =
        denied(ask(check(asked("orders", &[("authorization", "Bearer good")]))).await.unwrap());
    assert_eq!(status(&denied), 400);
}

#[test_support::test]
async fn trap_the_query_is_no_part_of_the_path() {
    let good = ("authorization", "Bearer good");
    let (_, denied) = denied(ask(check(asked("/x?/orders", &[good]))).await.unwrap());
    assert_eq!(status(&denied), 401);
}

#[test_support::test]
async fn a_rule_that_is_not_known_lets_nothing_through() {
    let mut message = check(asked("/orders", &[("authorization", "Bearer good")]));
    for (rule, expected) in [("orders", 0), ("others", 500), ("", 500)] {
        let entry = Entry { key: "okta-introspect-rule".into(), value: rule.into() };
        message.attributes.as_mut().unwrap().context_extensions = vec![entry];
        let answer = ask(message.clone()).await.unwrap();
        match expected {
            0 => drop(allowed(answer)),
            _ => assert_eq!(status(&denied(answer).1), expected, "{rule}"),
        }
    }
}

#[test_support::test]
async fn the_proxy_shows_by_the_headers_of_the_call_who_it_is_and_no_client_does() {
    let headers = [("authorization", "Bearer caller"), ("caller", "gateway")];
    let message = check(asked("/orders", &headers));
    assert_eq!(status(&denied(ask(message.clone()).await.unwrap()).1), 401);
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("caller", "gateway".parse().unwrap());
    let answer = AuthorizationClient::new(channel().await).check(request).await;
    allowed(answer.unwrap().into_inner());
}

#[test_support::test]
async fn a_check_that_is_not_of_http_is_the_mistake_of_the_proxy() {
    let empty = AttributeContext { source: None, request: None, context_extensions: Vec::new() };
    for attributes in [None, Some(empty)] {
        let error = ask(CheckRequest { attributes }).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test_support::test]
async fn a_huge_message_is_denied() {
    let mut huge = asked("/orders", &[("authorization", "Bearer good")]);
    huge.headers.push(Entry { key: "cookie".into(), value: vec![b'a'; 64 * 1024].into() });
    let (code, denied) = denied(ask(check(huge)).await.unwrap());
    assert_eq!((code, status(&denied)), (7, 431));
}

#[test_support::test]
async fn the_health_check_says_whether_calls_are_welcome() {
    let mut client = HealthClient::new(channel().await);
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = client.check(request).await.unwrap();
        assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    }
    let request = HealthCheckRequest { service: "others".to_owned() };
    assert_eq!(client.check(request).await.unwrap_err().code(), Code::NotFound);
}

/// A call with these bytes as its message.
fn of_bytes(frame: Vec<u8>) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::new(Full::new(Bytes::from(frame)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/envoy.service.auth.v3.Authorization/Check".parse().unwrap();
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    request
}

#[test_support::test]
async fn an_answer_carries_its_outcome_for_the_metrics() {
    for (token, expected) in [
        ("Bearer good", Outcome::Allowed),
        ("Bearer bad", Outcome::Denied),
        ("Bearer odd", Outcome::Unknown),
    ] {
        let asked = check(asked("/orders", &[("authorization", token)]));
        let response = service().call(of_bytes(frame(&asked.encode_to_vec()))).await;
        assert_eq!(response.extensions().get(), Some(&expected), "{token}");
    }
}

/// Calls the service with these bytes as its message, without a network.
async fn call(frame: Vec<u8>, waits: Option<&str>) -> (HeaderMap, Option<CheckResponse>) {
    let mut request = of_bytes(frame);
    if let Some(waits) = waits {
        request.headers_mut().insert("grpc-timeout", waits.parse().unwrap());
    }
    let (parts, body) = service().call(request).await.into_parts();
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(parts.headers["content-type"], "application/grpc");
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or(parts.headers);
    let message = body.to_bytes();
    (trailers, message.get(5..).map(|message| CheckResponse::decode(message).unwrap()))
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

#[test_support::test]
async fn a_message_that_cannot_be_read_is_denied() {
    for bytes in
        [frame(b"\x0a\x05\x01"), frame(b"\xff"), frame(&[0x0a, 2, 0x22, 9]), vec![7, 0, 0, 0, 1, 0]]
    {
        let (trailers, message) = call(bytes, None).await;
        assert_eq!(trailers["grpc-status"], "0");
        let (code, denied) = denied(message.unwrap());
        assert_eq!((code, status(&denied)), (7, 400));
    }
}

#[test_support::test]
async fn what_decides_hears_of_each_call_that_cannot_be_read() {
    let mut huge = asked("/orders", &[]);
    huge.path = vec![b'/'; MAX_MESSAGE].into();
    let doubled = asked("/orders", &[("authorization", "Bearer a,Bearer b")]);
    for (bytes, why) in [
        (check(huge).encode_to_vec(), Unread::TooLarge),
        (b"\xff".to_vec(), Unread::Message),
        (check(asked("orders", &[])).encode_to_vec(), Unread::Target),
        (check(doubled).encode_to_vec(), Unread::Tokens),
    ] {
        let gate = Arc::new(Gate::default());
        let service = Grpc::new(Arc::clone(&gate), OnUnknown::Deny, MAX_MESSAGE);
        for heard in 1..=2 {
            service.call(of_bytes(frame(&bytes))).await;
            assert_eq!(*gate.unread.lock().unwrap(), vec![why; heard]);
        }
    }
}

#[test_support::test]
async fn an_answer_comes_before_the_proxy_stops_waiting() {
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let slow = check(asked("/orders", &[("authorization", "Bearer slow")]));
    let (_, message) = call(frame(&slow.encode_to_vec()), Some("200m")).await;
    assert_eq!(status(&denied(message.unwrap()).1), 503);
    let took = before.elapsed();
    assert!(took >= Duration::from_millis(180) && took < Duration::from_millis(190), "{took:?}");
}

#[test_support::test]
async fn trap_a_content_type_of_the_client_makes_no_call_of_a_question_over_http() {
    let check = "/envoy.service.auth.v3.Authorization/Check";
    for (path, media_type, expected) in [
        (check, "application/grpc", true),
        (check, "application/grpc+proto", true),
        (check, "application/grpc;x=1", true),
        ("/grpc.health.v1.Health/Check", "application/grpc", true),
        (check, "application/grpc-web", false),
        (check, "application/json", false),
        ("/authz/orders", "application/grpc", false),
        ("/authz/envoy.service.auth.v3.Authorization/Check", "application/grpc", false),
        ("/envoy.service.auth.v3.Authorization/Others", "application/grpc", false),
    ] {
        let request = http::Request::post(path).header("content-type", media_type);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        assert_eq!(is_call(&request), expected, "{path} {media_type}");
        if !expected {
            let status = service().call(request).await.status();
            assert_eq!(status, StatusCode::NOT_FOUND, "{path} {media_type}");
        }
    }
}
