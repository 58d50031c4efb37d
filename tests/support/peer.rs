//! A raw TCP peer: records what it gets, and does to each request what its script says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the peer does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes these bytes and closes the connection.
    Write(Vec<u8>),
    /// Writes these bytes and breaks the connection.
    WriteAndReset(Vec<u8>),
    /// Breaks the connection when it is opened, before reading.
    ResetAtOnce,
    /// Keeps the connection open and says nothing.
    Silence,
    /// Waits until `Peer::release`, then writes these bytes.
    Hold(Vec<u8>),
    /// Writes one byte at each `Peer::drip`.
    Drip(Vec<u8>),
}

/// A request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn form(&self, name: &str) -> Option<String> {
        serde_urlencoded::from_str::<Vec<(String, String)>>(&self.body)
            .ok()?
            .into_iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// A complete HTTP answer.
pub fn reply(status: u16, content_type: &str, body: &str) -> Vec<u8> {
    reply_with(status, &[("content-type", content_type)], body)
}

/// A complete HTTP answer with these headers.
pub fn reply_with(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

pub struct Peer {
    port: u16,
    shared: Arc<Shared>,
}

/// What is done with the requests that come after the script.
type Last = Option<Box<dyn Fn() -> Act + Send + Sync>>;

struct Shared {
    script: Mutex<VecDeque<Act>>,
    last: Last,
    requests: watch::Sender<Vec<Recorded>>,
    released: watch::Sender<bool>,
    drops: watch::Sender<usize>,
}

impl Shared {
    fn next(&self) -> Option<Act> {
        self.script
            .lock()
            .unwrap()
            .front()
            .cloned()
            .or_else(|| self.last.as_ref().map(|last| last()))
    }

    /// Records a request and gives what is to be done with it.
    fn take(&self, request: Recorded) -> Option<Act> {
        let act = self
            .script
            .lock()
            .unwrap()
            .pop_front()
            .or_else(|| self.last.as_ref().map(|last| last()));
        self.requests.send_modify(|requests| requests.push(request));
        act
    }
}

impl Peer {
    /// A peer that does `acts` in turn and refuses to go on when they are used up.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::run(acts.into_iter().collect(), None).await
    }

    /// A peer that does the same with every request.
    pub async fn always(act: Act) -> Self {
        Self::by(move || act.clone()).await
    }

    /// A peer that makes up its mind at each request.
    pub async fn by(decide: impl Fn() -> Act + Send + Sync + 'static) -> Self {
        Self::run(VecDeque::new(), Some(Box::new(decide))).await
    }

    async fn run(script: VecDeque<Act>, last: Last) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            last,
            requests: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
            drops: watch::Sender::new(0),
        });
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

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub async fn received(&self, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        requests.wait_for(|requests| requests.len() >= count).await.unwrap();
    }

    /// Lets one more byte of each dripping answer go.
    pub fn drip(&self) {
        self.shared.drops.send_modify(|drops| *drops += 1);
    }

    /// Lets the held answers go.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.shared.script.lock().unwrap().len();
            assert_eq!(left, 0, "{left} scripted acts were never used");
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    if matches!(shared.next(), Some(Act::ResetAtOnce)) {
        shared.take(Recorded::default());
        return reset(stream);
    }
    let Some(request) = read(&mut stream).await else { return };
    match shared.take(request) {
        Some(Act::Write(bytes)) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Some(Act::WriteAndReset(bytes)) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            reset(stream);
        }
        Some(Act::ResetAtOnce) => reset(stream),
        Some(Act::Silence) => std::future::pending().await,
        Some(Act::Hold(bytes)) => {
            let _ = shared.released.subscribe().wait_for(|released| *released).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Some(Act::Drip(bytes)) => {
            let mut drops = shared.drops.subscribe();
            for (sent, byte) in bytes.iter().enumerate() {
                let _ = drops.wait_for(|drops| *drops > sent).await;
                let _ = stream.write_all(&[*byte]).await;
            }
        }
        None => {
            let body = r#"{"error":"unexpected_request","error_description":"the script of this peer is at its end"}"#;
            let _ = stream.write_all(&reply(400, "application/json", body)).await;
        }
    }
}

fn reset(stream: TcpStream) {
    // With no time to linger, closing sends RST.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
}

async fn read(stream: &mut TcpStream) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let mut recorded = Recorded { method, target, headers, body: String::new() };
    let length: usize =
        recorded.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    recorded.body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    Some(recorded)
}
