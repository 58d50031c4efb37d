//! Requests per second of the example's axum app behind the gate and without.

use std::fmt::Debug;
use std::time::Duration;

use axum::Router;
use axum::routing::{MethodRouter, delete, get};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use okta_introspect::adapter::{Active, Gate};
use okta_introspect::{Checker, Clock, Requirement, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 120;
const ROUND: Duration = Duration::from_millis(100);

/// Runs all in turn, and prints them side by side.
pub(crate) fn compare(runtime: &Runtime, checker: Checker) {
    let gate = Gate::new(checker);
    let plain = || get(async || orders(USER, "Cache", 7));
    let requirement = || Requirement::new().scope("orders.read");
    let layer = gate.layer(requirement());
    let apps = [
        ("the app alone", app(plain())),
        ("its route asks for `Active`", app(get(read)).with_state(gate.rules(requirement()))),
        ("all of it behind the layer", app(plain()).layer(layer)),
    ]
    .map(|(name, app)| (name, runtime.block_on(serve(app))));
    let (mut rates, mut ratios) = (vec![Vec::new(); apps.len()], vec![Vec::new(); apps.len()]);
    for round in 0..=ROUNDS {
        let mut rate = vec![0.0; apps.len()];
        for which in super::common::turns::order(round, apps.len()) {
            rate[which] = runtime.block_on(load(&apps[which].1));
        }
        if round > 0 {
            // Round 0 warms up.
            for which in 0..apps.len() {
                rates[which].push(rate[which]);
                ratios[which].push(rate[which] / rate[0]);
            }
        }
    }
    println!("\nrequests per second, {CONNECTIONS} connections: {ROUNDS} rounds of {ROUND:?}");
    for ((name, _), (rates, ratios)) in apps.iter().zip(rates.into_iter().zip(ratios)) {
        println!("{name:<40} {:>10.0} {:>8.3}×", super::median(rates), super::median(ratios));
    }
}

const USER: &str = "ada@acme.example";

/// The routes of the example `axum_backend`.
fn app<S: Clone + Send + Sync + 'static>(orders: MethodRouter<S>) -> Router<S> {
    Router::new()
        .route("/health", get(async || "well"))
        .route("/orders", orders)
        .route("/orders/7", delete(async || "deleted"))
}

async fn read(caller: Active) -> String {
    let user = caller.sub().unwrap_or_default();
    orders(user, caller.source(), caller.age().as_millis())
}

fn orders(user: &str, source: impl Debug, age: u128) -> String {
    format!("orders of {user:?} ({source:?}, {age} ms old)")
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

/// Clients that each have a token of their own.
async fn load(address: &str) -> f64 {
    let end = SystemClock.monotonic() + ROUND;
    let mut connections = tokio::task::JoinSet::new();
    for client in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let bearer = format!("Bearer {client:x<1024}");
        connections.spawn(async move {
            let mut answered = 0_u32;
            while SystemClock.monotonic() < end {
                let request = Request::get("/orders")
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
