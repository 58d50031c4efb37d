//! A service that is asked as the sidecar is, over HTTP and gRPC on one unix socket, and answers what the token says.
//! With it each kind of answer can be had at will, also those that the sidecar gives rarely or never.

use std::convert::Infallible;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use okta_introspect_serve::{Address, Proxy};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use super::protobuf::{self, field, text, varint};

/// The headers that a yes has.
pub(super) const IDENTITY: [&str; 3] = ["X-Auth-Sub", "X-Auth-Client-Id", "X-Auth-Scope"];

/// Of a 401; both schemes in one line.
pub(super) const UNAUTHORIZED: &str = "Bearer error=\"invalid_token\", DPoP algs=\"ES256\"";

/// Of a 403.
pub(super) const FORBIDDEN: &str = "Bearer error=\"insufficient_scope\", scope=\"orders.write\"";

/// What the service was asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Question {
    pub(super) method: String,
    /// None where the way of asking has none.
    pub(super) scheme: Option<String>,
    pub(super) host: String,
    pub(super) target: String,
    pub(super) authorization: Vec<String>,
    pub(super) dpop: Vec<String>,
    /// Over HTTP only.
    pub(super) announces_body: bool,
}

/// A running service.
pub(super) struct Stub {
    seen: Arc<Mutex<Seen>>,
    folder: TempDir,
}

#[derive(Default)]
struct Seen {
    questions: Vec<Question>,
    connections: usize,
}

impl Stub {
    pub(super) async fn start(proxy: Proxy) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("authz.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                told.lock().unwrap().connections += 1;
                let told = Arc::clone(&told);
                match proxy {
                    Proxy::EnvoyGrpc => drop(tokio::spawn(serve_grpc(stream, told))),
                    _ => drop(tokio::spawn(serve_http(stream, proxy, told))),
                }
            }
        });
        Self { seen, folder }
    }

    pub(super) fn address(&self) -> Address {
        let path: PathBuf = self.folder.path().join("authz.sock");
        Address::Unix(path.display().to_string())
    }

    /// What it was asked since the last call.
    pub(super) fn questions(&self) -> Vec<Question> {
        std::mem::take(&mut self.seen.lock().unwrap().questions)
    }

    /// How many connections were opened since the last call.
    pub(super) fn connections(&self) -> usize {
        std::mem::take(&mut self.seen.lock().unwrap().connections)
    }
}

/// An answer, by the token.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
}

/// None: no answer at all.
fn reply(question: &Question) -> Option<Reply> {
    let [authorization] = &*question.authorization else {
        return Some(Reply { status: 401, headers: vec![("WWW-Authenticate", UNAUTHORIZED)] });
    };
    let yes = || IDENTITY.into_iter().zip(["00u1ada", "0oa1portal", "orders.read"]);
    let (status, headers) = match authorization.as_str() {
        "Bearer good" | "DPoP good" => (200, yes().collect()),
        "Bearer partial" => (200, yes().skip(1).collect()),
        "Bearer scope" => (403, vec![("WWW-Authenticate", FORBIDDEN)]),
        "Bearer down" => (503, vec![("Retry-After", "7")]),
        "Bearer flood" => (429, vec![("Retry-After", "3")]),
        "Bearer ambiguous" => (400, Vec::new()),
        "Bearer misconfigured" => (500, Vec::new()),
        "Bearer redirect" => (302, vec![("Location", "https://evil.example/")]),
        "Bearer hang" => return None,
        _ => (401, vec![("WWW-Authenticate", UNAUTHORIZED)]),
    };
    Some(Reply { status, headers })
}

async fn serve_http(stream: UnixStream, proxy: Proxy, seen: Arc<Mutex<Seen>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let question = asked(proxy, &request);
        let reply = reply(&question);
        seen.lock().unwrap().questions.push(question);
        async move {
            let Some(reply) = reply else { return pending().await };
            let mut response = Response::builder().status(reply.status);
            for (name, value) in reply.headers {
                response = response.header(name, value);
            }
            // nginx gives up a connection on which a body comes, which it has no use for.
            let has_body = reply.status != 200 && proxy != Proxy::Nginx;
            let said = if has_body { "said" } else { "" };
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from(said)).unwrap())
        }
    });
    let server = hyper::server::conn::http1::Builder::new();
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// The original request, from where the sidecar reads it in this mode.
fn asked(proxy: Proxy, request: &Request<Incoming>) -> Question {
    let all = |name: &str| -> Vec<String> {
        let values = request.headers().get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let one = |name: &str| all(name).join(" and ");
    let mut question = Question {
        authorization: all("authorization"),
        dpop: all("dpop"),
        announces_body: !request.body().is_end_stream(),
        ..Question::default()
    };
    match proxy {
        Proxy::Nginx => {
            let url = one("x-original-url");
            let (scheme, rest) = url.split_once("://").unwrap_or_default();
            let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            question.method = one("x-original-method");
            question.scheme = Some(scheme.to_owned());
            (question.host, question.target) = (host.to_owned(), target.to_owned());
        }
        Proxy::Envoy => {
            question.method = request.method().to_string();
            question.host = one("host");
            let target = request.uri().to_string();
            question.target = target.strip_prefix("/authz").unwrap_or_default().to_owned();
        }
        _ => {
            question.method = one("x-forwarded-method");
            question.scheme = Some(one("x-forwarded-proto"));
            question.host = one("x-forwarded-host");
            question.target = one("x-forwarded-uri");
        }
    }
    question
}

async fn serve_grpc(stream: UnixStream, seen: Arc<Mutex<Seen>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(check(request, respond, Arc::clone(&seen)));
    }
}

async fn check(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    seen: Arc<Mutex<Seen>>,
) {
    assert_eq!(request.uri().path(), "/envoy.service.auth.v3.Authorization/Check");
    let mut body = request.into_body();
    let mut message = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        message.extend_from_slice(&data);
    }
    let question = checked(&message[5..]);
    let reply = reply(&question);
    seen.lock().unwrap().questions.push(question);
    let Some(reply) = reply else { return pending().await };
    let answer = encoded(&reply);
    let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
    let framed = Bytes::from([&[0], &length[..], &answer].concat());
    let head = Response::builder().header("content-type", "application/grpc");
    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
    let _ = stream.send_data(framed, false);
    let trailers = [("grpc-status".parse().unwrap(), "0".parse().unwrap())];
    let _ = stream.send_trailers(trailers.into_iter().collect());
}

/// `attributes.request.http` of a `CheckRequest`.
fn checked(message: &[u8]) -> Question {
    let http = [1, 4, 2].into_iter().fold(message.to_vec(), |message, number| {
        protobuf::fields(&message, number).into_iter().next().unwrap_or_default()
    });
    let one = |number| {
        let values = protobuf::fields(&http, number);
        values.first().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    let mut question = Question {
        method: one(2),
        scheme: Some(one(6)),
        host: one(5),
        target: one(4),
        ..Question::default()
    };
    // header_map: headers, each with key and raw value.
    for header in protobuf::fields(&http, 13).iter().flat_map(|map| protobuf::fields(map, 1)) {
        let part = |number| {
            let values = protobuf::fields(&header, number);
            values.first().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let value = part(3).or_else(|| part(2)).unwrap_or_default();
        match part(1).as_deref() {
            Some("authorization") => question.authorization.push(value),
            Some("dpop") => question.dpop.push(value),
            _ => {}
        }
    }
    question
}

/// A `CheckResponse`.
fn encoded(reply: &Reply) -> Vec<u8> {
    let header = |(name, value): &(&str, &str)| {
        // OVERWRITE_IF_EXISTS_OR_ADD
        let option = [field(1, &[text(1, name), text(2, value)].concat()), varint(3, 2)].concat();
        field(2, &option)
    };
    let headers: Vec<u8> = reply.headers.iter().flat_map(header).collect();
    match reply.status {
        200 => [field(1, &varint(1, 0)), field(3, &headers)].concat(),
        status => {
            let status = field(1, &varint(1, status.into()));
            let denied = [status, headers, text(3, "said")].concat();
            [field(1, &varint(1, 7)), field(2, &denied)].concat()
        }
    }
}
