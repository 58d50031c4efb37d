//! A peer that makes its answers of what it was sent.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Recorded;

/// What the peer answers to a request.
pub type Answer = Box<dyn Fn(&Recorded) -> Vec<u8> + Send>;

/// Answers every request as it was told last.
pub struct Echo {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    answer: Answer,
    requests: Vec<Recorded>,
}

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared { answer: Box::new(|_| Vec::new()), requests: Vec::new() };
        let shared = Arc::new(Mutex::new(shared));
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers like this from now on, and forgets the requests so far.
    pub fn answer(&self, answer: impl Fn(&Recorded) -> Vec<u8> + Send + 'static) {
        let mut shared = self.shared.lock().unwrap();
        *shared = Shared { answer: Box::new(answer), requests: Vec::new() };
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().unwrap().requests.clone()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let Some(request) = read(&mut stream).await else { return };
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.requests.push(request.clone());
        (shared.answer)(&request)
    };
    // Whoever asked may have heard enough.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Recorded> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = parse(head, body)?;
            let length = request.header("content-length").map_or(Ok(0), str::parse).ok()?;
            if body.len() >= length {
                return Some(request);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(head: &str, body: &str) -> Option<Recorded> {
    let (first, rest) = head.split_once("\r\n")?;
    let mut first = first.split(' ').map(str::to_owned);
    let headers = rest.lines().filter_map(|line| line.split_once(':'));
    Some(Recorded {
        method: first.next()?,
        target: first.next()?,
        headers: headers
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
