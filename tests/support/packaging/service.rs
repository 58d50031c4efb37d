//! The example `axum_backend` as a service of a test's own, with the org that it asks.

use std::net::SocketAddr;
use std::sync::Arc;

use okta_introspect::adapter::{Gate, Rules};
use okta_introspect::checker::CheckerConfig;
use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Checker, Client, RetryConfig, SigningKey, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

#[allow(dead_code)] // it has a `main`
#[path = "../../../examples/axum_backend.rs"]
mod axum_backend;

const SERVICE: &str = "0oa1backend";
const PORTAL: &str = "0oa2portal";
const RULES: &str = r#"{
    "GET /orders": {"scopes": ["orders.read"]},
    "DELETE /orders/{id}": {"scopes": ["orders.write"], "max_age": 0}
}"#;

/// A running service.
pub struct Service {
    pub sandbox: Sandbox,
    pub address: SocketAddr,
    stop: Arc<Notify>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Service {
    pub async fn start(config: CheckerConfig) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        Self::start_with(config, key.clone(), &key).await
    }

    /// A service with a key other than the registered one, perhaps.
    pub async fn start_with(config: CheckerConfig, key: SigningKey, known: &SigningKey) -> Self {
        let sandbox = Sandbox::builder()
            .app(App::service(SERVICE).key(known.public_jwk()))
            .app(App::web(PORTAL))
            .user(User::new("00u1ada", "ada@acme.example"))
            .record_requests(false)
            .start()
            .await
            .unwrap();
        sandbox.set_rate_limit(Bucket::Org, 1_000_000);
        let mut retry = RetryConfig::default();
        retry.max_attempts = 1;
        let client = Client::builder(sandbox.issuer(), SERVICE, key).retry(retry).build().unwrap();
        let checker = Checker::builder(client).config(config).build().unwrap();
        let gate = Gate::new(checker.clone()).rules(serde_json::from_str::<Rules>(RULES).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum_backend::backend(gate, &checker);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop).notified_owned();
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
        tokio::spawn(server.into_future());
        Self { sandbox, address, stop }
    }

    /// Stops answering, on open connections too.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    pub fn token(&self) -> Token {
        let grant = Grant::to_client(PORTAL).user("00u1ada");
        self.sandbox.issue(&grant.scope("orders.read").scope("orders.write")).unwrap()
    }

    /// Makes one request, and gives its status and body; zero where it has stopped.
    pub async fn request(address: SocketAddr, what: &str, token: Option<&str>) -> (u16, String) {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        // HTTP/1.0 has no chunks.
        let request = format!("{what} HTTP/1.0\r\nhost: a\r\n{token}\r\n");
        let Ok(mut stream) = TcpStream::connect(address).await else { return (0, String::new()) };
        let mut answer = String::new();
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.read_to_string(&mut answer).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), body.to_owned())
    }

    /// What one caller after the other asks for: right and wrong, with and without a token.
    pub async fn round(address: SocketAddr, token: &str) -> [u16; 4] {
        let mut statuses = [0; 4];
        for (at, (what, token)) in [
            ("GET /orders", Some(token)),
            ("GET /orders", Some("made-up")),
            ("GET /orders", None),
            ("DELETE /orders/7", Some(token)),
        ]
        .into_iter()
        .enumerate()
        {
            statuses[at] = Self::request(address, what, token).await.0;
        }
        statuses
    }
}
