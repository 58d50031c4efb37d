//! The service behind the proxy: answers with what it was asked, as JSON.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running service.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Backend {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                let service = service_fn(move |request| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    std::future::ready(Ok::<_, Infallible>(echo(&request)))
                });
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, requests }
    }

    /// How many requests have arrived.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn echo(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let value = |value: &hyper::header::HeaderValue| {
        Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<_> =
        request.headers().iter().map(|(name, of)| json!([name.as_str(), value(of)])).collect();
    let seen = json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "headers": headers,
    });
    Response::new(Full::from(seen.to_string()))
}

/// All values of a header that the backend saw, whose name may be spelt with underscores.
pub(super) fn seen(echoed: &str, name: &str) -> Vec<String> {
    let Ok(echoed) = serde_json::from_str::<Value>(echoed) else { return Vec::new() };
    let headers = echoed["headers"].as_array().into_iter().flatten();
    let is_it = |header: &&Value| {
        header[0].as_str().is_some_and(|header| header.replace('_', "-") == name.to_lowercase())
    };
    headers.filter(is_it).filter_map(|header| header[1].as_str().map(str::to_owned)).collect()
}
