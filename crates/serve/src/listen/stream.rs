//! The bytes of a connection, whatever carries them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::pulse::Pulse;

/// One of the carriers. One type for all of them keeps hyper's code in the binary once.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Does the same with each of them.
macro_rules! each {
    ($stream:expr, $carrier:ident => $body:expr) => {
        match $stream {
            Stream::Unix($carrier) => $body,
            Stream::Tcp($carrier) => $body,
            Stream::Tls($carrier) => $body,
        }
    };
}

/// A stream that tells a [`Pulse`] what comes.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Stream,
    pulse: Arc<Pulse>,
    /// How much of the preface of HTTP/2 has come, while it may still be one.
    preface: Option<usize>,
}

/// [RFC 9113 §3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Watched {
    pub(super) fn new(stream: Stream, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, preface: Some(0) }
    }

    fn seen(&mut self, bytes: &[u8]) {
        self.pulse.bytes();
        let Some(come) = self.preface else { return };
        let expected = PREFACE.get(come..).unwrap_or_default();
        let length = bytes.len().min(expected.len());
        if bytes.get(..length) != expected.get(..length) {
            self.preface = None;
        } else if length == expected.len() {
            self.preface = None;
            self.pulse.http2();
        } else {
            self.preface = Some(come + length);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(each!(&mut self.stream, carrier => Pin::new(carrier).poll_read(cx, buffer)))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if !new.is_empty() {
            self.seen(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(&mut self.stream, carrier => Pin::new(carrier).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(&mut self.stream, carrier => Pin::new(carrier).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(&self.stream, carrier => carrier.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.stream, carrier => Pin::new(carrier).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.stream, carrier => Pin::new(carrier).poll_shutdown(cx))
    }
}
