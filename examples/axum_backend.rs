//! A backend with three routes: a public one, one that asks for a scope, and one that asks the
//! server itself before a dangerous act. Their rules are a configuration; refusals are heard of,
//! and checks are counted for Prometheus.
//!
//! `cargo run --example axum_backend --features axum,prometheus,sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use okta_introspect::adapter::{Active, Gate, Rules};
use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{Checker, KeyOptions, SigningKey, Token};
use okta_introspect_settings::{Environment, Setting, Settings};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// As it might stand in a file. Reading may go on for half a minute after a revocation, the
/// default; deleting may not: `max_age` zero asks the server each time. What is not here is
/// refused.
const RULES: &str = r#"{
    "GET /orders": {"scopes": ["orders.read"]},
    "DELETE /orders/{id}": {"scopes": ["orders.write"], "user": true, "max_age": 0}
}"#;

/// A key for trying things out; with a server that is not on loopback it is refused.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/sample-p256.pem");

async fn read(caller: Active) -> String {
    let age = caller.age().as_millis();
    format!("orders of {:?} ({:?}, {age} ms old)", user(&caller), caller.source())
}

async fn remove(caller: Active) -> String {
    format!("deleted for {:?} ({:?})", user(&caller), caller.source())
}

fn user(caller: &Active) -> &str {
    caller.username().unwrap_or_default()
}

/// What Prometheus reads. It tells issuers and how much goes on, but no token and no user; a service
/// that faces the internet serves it on another port.
fn metrics(registry: &Registry) -> Result<impl IntoResponse + use<>, StatusCode> {
    let mut text = String::new();
    encode(&mut text, registry).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, format)], text))
}

pub(crate) fn backend(gate: Gate, checker: &Checker) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(checker.clone()));
    let registry = Arc::new(registry);
    Router::new()
        .route("/health", get(async || "well"))
        .route("/metrics", get(async move || metrics(&registry)))
        .route("/orders", get(read))
        .route("/orders/{id}", delete(remove))
        .with_state(gate)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, where Ada has signed in to a web app.
    let key = SigningKey::from_file(KEY, &KeyOptions::default())?;
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .start()
        .await?;
    let ada = Grant::to_client("0oa2portal").user("00u1ada").scope("orders.read");
    let token = sandbox.issue(&ada.scope("orders.write"))?;

    // A service says `Settings::load()?`, which reads OKTA_CLIENT_… and okta.yaml.
    let settings = Settings::loader()
        .environment(Environment::empty())
        .set(Setting::Issuer, "the sandbox", sandbox.issuer().as_str())
        .set(Setting::ClientId, "the sandbox", "0oa1backend")
        .set(Setting::Key, "the sandbox", KEY)
        .load()?;
    let checker = settings.checker_builder()?.build()?;
    let gate = Gate::new(checker.clone())
        .rules(serde_json::from_str::<Rules>(RULES)?)
        .on_rejection(|rejection, request| {
            println!("refused at {}: {}", request.place(), rejection.reason());
        });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(axum::serve(listener, backend(gate, &checker)).into_future());

    call(&address, "GET /health", None).await?;
    call(&address, "GET /orders", None).await?;
    call(&address, "GET /orders", Some(&token)).await?;
    call(&address, "GET /orders", Some(&token)).await?;
    call(&address, "DELETE /orders/7", Some(&token)).await?;
    println!("\nan administrator revokes the token …\n");
    sandbox.revoke(&token);
    // Known for less than half a minute: this route takes it.
    call(&address, "GET /orders", Some(&token)).await?;
    call(&address, "DELETE /orders/7", Some(&token)).await?;
    // What that route has found out counts for all.
    call(&address, "GET /orders", Some(&token)).await?;
    println!();
    let text = request(&address, "GET /metrics", None).await?.1;
    text.lines().filter(|line| line.starts_with(COUNTED)).for_each(|line| println!("{line}"));
    Ok(())
}

/// Of several hundred lines, these are shown here.
const COUNTED: &str = "okta_introspect_checks_total{verdict=\"authorized\"";

/// Makes one request and prints the status and the body.
async fn call(
    address: &str,
    what: &str,
    token: Option<&Token>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (status, body) = request(address, what, token).await?;
    println!("{what:<18} {status}  {body}");
    Ok(())
}

async fn request(
    address: &str,
    what: &str,
    token: Option<&Token>,
) -> Result<(String, String), Box<dyn std::error::Error>> {
    let token = token.map(|token| format!("authorization: Bearer {}\r\n", token.expose()));
    let token = token.unwrap_or_default();
    let request = format!("{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{token}\r\n");
    let (mut stream, mut answer) = (TcpStream::connect(address).await?, String::new());
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or_default();
    Ok((status.to_owned(), body.to_owned()))
}
