//! Accepts connections and serves HTTP on them.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::{CuttableStream, Cutter};
use super::idle::Requests;
use super::respond::respond;
use super::server::{REQUEST_TIMEOUT, Server};
use super::tls::HTTP_2;

/// Accepts connections until it is dropped. Dropping the future closes the listener and all connections.
pub(crate) async fn run(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = next(|| listener.accept()).await;
        drop(connections.spawn(accept(stream, peer.ip(), Arc::clone(&server))));
        while connections.try_join_next().is_some() {}
    }
}

/// The next connection. When none can be accepted, because file descriptors are short for a while,
/// it pauses before it tries again, so that those that are open can be served and end.
async fn next<T, F>(mut accept: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match accept().await {
            Ok(connection) => return connection,
            // That one went away, and says nothing of the next.
            Err(cause) if cause.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => {
                // Real time, whatever the clock of the sandbox says: the trouble is real.
                #[expect(clippy::disallowed_methods, reason = "no time of the sandbox's passes")]
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);

const LAST_PAUSE: Duration = Duration::from_secs(1);

async fn accept(stream: TcpStream, peer: IpAddr, server: Arc<Server>) {
    // Answers are small and are waited for; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let cutter = Arc::new(Cutter::default());
    let stream = CuttableStream::new(stream, Arc::clone(&cutter));
    let Some(identity) = &server.identity else {
        return serve(stream, false, cutter, peer, server).await;
    };
    let handshake = TlsAcceptor::from(identity.config()).accept(stream);
    // A client that does not trust the certificate leaves here.
    if let Ok(Ok(stream)) = timeout(REQUEST_TIMEOUT, handshake).await {
        let http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        serve(stream, http_2, cutter, peer, server).await;
    }
}

/// Serves one connection until its end, or until it is cut.
async fn serve<S>(stream: S, http_2: bool, cutter: Arc<Cutter>, peer: IpAddr, server: Arc<Server>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (own_cutter, requests) = (Arc::clone(&cutter), Requests::new());
    let own_requests = requests.clone();
    let service = service_fn(move |request| {
        let (server, cutter) = (Arc::clone(&server), Arc::clone(&own_cutter));
        let begun = own_requests.begin();
        async move {
            let answer = respond(&server, &cutter, request, peer).await;
            // It is under way until its body was sent.
            let held = move |frame| {
                let _ = &begun;
                frame
            };
            Ok::<_, Infallible>(answer.map(|body| body.map_frame(held)))
        }
    });
    let stream = TokioIo::new(stream);
    let connection = async {
        // Clients may hang up whenever they like.
        let _ = match http_2 {
            true => {
                http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
            }
            false => {
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .serve_connection(stream, service)
                    .await
            }
        };
    };
    tokio::select! {
        // The connection is polled first, to send what it has before it is cut.
        biased;
        () = connection => {}
        () = cutter.until_cut() => {}
        () = requests.until_idle(REQUEST_TIMEOUT), if http_2 => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test_support::test]
    async fn a_listener_that_cannot_accept_pauses() {
        tokio::time::pause();
        let (start, mut tries) = (Instant::now(), 0);
        let connection = next(|| {
            tries += 1;
            std::future::ready(match tries {
                20 => Ok("connection"),
                10 => Err(io::ErrorKind::ConnectionAborted.into()),
                _ => Err(io::Error::other("no file descriptor is left")),
            })
        });
        assert_eq!(connection.await, "connection");
        // 10 ms, doubled up to a second: seven pauses take 1.27 s, and eleven more a second each.
        assert_eq!(start.elapsed().as_secs(), 12);
    }
}
