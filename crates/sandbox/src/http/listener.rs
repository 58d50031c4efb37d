//! Accepts connections and serves HTTP on them.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::connection::{CuttableStream, Cutter};
use super::respond::respond;
use super::server::Server;
use super::tls::HTTP_2;

/// Accepts connections until it is dropped. Dropping the future closes the listener and all connections.
pub(crate) async fn run(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(accept(stream, Arc::clone(&server)))),
            // One connection went away, or file descriptors are short for a moment: the next
            // one may do better, when others have been polled.
            Err(_) => tokio::task::yield_now().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn accept(stream: TcpStream, server: Arc<Server>) {
    // Answers are small and are waited for; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let cutter = Arc::new(Cutter::default());
    let stream = CuttableStream::new(stream, Arc::clone(&cutter));
    let Some(identity) = &server.identity else {
        return serve(stream, false, cutter, server).await;
    };
    // A client that does not trust the certificate leaves here.
    if let Ok(stream) = TlsAcceptor::from(identity.config()).accept(stream).await {
        let http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        serve(stream, http_2, cutter, server).await;
    }
}

/// Serves one connection until its end, or until it is cut.
async fn serve<S>(stream: S, http_2: bool, cutter: Arc<Cutter>, server: Arc<Server>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let own_cutter = Arc::clone(&cutter);
    let service = service_fn(move |request| {
        let (server, cutter) = (Arc::clone(&server), Arc::clone(&own_cutter));
        async move { Ok::<_, Infallible>(respond(&server, &cutter, request).await) }
    });
    let stream = TokioIo::new(stream);
    let connection = async {
        // Clients may hang up whenever they like.
        let _ = match http_2 {
            true => {
                http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
            }
            false => http1::Builder::new().serve_connection(stream, service).await,
        };
    };
    tokio::select! {
        // The connection is polled first, to send what it has before it is cut.
        biased;
        () = connection => {}
        () = cutter.until_cut() => {}
    }
}
