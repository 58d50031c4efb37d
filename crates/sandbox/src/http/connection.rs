//! The connection of one client, and how it is cut.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How a connection ends when the server cuts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    /// In good order, as far as TCP knows (FIN).
    Close,
    /// With a reset (RST).
    Reset,
}

/// The order to cut a connection, given while a request on it is answered.
#[derive(Default)]
pub(crate) struct Cutter {
    cut: Notify,
    reset: AtomicBool,
}

impl Cutter {
    /// Orders the cut. What has been written before is still sent.
    pub(crate) fn cut(&self, how: Cut) {
        self.reset.store(how == Cut::Reset, Ordering::Relaxed);
        // An order that is not waited for yet is kept.
        self.cut.notify_one();
    }

    /// Completes when the cut is ordered.
    pub(crate) async fn until_cut(&self) {
        self.cut.notified().await;
    }
}

/// A TCP stream that is reset when it is dropped, if that was ordered.
pub(crate) struct CuttableStream {
    stream: TcpStream,
    cutter: Arc<Cutter>,
}

impl CuttableStream {
    pub(crate) fn new(stream: TcpStream, cutter: Arc<Cutter>) -> Self {
        Self { stream, cutter }
    }
}

impl Drop for CuttableStream {
    fn drop(&mut self) {
        if self.cutter.reset.load(Ordering::Relaxed) {
            // Closing a socket that has no time to linger sends RST. If that fails the client
            // sees the connection end all the same.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
