//! What a peer says is bounded where it is read: a stream that ends at a reply that is too long, and
//! at what is no reply.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest reply, in bytes: a page of a stream and its framing.
pub(crate) const MAX_REPLY: u64 = 2 * 1024 * 1024;

/// The longest line, in bytes. Lines are numbers, states and errors.
const MAX_LINE: u64 = 8 * 1024;

/// How many ticks may pass without a word.
const SILENT_TICKS: u8 = 3;

/// Why a connection was ended on this side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Ending {
    /// It was not.
    None,
    /// A reply was longer than [`MAX_REPLY`].
    TooLong,
    /// Something came that is no reply.
    NotRedis,
    /// Nothing came for too long.
    Silent,
    /// The peer ended TLS, as it does where it wants another certificate of the client's.
    Alert,
}

/// What is known of a connection without asking.
#[derive(Debug, Default)]
pub(crate) struct Health {
    ending: AtomicU8,
    /// Replies that are still to come.
    due: AtomicU64,
    /// Ticks since something came or nothing was due.
    ticks: AtomicU8,
}

impl Health {
    pub(crate) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Relaxed) {
            1 => Ending::TooLong,
            2 => Ending::NotRedis,
            3 => Ending::Silent,
            4 => Ending::Alert,
            _ => Ending::None,
        }
    }

    fn end(&self, ending: Ending) {
        self.ending.store(ending as u8, Ordering::Relaxed);
    }

    /// To be called at a steady pace: whether nothing has come for several calls although something
    /// is due.
    pub(crate) fn is_silent(&self) -> bool {
        if self.due.load(Ordering::Relaxed) == 0 {
            self.ticks.store(0, Ordering::Relaxed);
            return false;
        }
        let is_silent = self.ticks.fetch_add(1, Ordering::Relaxed) >= SILENT_TICKS;
        if is_silent {
            self.end(Ending::Silent);
        }
        is_silent
    }

    fn asked(&self, requests: u64) {
        self.due.fetch_add(requests, Ordering::Relaxed);
    }

    /// So many replies have come, or a part of one. More than were asked for are none.
    fn heard(&self, replies: u64) -> Result<(), Ending> {
        self.ticks.store(0, Ordering::Relaxed);
        let fewer = |due: u64| due.checked_sub(replies);
        let left = self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        left.map(drop).map_err(|_| Ending::NotRedis)
    }
}

/// A stream whose replies are bounded.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    stream: S,
    replies: Scanner,
    requests: Scanner,
    health: Arc<Health>,
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S, health: Arc<Health>) -> Self {
        Self { stream, replies: Scanner::default(), requests: Scanner::default(), health }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let replies = this.replies.scan(&buffer.filled()[before..]);
                let heard = replies.and_then(|count| this.health.heard(count));
                Poll::Ready(heard.map_err(|ending| {
                    this.health.end(ending);
                    io::Error::from(io::ErrorKind::ConnectionAborted)
                }))
            }
            Poll::Ready(Err(error)) => {
                if is_alert(&error) {
                    this.health.end(Ending::Alert);
                }
                Poll::Ready(Err(error))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Whether this is what a peer says that ends TLS.
pub(crate) fn is_alert(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(rustls::Error::AlertReceived(_)))
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(length)) = written {
            // Requests are framed as replies are, and are within the same bounds.
            this.health.asked(this.requests.scan(&bytes[..length]).unwrap_or_default());
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Follows the [framing of replies](https://redis.io/docs/latest/develop/reference/protocol-spec/),
/// version 2, through whatever pieces they come in.
#[derive(Debug)]
struct Scanner {
    part: Part,
    /// Values that are still to come of the current reply.
    open: u64,
    /// Bytes of the current reply so far.
    length: u64,
    /// Replies that have ended.
    ended: u64,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// The first byte of a value.
    Kind,
    /// What stands behind it.
    Line(Line),
    /// Bytes of a value that are still to come, its line break included.
    Bytes(u64),
}

#[derive(Clone, Copy, Debug)]
struct Line {
    kind: u8,
    length: u64,
    /// The number that it is, if it says how many bytes or values follow.
    value: u64,
    is_negative: bool,
    is_after_return: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { part: Part::Kind, open: 1, length: 0, ended: 0 }
    }
}

impl Scanner {
    /// How many replies end within these bytes.
    fn scan(&mut self, mut bytes: &[u8]) -> Result<u64, Ending> {
        let before = self.ended;
        while let [first, rest @ ..] = bytes {
            let taken = match self.part {
                Part::Bytes(left) => left.min(bytes.len() as u64),
                _ => 1,
            };
            self.length += taken;
            if self.length > MAX_REPLY {
                return Err(Ending::TooLong);
            }
            match self.part {
                Part::Kind => {
                    self.part = Part::Line(Line::of(*first)?);
                    bytes = rest;
                }
                Part::Line(line) => {
                    self.line(line, *first)?;
                    bytes = rest;
                }
                Part::Bytes(left) => {
                    self.bytes(left - taken);
                    // Not more than there are.
                    bytes = &bytes[taken as usize..];
                }
            }
        }
        Ok(self.ended - before)
    }

    fn line(&mut self, line: Line, byte: u8) -> Result<(), Ending> {
        if !(line.is_after_return && byte == b'\n') {
            self.part = Part::Line(line.with(byte)?);
            return Ok(());
        }
        match line {
            Line { kind: b'$' | b'*', value, is_negative: false, .. } if value > MAX_REPLY => {
                return Err(Ending::TooLong);
            }
            Line { kind: b'$', value, is_negative: false, .. } => self.bytes(value + 2),
            Line { kind: b'*', value, is_negative: false, .. } => {
                self.open += value;
                self.value_ended();
            }
            _ => self.value_ended(),
        }
        Ok(())
    }

    fn bytes(&mut self, left: u64) {
        match left {
            0 => self.value_ended(),
            _ => self.part = Part::Bytes(left),
        }
    }

    fn value_ended(&mut self) {
        self.part = Part::Kind;
        self.open -= 1; // at least 1 before: a reply has ended only when it is 0, and then it is 1 again
        if self.open == 0 {
            *self = Self { ended: self.ended + 1, ..Self::default() };
        }
    }
}

impl Line {
    fn of(kind: u8) -> Result<Self, Ending> {
        match kind {
            b'+' | b'-' | b':' | b'$' | b'*' => {
                Ok(Self { kind, length: 0, value: 0, is_negative: false, is_after_return: false })
            }
            _ => Err(Ending::NotRedis),
        }
    }

    fn with(mut self, byte: u8) -> Result<Self, Ending> {
        if self.length >= MAX_LINE {
            return Err(Ending::TooLong);
        }
        if matches!(self.kind, b'$' | b'*') {
            match byte {
                b'-' if self.length == 0 => self.is_negative = true,
                // Eighteen digits are less than 2^64.
                b'0'..=b'9' if !self.is_after_return && self.length < 18 => {
                    self.value = self.value * 10 + u64::from(byte - b'0');
                }
                b'\r' if !self.is_after_return && self.length > 0 => {}
                _ => return Err(Ending::NotRedis),
            }
        } else if !byte.is_ascii() {
            return Err(Ending::NotRedis);
        }
        self.is_after_return = byte == b'\r';
        self.length += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans these bytes at once and byte by byte, and asks for the same.
    fn scanned(bytes: &[u8]) -> Result<u64, Ending> {
        let mut whole = Scanner::default();
        let once = whole.scan(bytes).map(|_| whole.length);
        let mut pieces = Scanner::default();
        let many = bytes.chunks(1).try_for_each(|piece| pieces.scan(piece).map(drop));
        assert_eq!(once, many.map(|()| pieces.length));
        assert_eq!(whole.ended, pieces.ended);
        once
    }

    #[test]
    fn replies_pass_in_whatever_pieces() {
        let replies: [&[u8]; 9] = [
            b"+OK\r\n",
            b"-ERR no\r\n",
            b":-12\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"$3\r\na\r\n\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*2\r\n*2\r\n$1\r\na\r\n:1\r\n*1\r\n*1\r\n+x\ny\r\r\n",
        ];
        for reply in replies {
            assert_eq!(scanned(reply), Ok(0), "{}", reply.escape_ascii());
        }
        assert_eq!(scanned(&replies.concat()), Ok(0));
        assert_eq!(Scanner::default().scan(&replies.concat()), Ok(9));
        assert_eq!(scanned(b"*2\r\n$1\r\na"), Ok(9));
    }

    #[test]
    fn what_is_no_reply_ends_it() {
        let cases: [&[u8]; 12] = [
            b"+\xFF\xFE\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01",
            b"%1\r\n",
            b"$\r\n",
            b"$+1\r\n",
            b"$ 1\r\n",
            b"$1-\r\n",
            b"$1\r\r\n",
            b"*1\n",
            b"$1\r1\r\n",
            b"$9223372036854775807\r\n",
        ];
        for case in cases {
            assert_eq!(scanned(case), Err(Ending::NotRedis), "{}", case.escape_ascii());
        }
    }

    #[test]
    fn a_reply_is_bounded_by_its_bytes_however_they_are_nested() {
        let value = |length: usize| {
            [format!("${length}\r\n").as_bytes(), &vec![b'x'; length], b"\r\n"].concat()
        };
        let framing = value(1_000_000).len() - 1_000_000;
        let longest = MAX_REPLY as usize - framing;
        assert_eq!(scanned(&value(longest)), Ok(0));
        assert_eq!(scanned(&value(longest + 1)), Err(Ending::TooLong));
        assert_eq!(scanned(b"$2097153\r\n"), Err(Ending::TooLong));
        assert_eq!(scanned(b"*2097153\r\n"), Err(Ending::TooLong));

        let nested = b"*1\r\n".repeat(MAX_REPLY as usize / 4);
        assert_eq!(scanned(&nested), Ok(MAX_REPLY));
        assert_eq!(scanned(&[&nested[..], b"*"].concat()), Err(Ending::TooLong));

        let line = [&b"-"[..], &vec![b'x'; MAX_LINE as usize - 1], b"\r\n"].concat();
        assert_eq!(scanned(&line), Ok(0));
        assert_eq!(scanned(&[b"-x", &line[1..]].concat()), Err(Ending::TooLong));
    }

    #[test]
    fn a_connection_is_silent_when_nothing_comes_although_something_is_due() {
        let health = Health::default();
        assert!((0..10).all(|_| !health.is_silent()), "nothing was asked");
        health.asked(2);
        assert!((0..SILENT_TICKS).all(|_| !health.is_silent()));
        health.heard(1).unwrap();
        assert!((0..SILENT_TICKS).all(|_| !health.is_silent()), "another is due");
        health.heard(0).unwrap();
        health.asked(1);
        assert!((0..SILENT_TICKS).all(|_| !health.is_silent()), "a part of it came");
        health.asked(1);
        assert!(health.is_silent(), "what is asked later makes it no younger");
        assert_eq!(health.ending(), Ending::Silent);
    }

    #[test]
    fn what_was_not_asked_for_is_no_reply() {
        let health = Health::default();
        health.asked(2);
        assert_eq!(health.heard(1), Ok(()));
        assert_eq!(health.heard(2), Err(Ending::NotRedis));
    }
}
