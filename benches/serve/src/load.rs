//! Load over HTTP/1.1: as much as there are answers for, or at a constant rate. One thread without a
//! runtime, so that it takes little of the machine.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::options::{Options, report};

/// Asks `--tcp ADDRESS` or `--unix PATH` with the head in `--head FILE`, where `TOKEN` is each of the
/// lines of `--tokens FILE` in turn: on `--connections`, for `--seconds` or `--requests`. With `--rate`
/// requests are sent at that rate, and their time counts from when each should have been sent.
pub fn run(options: &Options) {
    let head = std::fs::read_to_string(options.text("head")).unwrap().replace('\n', "\r\n");
    let (before, after) = head.split_once("TOKEN").unwrap();
    let tokens = options.lines("tokens");
    let mut connections: Vec<_> = (0..options.number("connections").unwrap_or(16))
        .map(|_| Connection::open(options))
        .collect();
    let seconds = options.number("seconds").unwrap_or(f64::MAX.sqrt().min(1e6));
    let most = options.number("requests").unwrap_or(usize::MAX);
    let pace = options.number::<f64>("rate").map(|rate| Duration::from_secs_f64(1.0 / rate));
    let (begun, end) = (Instant::now(), Duration::from_secs_f64(seconds));
    let (mut sent, mut nanos, mut failed) = (0_usize, Vec::with_capacity(1 << 20), 0_usize);
    let due = |sent: usize, now: Instant| match pace {
        Some(pace) => begun + pace.mul_f64(sent as f64),
        None => now,
    };
    loop {
        let now = Instant::now();
        let over = now - begun >= end || sent >= most;
        for connection in connections.iter_mut().filter(|connection| connection.due.is_none()) {
            let at = due(sent, now);
            if over || at > now || sent >= most {
                break;
            }
            connection.send(&[before, &tokens[sent % tokens.len()], after], at);
            sent += 1;
        }
        if over && connections.iter().all(|connection| connection.due.is_none()) {
            break;
        }
        let idle = connections.iter().any(|connection| connection.due.is_none());
        let next = (idle && !over).then(|| match pace {
            Some(_) => due(sent, now).saturating_duration_since(now).max(SLICE),
            None => Duration::ZERO,
        });
        wait(&connections, next);
        for connection in connections.iter_mut().filter(|connection| connection.due.is_some()) {
            if let Some((took, is_good)) = connection.receive() {
                nanos.push(took.as_nanos() as u64);
                failed += usize::from(!is_good);
            }
        }
    }
    report(nanos, failed, begun.elapsed().as_secs_f64());
}

/// At a constant rate it looks this often at least what is due: woken for each request, it would be
/// busy with that. It is part of the latencies.
const SLICE: Duration = Duration::from_micros(50);

/// Waits for an answer, or for as long as this.
fn wait(connections: &[Connection], timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let awaited = connections.iter().filter(|connection| connection.due.is_some());
    let mut awaited: Vec<_> = awaited
        .map(|connection| PollFd::from_borrowed_fd(connection.stream.as_fd(), PollFlags::IN))
        .collect();
    poll(&mut awaited, timeout.as_ref()).unwrap();
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

struct Connection {
    stream: Stream,
    /// When the request should have been sent whose answer is awaited.
    due: Option<Instant>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    fn open(options: &Options) -> Self {
        let stream = match options.number::<String>("unix") {
            Some(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_nonblocking(true).unwrap();
                Stream::Unix(stream)
            }
            None => {
                let stream = TcpStream::connect(options.text("tcp")).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_nonblocking(true).unwrap();
                Stream::Tcp(stream)
            }
        };
        Self { stream, due: None, request: Vec::new(), answer: Vec::with_capacity(16 * 1024) }
    }

    fn send(&mut self, parts: &[&str], due: Instant) {
        self.request.clear();
        parts.iter().for_each(|part| self.request.extend_from_slice(part.as_bytes()));
        // It is the only one on the connection, so there is room for it.
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(&self.request).unwrap(),
            Stream::Unix(stream) => stream.write_all(&self.request).unwrap(),
        }
        self.due = Some(due);
        self.answer.clear();
    }

    /// How long the answer took, once it is here, and whether it is a yes.
    fn receive(&mut self) -> Option<(Duration, bool)> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer),
            Stream::Unix(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => panic!("the connection was closed"),
            Ok(read) => self.answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("{error}"),
        }
        let head = self.answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        if self.answer.len() < head + length(&self.answer[..head]) {
            return None;
        }
        let took = self.due.take()?.elapsed();
        Some((took, self.answer.get(9..12) == Some(b"200")))
    }
}

/// The length of the body that a head announces.
fn length(head: &[u8]) -> usize {
    let named = |line: &&[u8]| {
        line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length:"))
    };
    let line = head.split(|byte| *byte == b'\n').find(named);
    let text = line.map(|line| String::from_utf8_lossy(&line[15..]).trim().to_owned());
    text.map_or(0, |text| text.parse().unwrap())
}
