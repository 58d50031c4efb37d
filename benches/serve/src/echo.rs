//! A bare server of hyper's that answers everything with 200 and three headers.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::options::Options;

/// Serves at `--tcp ADDRESS` and `--unix PATH` until it is killed.
pub fn serve(options: &Options) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tcp = TcpListener::bind(options.text("tcp")).await.unwrap();
        let unix = UnixListener::bind(options.text("unix")).unwrap();
        loop {
            tokio::select! {
                accepted = tcp.accept() => {
                    let stream = accepted.unwrap().0;
                    stream.set_nodelay(true).unwrap();
                    tokio::spawn(connection(stream));
                }
                accepted = unix.accept() => {
                    tokio::spawn(connection(accepted.unwrap().0));
                }
            }
        }
    });
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let http = http1::Builder::new();
    // It fails when the peer goes away.
    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(_: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    for (name, value) in [
        ("x-auth-sub", "00u1b2c3d4e5f6g7h8i9"),
        ("x-auth-client-id", "0oa1b2c3d4e5f6g7h8i9"),
        ("x-auth-scope", "orders.read"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
