//! The body of a request, read up to a bound.

use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf as _, BufMut as _};
use http_body::Body;

/// Why there is no body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    TooLarge,
    /// The sender ended it early.
    Incomplete,
}

/// Reads a body of at most `max` bytes; of one that says that it is longer, nothing. The bytes are
/// copied as they come: what is kept of a body in thousands of pieces is no more than that.
pub(crate) async fn read<B: Body>(body: B, max: usize) -> Result<Vec<u8>, Unread> {
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(Unread::TooLarge);
    }
    let (mut body, mut read) = (pin!(body), Vec::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| Unread::Incomplete)?;
        let Ok(data) = frame.into_data() else { continue };
        if data.remaining() > max - read.len() {
            return Err(Unread::TooLarge);
        }
        read.put(data);
    }
    Ok(read)
}
