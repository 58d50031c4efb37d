//! What no proxy sends. Nothing of it is a yes, and nothing of it stops the sidecar.

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use okta_introspect_serve::Mode;
use tokio::net::UnixStream;

use crate::http::{Connection, Reply};
use crate::world::{Client, HOST, World};

/// Everything that comes back to these bytes, after which nothing more is sent.
async fn sent(world: &World, mode: Mode, bytes: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open(&world.socket(mode)).await;
    connection.send_all(bytes).await;
    // While another is answered so is this one, if it is; the end of the questions would cut it off.
    assert_alive(world, mode, "the first half").await;
    connection.finish().await;
    connection.rest().await
}

/// The statuses of so many answers, and of those that come after the end of the questions.
async fn answered(world: &World, mode: Mode, text: &str, count: usize) -> Vec<u16> {
    let mut connection = Connection::open(&world.socket(mode)).await;
    connection.send_all(text.as_bytes()).await;
    let mut found = Vec::new();
    while found.len() < count {
        let Some(reply) = connection.reply().await else { return found };
        found.push(reply.status);
    }
    connection.finish().await;
    found.extend(statuses(&connection.rest().await));
    found
}

/// The statuses of all answers in these bytes.
fn statuses(mut bytes: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while let Some((reply, rest)) = Reply::parse(bytes) {
        found.push(reply.status);
        bytes = rest;
    }
    found
}

async fn assert_alive(world: &World, mode: Mode, after: &str) {
    let reply = world.ask(mode, &Client::get("/health")).await;
    assert_eq!(reply.status, 200, "{mode} after {after}");
}

#[test_support::test]
async fn what_is_no_http_is_no_yes_and_ends_the_connection() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    let noise: Vec<u8> =
        (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let client_hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].repeat(10);
    let frames = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        &[0, 0xff, 0xff, 1, 5, 0, 0, 0, 1],
        &noise,
    ]
    .concat();
    let settings = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        &[0, 0, 6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    for mode in Mode::ALL {
        let good = Client::get("/orders").header("authorization", "Bearer x").through(mode);
        let cases: [(&str, Vec<u8>); 15] = [
            ("noise", noise.clone()),
            ("TLS", client_hello.clone()),
            ("bad frames", frames.clone()),
            ("settings on a stream", settings.clone()),
            ("nothing", Vec::new()),
            ("blank lines", b"\r\n".repeat(5000)),
            ("a bare line", b"GET /authz\r\n\r\n".to_vec()),
            ("another version", good.replace("HTTP/1.1", "HTTP/3.0").into_bytes()),
            ("a space before a colon", good.replace("host:", "host :").into_bytes()),
            ("a folded line", good.replace("\r\n\r\n", "\r\n folded: a\r\n\r\n").into_bytes()),
            ("NUL in a value", good.replace("Bearer x", "Bearer \0x").into_bytes()),
            ("half a head", good.trim_end().as_bytes().to_vec()),
            (
                "lengths that differ",
                good.replace("\r\n\r\n", "\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")
                    .into_bytes(),
            ),
            (
                "a negative length",
                good.replace("\r\n\r\n", "\r\ncontent-length: -1\r\n\r\n").into_bytes(),
            ),
            (
                "an unknown coding",
                good.replace("\r\n\r\n", "\r\ntransfer-encoding: gzip\r\n\r\n").into_bytes(),
            ),
        ];
        for (name, bytes) in &cases {
            let bytes = String::from_utf8(bytes.clone()).map_or_else(
                |_| bytes.clone(),
                |text| text.replace("Bearer x", &format!("Bearer {token}")).into_bytes(),
            );
            let back = sent(&world, mode, &bytes).await;
            assert!(
                !back.starts_with(b"HTTP/1.1 200") && !back.starts_with(b"HTTP/1.0 200"),
                "{mode} {name}"
            );
            assert_alive(&world, mode, name).await;
        }
    }
}

#[test_support::test]
async fn heads_are_bounded() {
    let world = World::new("").await;
    let token = format!("Bearer {}", world.token("orders.read"));
    let (long, many) = ("a".repeat(64 * 1024), "x-a: b\r\n".repeat(2000));
    for mode in Mode::ALL {
        let good = Client::get("/orders").header("authorization", &token).through(mode);
        let target = format!("/{long}");
        for (name, bytes) in [
            ("a long value", good.replace("\r\n\r\n", &format!("\r\nx-a: {long}\r\n\r\n"))),
            ("a long name", good.replace("\r\n\r\n", &format!("\r\n{long}: a\r\n\r\n"))),
            ("many lines", good.replace("\r\n\r\n", &format!("\r\n{many}\r\n"))),
            ("a long target", Client::get(&target).header("authorization", &token).through(mode)),
            ("a long method", format!("{long} /authz HTTP/1.1\r\nhost: a\r\n\r\n")),
            ("a head without end", format!("GET /authz HTTP/1.1\r\n{many}")),
        ] {
            let back = sent(&world, mode, bytes.as_bytes()).await;
            assert_ne!(statuses(&back).first(), Some(&200), "{mode} {name}");
            assert_alive(&world, mode, name).await;
        }
    }
}

#[test_support::test]
async fn odd_requests_are_answered_as_what_they_are() {
    let world = World::new("").await;
    let token = format!("Bearer {}", world.token("orders.read"));
    for mode in Mode::ALL {
        let good = Client::get("/orders").header("authorization", &token).through(mode);
        let bare = Client::get("/orders").through(mode);
        let line = |text: &str| text.lines().next().unwrap().to_owned();
        let absolute = |text: &str, host: &str| {
            let first = line(text);
            let target = first.split(' ').nth(1).unwrap().to_owned();
            text.replacen(&target, &format!("http://{host}{target}"), 1)
        };
        // One after the other, each for itself: no answer is for another's question.
        let pipelined = [&*good, &bare, &good, &bare].concat();
        assert_eq!(answered(&world, mode, &pipelined, 4).await, [200, 401, 200, 401], "{mode}");
        // HTTP/1.0 has no connection that is kept.
        let old = [good.replace("HTTP/1.1", "HTTP/1.0"), good.clone()].concat();
        assert_eq!(answered(&world, mode, &old, 1).await, [200], "{mode}");
        // A body belongs to the question, and what stands in it is no second one.
        let chunked = |text: &str, body: &str| {
            text.replacen(
                "\r\n\r\n",
                &format!(
                    "\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                ),
                1,
            )
        };
        let smuggled = answered(&world, mode, &chunked(&bare, &good), 1).await;
        assert_eq!(smuggled, [401], "{mode}");
        let both = bare.replacen(
            "\r\n\r\n",
            &format!("\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{good}"),
            1,
        );
        let both = answered(&world, mode, &both, 1).await;
        assert!(!both.contains(&200), "{mode}: {both:?}");
        // An absolute target is the same request, if it names the same host.
        let same = answered(&world, mode, &absolute(&good, HOST), 1).await;
        let other = answered(&world, mode, &absolute(&good, "evil.example"), 1).await;
        match mode {
            Mode::Envoy => assert_eq!((same, other), (vec![200], vec![400])),
            // The line is the proxy's own here: it says where the sidecar is.
            _ => assert_eq!((same, other), (vec![200], vec![200]), "{mode}"),
        }
        if mode == Mode::Envoy {
            let twice = good.replacen("host:", "host: evil.example\r\nhost:", 1);
            let twice = answered(&world, mode, &twice, 1).await;
            assert!(!twice.contains(&200), "{twice:?}");
            let none = good.replacen(&format!("host: {HOST}\r\n"), "", 1);
            assert!(!answered(&world, mode, &none, 1).await.contains(&200));
        }
        for form in ["*", "api.acme.example:443"] {
            let method = if form == "*" { "OPTIONS" } else { "CONNECT" };
            let first = line(&good);
            let text = good.replacen(&first, &format!("{method} {form} HTTP/1.1"), 1);
            let back = sent(&world, mode, text.as_bytes()).await;
            assert!(!back.starts_with(b"HTTP/1.1 2"), "{mode} {form}");
        }
        assert_alive(&world, mode, "odd requests").await;
    }
}

#[test_support::test]
async fn two_tokens_in_any_form_are_none() {
    let world = World::new("").await;
    let (one, two) = (world.token("orders.read"), world.token("orders.read"));
    let [bearer, other, dpop] =
        [format!("Bearer {one}"), format!("Bearer {two}"), format!("DPoP {one}")];
    let listed = format!("{bearer}, {other}");
    for mode in Mode::ALL {
        for (name, lines) in [
            ("two lines", vec![&*bearer, &*other]),
            ("the same twice", vec![&*bearer, &*bearer]),
            ("a list", vec![&*listed]),
            ("two schemes", vec![&*bearer, &*dpop]),
            ("another scheme", vec!["Basic YTpi"]),
            ("no scheme", vec![&*one]),
            ("nothing", vec![""]),
        ] {
            let mut client = Client::get("/orders");
            for line in lines {
                client = client.header("authorization", line);
            }
            let reply = world.ask(mode, &client).await;
            assert!(matches!(reply.status, 400 | 401), "{mode} {name}: {reply:?}");
        }
        // Not in the query, and not in another header.
        let target = format!("/orders?access_token={one}");
        let client = Client::get(&target).header("x-forwarded-access-token", &one);
        assert_eq!(world.ask(mode, &client).await.status, 401, "{mode}");
    }
}

#[test_support::test]
async fn grpc_is_spoken_in_the_mode_of_envoy_alone() {
    let world = World::new("").await;
    let call = "/envoy.service.auth.v3.Authorization/Check";
    for mode in Mode::ALL {
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
            let post = crate::http::request("POST", call, &[("content-type", kind)], "\0\0\0\0\0");
            let back = sent(&world, mode, post.as_bytes()).await;
            let Some((reply, _)) = Reply::parse(&back) else { continue };
            // gRPC says 200 where there is an answer at all, and the verdict stands in the trailers.
            let is_refused = reply.one_or("grpc-status", "none") != "0";
            assert!(
                reply.status != 200 || (mode == Mode::Envoy && is_refused),
                "{mode} {kind}: {reply:?}"
            );
        }
        assert_alive(&world, mode, "gRPC").await;
    }
}

/// The status of an answer over HTTP/2, without TLS.
async fn over_h2(world: &World, mode: Mode, request: ::http::Request<Empty<Bytes>>) -> u16 {
    let stream = UnixStream::connect(world.socket(mode)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap().status().as_u16()
}

#[test_support::test]
async fn http_2_without_tls_is_the_same_question() {
    let world = World::new("").await;
    let good = format!("Bearer {}", world.token("orders.read"));
    for mode in Mode::ALL {
        for (host, authorization, expected) in [
            (HOST, Some(&*good), 200),
            (HOST, None, 401),
            (HOST, Some("Bearer made-up"), 401),
            ("evil.example", Some(&*good), 403),
        ] {
            // The same headers as over HTTP/1.1.
            let mut client = Client { host, ..Client::get("/orders") };
            if let Some(authorization) = authorization {
                client = client.header("authorization", authorization);
            }
            let text = client.through(mode);
            let mut lines = text.trim_end().split("\r\n");
            let target = lines.next().unwrap().split(' ').nth(1).unwrap();
            let authority = if mode == Mode::Envoy { host } else { "sidecar" };
            let mut request = ::http::Request::get(format!("http://{authority}{target}"));
            for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
                if name != "host" {
                    request = request.header(name, value);
                }
            }
            let request = request.body(Empty::new()).unwrap();
            assert_eq!(over_h2(&world, mode, request).await, expected, "{mode} {host}");
        }
        let twice = ::http::Request::get(format!("http://{HOST}/check/orders"));
        let twice = twice.header("host", "evil.example").header("authorization", &good);
        let status = over_h2(&world, mode, twice.body(Empty::new()).unwrap()).await;
        assert_eq!(status, if mode == Mode::Envoy { 400 } else { 404 }, "{mode}");
    }
}

#[test_support::test]
async fn those_who_break_off_take_nothing_with_them() {
    let world = World::new("").await;
    let token = format!("Bearer {}", world.token("orders.read"));
    for mode in Mode::ALL {
        let good = Client::get("/orders").header("authorization", &token).through(mode);
        for length in [1, good.len() / 2, good.len() - 1, good.len()] {
            let mut connections = Vec::new();
            for _ in 0..50 {
                let mut connection = Connection::open(&world.socket(mode)).await;
                connection.send(&good.as_bytes()[..length]).await;
                connections.push(connection);
            }
            // What is unread at this end is a reset at the other.
            drop(connections);
        }
        assert_alive(&world, mode, "breaking off").await;
    }
    while world.open_connections().await > 1.0 {
        tokio::task::yield_now().await;
    }
}
