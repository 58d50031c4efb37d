//! Requests per second of an axum app with the layer and without.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use okta_introspect::adapter::Gate;
use okta_introspect::{Checker, Clock, Requirement, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(300);

/// Runs both in turn, and prints them side by side.
pub(crate) fn compare(runtime: &Runtime, checker: Checker) {
    let token = "x".repeat(1024);
    let app = || Router::new().route("/", get(async || "hello"));
    let layer = Gate::new(checker).layer(Requirement::new().scope("orders.read"));
    let plain = runtime.block_on(serve(app()));
    let guarded = runtime.block_on(serve(app().layer(layer)));
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..=ROUNDS {
        let mut rate = [0.0; 2];
        for turn in 0..2 {
            let which = (turn + round) % 2;
            let address = [&plain, &guarded][which];
            rate[which] = runtime.block_on(load(address, &token));
        }
        if round > 0 {
            // Round 0 warms up.
            rates[0].push(rate[0]);
            rates[1].push(rate[1]);
            ratios.push(rate[1] / rate[0]);
        }
    }
    let [plain, guarded] = rates.map(super::median);
    println!("\nrequests per second, {CONNECTIONS} connections: {ROUNDS} rounds of {ROUND:?}");
    println!("{:<40} {plain:>10.0}", "the app alone");
    println!("{:<40} {guarded:>10.0} {:>8.3}×", "behind the layer", super::median(ratios));
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

async fn load(address: &str, token: &str) -> f64 {
    let end = SystemClock.monotonic() + ROUND;
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let bearer = format!("Bearer {token}");
        connections.spawn(async move {
            let mut answered = 0_u32;
            while SystemClock.monotonic() < end {
                let request = Request::get("/")
                    .header("host", "localhost")
                    .header("authorization", &bearer)
                    .body(Empty::<Bytes>::new())
                    .unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.unwrap();
                answered += 1;
            }
            answered
        });
    }
    let answered: u32 = connections.join_all().await.into_iter().sum();
    f64::from(answered) / ROUND.as_secs_f64()
}
