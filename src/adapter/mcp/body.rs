//! The body of a request: read up to a bound, and handed on byte for byte.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::fault::BodyFault;
use crate::support::body::{self, Unread};

/// The body of a request that was looked at: the bytes that the client sent. Trailers are left out.
/// `Debug` shows none of them.
///
/// # Example: a service of one's own behind the layer
///
/// ```
/// use http::{Request, Response};
/// use okta_introspect::adapter::McpBody;
///
/// fn answer(request: Request<McpBody>) -> Response<String> {
///     let message = request.into_body().into_bytes();
///     Response::new(format!("{} bytes", message.len()))
/// }
/// ```
#[derive(Clone, Default)]
pub struct McpBody(Bytes);

impl McpBody {
    /// All of it.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Reads a body of at most `max` bytes.
    pub(super) async fn read<B: Body>(body: B, max: usize) -> Result<Self, BodyFault> {
        match body::read(body, max).await {
            Ok(read) => Ok(Self(read.into())),
            Err(Unread::TooLarge) => Err(BodyFault::TooLarge),
            Err(Unread::Incomplete) => Err(BodyFault::Incomplete),
        }
    }
}

impl Body for McpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = std::mem::take(&mut self.0);
        Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // A length fits into 64 bits.
        SizeHint::with_exact(self.0.len() as u64)
    }
}

impl std::fmt::Debug for McpBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "McpBody({} bytes)", self.0.len())
    }
}
