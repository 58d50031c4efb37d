//! An authorization server that knows every token: discovery, and introspection with the same answer
//! each time; `/count` says how often. What a hit costs does not depend on it, and a hundred thousand tokens need no signature.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::options::Options;

/// Serves at `--tcp ADDRESS` until it is killed, as `http://ADDRESS/oauth2/default`.
pub fn serve(options: &Options) {
    let address = options.text("tcp");
    let answers = Arc::new(Answers::new(&format!("http://{address}/oauth2/default")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answers = Arc::clone(&answers);
            let answer = service_fn(move |request| answer(Arc::clone(&answers), request));
            tokio::spawn(async move {
                // It fails when the peer goes away.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
}

struct Answers {
    metadata: Bytes,
    introspection: Bytes,
    count: AtomicU64,
}

impl Answers {
    fn new(issuer: &str) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let metadata = format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/v1/authorize","token_endpoint":"{issuer}/v1/token","introspection_endpoint":"{issuer}/v1/introspect","revocation_endpoint":"{issuer}/v1/revoke","jwks_uri":"{issuer}/v1/keys","response_types_supported":["code"]}}"#
        );
        let introspection = format!(
            r#"{{"active":true,"scope":"orders.read profile","username":"ada@acme.example","exp":{},"iat":{now},"sub":"ada@acme.example","aud":"api://orders","iss":"{issuer}","jti":"AT.0123456789abcdefghijklmnopqrstuvwxyz","token_type":"Bearer","client_id":"0oa1b2c3d4e5f6g7h8i9","uid":"00u1b2c3d4e5f6g7h8i9"}}"#,
            now + 86_400
        );
        Self { metadata: metadata.into(), introspection: introspection.into(), count: AtomicU64::new(0) }
    }
}

async fn answer(
    answers: Arc<Answers>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    // Or the connection could not be used again.
    let _ = request.into_body().collect().await;
    let body = match path.as_str() {
        "/count" => answers.count.load(Ordering::Relaxed).to_string().into(),
        path if path.ends_with("/v1/introspect") => {
            answers.count.fetch_add(1, Ordering::Relaxed);
            answers.introspection.clone()
        }
        _ => answers.metadata.clone(),
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
