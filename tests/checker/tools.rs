//! The guard of an MCP server: the requirement of each tool, whatever the body of a request is like.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use okta_introspect::adapter::{Gate, McpBody, McpLayer, McpRules, ResourceMetadata};
use okta_introspect::checker::{Authorized, Requirement};
use okta_introspect::{Algorithm, Issuer, SigningKey};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::guard::{RESOURCE, challenge, gate, script};
use crate::script::{ISSUER, checker, proof};
use crate::support::seconds;

fn rules() -> McpRules {
    let now = Requirement::new().scope("orders.delete").max_age(Duration::ZERO);
    McpRules::new(Requirement::new().scope("orders.read")).tool("delete_order", now)
}

/// What comes to the service behind the guard.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Bytes>>>);

impl Seen {
    fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A guarded service that keeps what it is sent.
    fn behind(
        &self,
        layer: &McpLayer,
    ) -> impl Service<Request<Pieces>, Response = Response<Body>, Error = Infallible> + Clone + use<>
    {
        let seen = self.clone();
        layer.layer(service_fn(move |request: Request<McpBody>| {
            let seen = seen.clone();
            async move {
                assert!(request.extensions().get::<Authorized>().is_some(), "it was checked");
                let body = request.into_body().collect().await.unwrap().to_bytes();
                seen.0.lock().unwrap().push(body);
                Ok(Response::new(Body::from("in")))
            }
        }))
    }
}

/// A body that comes in pieces, and counts how often it is asked for one.
#[derive(Clone, Default)]
struct Pieces {
    pieces: VecDeque<Result<Bytes, &'static str>>,
    hint: SizeHint,
    polls: Arc<AtomicUsize>,
    /// Whether more is announced that never comes.
    stalls: bool,
}

impl Pieces {
    fn of(body: &str, size: usize) -> Self {
        let pieces = body.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        Self { pieces: pieces.collect(), ..Self::default() }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        match self.pieces.pop_front() {
            None if self.stalls => Poll::Pending,
            piece => Poll::Ready(piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

fn post(token: &str, body: Pieces) -> Request<Pieces> {
    let request = Request::post("/mcp").header("authorization", format!("Bearer {token}"));
    request.header("mcp-name", "harmless").body(body).unwrap()
}

fn call(tool: &str) -> String {
    let (start, name) = (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"#, json!(tool));
    format!(r#"{start}{{"name":{name},"arguments":{{}}}}}}"#)
}

/// Each body, and what is answered to a token that may read, and to one that may delete as well.
fn bodies() -> Vec<(&'static str, String, u16, u16)> {
    let deep = |levels| {
        let (open, shut) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"method":"tools/call","params":{{"name":"read","arguments":{open}{shut}}}}}"#)
    };
    let long = |bytes: usize| {
        let start = r#"{"method":"tools/call","params":{"name":"read","arguments":""#;
        format!("{start}{}\"}}}}", "x".repeat(bytes - start.len() - 3))
    };
    let delete = call("delete_order");
    let altered = |part: &str, other: &str| {
        assert!(delete.contains(part), "{part}");
        delete.replace(part, other)
    };
    let text = str::to_owned;
    vec![
        ("a tool without a rule", call("read"), 200, 200),
        ("a guarded tool", delete.clone(), 403, 200),
        ("the same, escaped", altered("delete", r"d\u0065lete"), 403, 200),
        ("the same, as a notification", altered(r#""id":1,"#, ""), 403, 200),
        ("the same, with other ids", altered(r#""id":1"#, r#""id":null"#), 403, 200),
        ("the same, of no version", altered(r#""jsonrpc":"2.0","#, ""), 403, 200),
        ("the same, with blanks", format!("\r\n\t {delete} \n"), 403, 200),
        ("the same, in capitals", call("DELETE_ORDER"), 400, 400),
        ("the same, with a blank", call("delete_order "), 400, 400),
        ("the same, with a zero", call("delete_order\0"), 400, 400),
        ("the same, up to a zero", call("delete_order\0.read"), 400, 400),
        ("the same, with a mark behind", call("delete_order\u{feff}"), 400, 400),
        ("the same, with a blank of no width", call("delete\u{200b}_order"), 400, 400),
        ("another tool, with a zero", call("rea\0d"), 400, 400),
        ("a method up to a zero", altered("tools/call", r"tools/call\u0000x"), 400, 400),
        (
            "a second method up to a zero",
            text(
                r#"{"method":"ping","method\u0000x":"tools/call","params":{"name":"delete_order"}}"#,
            ),
            400,
            400,
        ),
        (
            "a second name up to a zero",
            altered(r#""name""#, r#""name":"read","name\u0000x""#),
            400,
            400,
        ),
        ("a prototype", format!(r#"{{"id":1,"__proto__":{delete}}}"#), 400, 400),
        (
            "a prototype of params",
            altered(r#""name":"delete_order""#, r#""name":"read","__proto__":{"name":"x"}"#),
            400,
            400,
        ),
        ("an unknown tool", call("format_disk"), 200, 200),
        ("a tool without a name", call(""), 200, 200),
        ("the method in capitals", altered("tools/call", "Tools/Call"), 400, 400),
        ("a member in capitals", altered(r#""params""#, r#""Params""#), 400, 400),
        ("a second method", altered(r#""id""#, r#""method":"ping","id""#), 400, 400),
        ("a second name", altered(r#""name""#, r#""name":"read","name""#), 400, 400),
        ("a second name, in capitals", altered(r#""name""#, r#""name":"read","NAME""#), 400, 400),
        ("second params", altered(r#""params""#, r#""params":{},"params""#), 400, 400),
        ("a number for a name", text(r#"{"method":"tools/call","params":{"name":1}}"#), 400, 400),
        ("no params", text(r#"{"method":"tools/call"}"#), 400, 400),
        (
            "a list of params",
            text(r#"{"method":"tools/call","params":["delete_order"]}"#),
            400,
            400,
        ),
        (
            "a number for a method",
            text(r#"{"method":7,"params":{"name":"delete_order"}}"#),
            400,
            400,
        ),
        ("another method", text(r#"{"id":1,"method":"tools/list"}"#), 200, 200),
        ("a notification", text(r#"{"method":"notifications/initialized"}"#), 200, 200),
        ("an answer", text(r#"{"id":1,"result":{"name":"delete_order"}}"#), 200, 200),
        ("a list without it", format!("[{},{}]", call("read"), call("other")), 200, 200),
        ("a list with it", format!("[{},{delete},{}]", call("read"), call("other")), 403, 200),
        ("a list with it alone", format!("[{delete}]"), 403, 200),
        ("a list with one that is none", format!("[{},7]", call("read")), 400, 400),
        ("a list in a list", format!("[[{delete}]]"), 400, 400),
        ("an empty list", text("[]"), 400, 400),
        ("a list too long", format!("[{}]", vec!["{}"; 257].join(",")), 400, 400),
        ("two messages", format!("{}{delete}", call("read")), 400, 400),
        ("two lines", format!("{}\n{delete}", call("read")), 400, 400),
        ("nothing", String::new(), 400, 400),
        ("no JSON", text("method=tools/call&name=delete_order"), 400, 400),
        ("a mark in front", format!("\u{feff}{delete}"), 400, 400),
        ("something missing", delete[..delete.len() - 1].to_owned(), 400, 400),
        ("deep arguments", deep(62), 200, 200),
        ("too deep arguments", deep(63), 400, 400),
        ("far too deep arguments", deep(50_000), 400, 400),
        ("the largest body", long(McpRules::DEFAULT_MAX_BODY), 200, 200),
        ("one byte more", long(McpRules::DEFAULT_MAX_BODY + 1), 413, 413),
        ("10 MB", long(10_000_000), 413, 413),
    ]
}

#[test_support::test]
async fn nothing_gets_past_the_requirement_of_a_tool() {
    let (_, script) = script();
    let (seen, layer) = (Seen::default(), gate(&script).mcp_layer(rules()));
    let service = seen.behind(&layer);
    for (name, body, reader, writer) in bodies() {
        // What is refused for its body is so whatever the token is.
        let revoked = if writer == 200 { 401 } else { writer };
        for (token, status) in [("reader", reader), ("writer", writer), ("revoked", revoked)] {
            for size in [usize::MAX, 1] {
                if size == 1 && body.len() > 100_000 {
                    continue; // a million pieces tell no more than these
                }
                let size = size.min(body.len().max(1));
                let request = post(token, Pieces::of(&body, size));
                let response = service.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), status, "{name}, {token}, {size}");
                let came = seen.take();
                let expected = if status == 200 { vec![Bytes::from(body.clone())] } else { vec![] };
                assert!(
                    came == expected,
                    "{name}, {token}, {size}: what came is not what was sent"
                );
            }
        }
    }
}

/// Readers of JSON in JavaScript unpack a body, and take its letters for what its head says they are.
#[test_support::test]
async fn a_body_that_the_head_gives_another_meaning_is_refused() {
    let (_, script) = script();
    let seen = Seen::default();
    let service = seen.behind(&gate(&script).mcp_layer(rules()));
    let utf7 = r#"{"method":"ping","+AG0-ethod":"tools/call","params":{"name":"delete_order"}}"#;
    for (name, value, status) in [
        ("content-type", "application/json", 200),
        ("content-type", "application/json; charset=utf-8", 200),
        ("content-type", "application/json;charset=\"UTF-8\"", 200),
        ("content-type", "application/json; charset=utf-7", 415),
        ("content-type", "application/json; Charset = UTF-7", 415),
        ("content-type", "application/json; charset=utf-8; charset=utf-7", 415),
        ("content-type", "application/json; charset=\"utf-8\\\"", 415),
        ("content-type", "application/json; charset*=utf-8''utf-7", 415),
        ("content-type", "application/json; charset", 415),
        ("content-type", "application/json; x=\u{fc}", 415),
        ("content-encoding", "identity", 200),
        ("content-encoding", "Identity", 200),
        ("content-encoding", "deflate", 415),
        ("content-encoding", "identity, deflate", 415),
        ("content-encoding", "", 415),
    ] {
        let mut request = post("reader", Pieces::of(utf7, 99));
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{name}: {value}");
        assert_eq!(seen.take().len(), usize::from(status == 200), "{name}: {value}");
    }
    let mut twice = post("reader", Pieces::of(utf7, 99));
    for charset in ["utf-8", "utf-7"] {
        let value = format!("application/json; charset={charset}").parse().unwrap();
        twice.headers_mut().append("content-type", value);
    }
    assert_eq!(service.oneshot(twice).await.unwrap().status(), 415);
}

#[test_support::test]
async fn a_tool_that_asks_for_now_sees_a_revocation_at_once_and_the_others_within_their_bound() {
    let (clock, script) = script();
    let service = Seen::default().behind(&gate(&script).mcp_layer(rules()));
    let ask = async |body: String| {
        let request = post("writer", Pieces::of(&body, 64));
        service.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let list = || format!("[{},{}]", call("read"), call("delete_order"));
    assert_eq!(ask(call("read")).await, 200);
    assert_eq!((ask(call("read")).await, script.calls()), (200, 1), "from the cache");
    assert_eq!((ask(call("delete_order")).await, script.calls()), (200, 2), "asked anew");
    assert_eq!(
        (ask(list()).await, script.calls()),
        (200, 3),
        "a list is as strict as its strictest"
    );
    script.revoke("writer");
    assert_eq!(ask(call("read")).await, 200, "known for less than half a minute");
    clock.advance(seconds(30));
    assert_eq!(ask(call("read")).await, 200);
    clock.advance(Duration::from_nanos(1_000_000));
    assert_eq!(ask(call("read")).await, 401);
    script.active("writer", json!({"scope": "orders.read orders.delete", "aud": RESOURCE}));
    clock.advance(seconds(31));
    assert_eq!(ask(call("read")).await, 200);
    script.revoke("writer");
    assert_eq!(ask(list()).await, 401, "at the next call");
    assert_eq!(ask(call("read")).await, 401, "what that has found out counts for all");
}

#[test_support::test]
async fn a_body_is_not_waited_for_beyond_what_is_allowed() {
    let (clock, script) = script();
    let (seen, layer) = (Seen::default(), gate(&script).mcp_layer(rules().max_body(100)));
    let service = seen.behind(&layer);
    let status = async |request| service.clone().oneshot(request).await.unwrap().status().as_u16();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = |body: Pieces| Pieces { polls: Arc::clone(&polls), ..body };

    let anonymous = Request::post("/mcp").body(counted(Pieces::of(&call("read"), 1))).unwrap();
    assert_eq!(status(anonymous).await, 401);
    let announced = Pieces { hint: SizeHint::with_exact(101), ..Pieces::of("{}", 1) };
    assert_eq!(status(post("reader", counted(announced))).await, 413);
    assert_eq!(polls.load(Ordering::SeqCst), 0, "nothing was read");
    assert_eq!(status(post("reader", counted(Pieces::of(&"x".repeat(1000), 10)))).await, 413);
    assert_eq!(polls.load(Ordering::SeqCst), 11, "reading ends with the piece that is too much");

    let mut broken = Pieces::of(&call("read"), 20);
    broken.pieces.push_back(Err("the client is gone"));
    assert_eq!(status(post("reader", broken)).await, 400);

    let stalling = || Pieces { stalls: true, ..Pieces::of("{\"id\":", 20) };
    let mut waiting = Box::pin(status(post("reader", stalling())));
    assert!(futures_now(&mut waiting).await.is_none());
    clock.advance(seconds(29));
    assert!(futures_now(&mut waiting).await.is_none());
    clock.advance(seconds(1));
    assert_eq!(waiting.await, 408);
    assert_eq!((seen.take().len(), script.calls()), (0, 0));
}

/// What a future has to say when it is polled once.
async fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[test_support::test]
async fn requests_without_a_body_have_to_meet_the_default_and_streams_are_left_alone() {
    let (_, script) = script();
    script.active("other", json!({"scope": "other", "aud": RESOURCE}));
    let layer = gate(&script).mcp_layer(rules());
    let endless = || {
        Body::new(
            Pieces { stalls: true, ..Pieces::of("data: 1\n\n", 20) }.map_err(axum::Error::new),
        )
    };
    let service = layer.layer(service_fn(move |_: Request<McpBody>| {
        let answer = Response::new(endless());
        async { Ok::<_, Infallible>(answer) }
    }));
    for (method, token, status) in [
        (Method::GET, "reader", 200),
        (Method::GET, "other", 403),
        (Method::GET, "revoked", 401),
        (Method::DELETE, "reader", 200),
        (Method::DELETE, "other", 403),
        (Method::OPTIONS, "other", 403),
        (Method::POST, "reader", 400),
    ] {
        let request = Request::builder().method(&method).uri("/mcp");
        let request = request.header("authorization", format!("Bearer {token}"));
        let response = service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{method} {token}");
        if status == 200 {
            let event = response.into_body().frame().await.unwrap().unwrap();
            assert_eq!(event.into_data().unwrap(), "data: 1\n\n", "it goes on as it comes");
        }
    }
    // The service might look at a body whatever the method is.
    let hidden = Request::get("/mcp").header("authorization", "Bearer reader");
    let hidden = hidden.body(Pieces::of(&call("delete_order"), 9)).unwrap();
    assert_eq!(service.oneshot(hidden).await.unwrap().status(), 403);
}

#[test_support::test]
async fn a_refused_call_is_told_which_scopes_would_do_and_where_to_get_them() {
    let (_, script) = script();
    let either = Requirement::new().any_scope(["orders.a", "orders.b"]);
    let rules = rules().tool("audit", either);
    let service = Seen::default().behind(&gate(&script).mcp_layer(rules));
    let url = "https://api.acme.example/.well-known/oauth-protected-resource/mcp";
    let list = format!("[{},{}]", call("read"), call("delete_order"));
    for (name, token, body, status, expected) in [
        ("no token", None, call("delete_order"), 401, r#"Bearer scope="orders.read""#),
        (
            "revoked",
            Some("revoked"),
            call("delete_order"),
            401,
            r#"Bearer error="invalid_token", scope="orders.delete""#,
        ),
        (
            "step-up",
            Some("reader"),
            call("delete_order"),
            403,
            r#"Bearer error="insufficient_scope", scope="orders.delete""#,
        ),
        (
            "one would do",
            Some("reader"),
            format!("[{},{}]", call("read"), call("audit")),
            403,
            r#"Bearer error="insufficient_scope", scope="orders.read orders.a orders.b""#,
        ),
        (
            "of a list",
            Some("reader"),
            list,
            403,
            r#"Bearer error="insufficient_scope", scope="orders.read orders.delete""#,
        ),
    ] {
        let mut request = post("x", Pieces::of(&body, 99));
        match token {
            Some(token) => request
                .headers_mut()
                .insert("authorization", format!("Bearer {token}").parse().unwrap()),
            None => request.headers_mut().remove("authorization"),
        };
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{name}");
        let expected = format!(r#"{expected}, resource_metadata="{url}""#);
        assert_eq!(challenge(response.headers()), expected, "{name}");
    }
}

#[test_support::test]
async fn a_list_of_messages_uses_its_proof_once() {
    let (_, script) = script();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let scope = "orders.read orders.delete";
    let cnf = json!({"jkt": key.public_jwk().thumbprint()});
    script.active("bound", json!({"scope": scope, "aud": RESOURCE, "cnf": cnf}));
    let issuer = Issuer::parse(ISSUER).unwrap();
    let resource = ResourceMetadata::builder(RESOURCE).authorization_server(&issuer);
    let gate = Gate::new(checker(&script, |_| {})).resource(resource.dpop().build().unwrap());
    let service = Seen::default().behind(&gate.mcp_layer(rules()));
    let list = format!("[{},{},{}]", call("read"), call("delete_order"), call("read"));
    let (first, second) =
        (proof(&key, "POST", RESOURCE, "bound", 1), proof(&key, "POST", RESOURCE, "bound", 2));
    for (proof, status) in [(&first, 200), (&first, 401), (&second, 200)] {
        let mut request = post("x", Pieces::of(&list, 50));
        let headers = request.headers_mut();
        headers.insert("authorization", "DPoP bound".parse().unwrap());
        headers.insert("dpop", proof.parse().unwrap());
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status);
    }
}
