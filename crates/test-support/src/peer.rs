//! A raw TCP peer: records what it gets, and does to each request what it is told to.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
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
    /// The method.
    pub method: String,
    /// What stands between method and version.
    pub target: String,
    /// The names as they came, and the values.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it is text.
    pub body: String,
}

impl Recorded {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first field of this name in the body, a form.
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

/// A server on loopback.
pub struct Peer {
    port: u16,
    shared: Arc<Shared>,
}

/// What is done with the requests that come after the script.
enum Then {
    /// They are told that the script is at its end.
    Refuse,
    /// Decided for each connection, before anything is read.
    Act(Box<dyn Fn() -> Act + Send + Sync>),
    /// Decided for each request.
    Decide(Arc<Decide>),
}

type Decide = dyn Fn(Recorded) -> Pin<Box<dyn Future<Output = Act> + Send>> + Send + Sync;

impl Then {
    /// Answers, and closes the connection.
    fn answer(answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::decide(move |request| {
            let answer = answer(&request);
            async move { Act::Write(answer) }
        })
    }

    fn decide<F>(decide: impl Fn(Recorded) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Act> + Send + 'static,
    {
        Self::Decide(Arc::new(move |request| Box::pin(decide(request))))
    }
}

struct Shared {
    script: Mutex<VecDeque<Act>>,
    then: Mutex<Then>,
    requests: watch::Sender<Vec<Recorded>>,
    released: watch::Sender<bool>,
    drops: watch::Sender<usize>,
}

impl Shared {
    fn then(&self) -> MutexGuard<'_, Then> {
        self.then.lock().unwrap()
    }

    /// What is to be done, where that does not depend on the request; takes it off the script.
    fn scripted(&self) -> Option<Act> {
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.or_else(|| match &*self.then() {
            Then::Act(act) => Some(act()),
            Then::Refuse | Then::Decide(_) => None,
        })
    }

    /// If the connection is to be broken before anything is read.
    fn resets_at_once(&self) -> bool {
        let next = self.script.lock().unwrap().front().cloned();
        let next = next.or_else(|| match &*self.then() {
            Then::Act(act) => Some(act()),
            Then::Refuse | Then::Decide(_) => None,
        });
        matches!(next, Some(Act::ResetAtOnce))
    }

    /// Records a request and gives what is to be done with it.
    async fn take(&self, request: Recorded) -> Act {
        let scripted = self.scripted();
        self.requests.send_modify(|requests| requests.push(request.clone()));
        if let Some(act) = scripted {
            return act;
        }
        let decide = match &*self.then() {
            Then::Decide(decide) => Arc::clone(decide),
            Then::Refuse | Then::Act(_) => return Act::Write(out_of_script()),
        };
        decide(request).await
    }
}

fn out_of_script() -> Vec<u8> {
    let body = r#"{"error":"unexpected_request","error_description":"the script of this peer is at its end"}"#;
    reply(400, "application/json", body)
}

impl Peer {
    /// A peer that does `acts` in turn and refuses to go on when they are used up.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::run(acts.into_iter().collect(), Then::Refuse).await
    }

    /// A peer that does the same with every request.
    pub async fn always(act: Act) -> Self {
        Self::by(move || act.clone()).await
    }

    /// A peer that makes up its mind at each request, without looking at it.
    pub async fn by(decide: impl Fn() -> Act + Send + Sync + 'static) -> Self {
        Self::run(VecDeque::new(), Then::Act(Box::new(decide))).await
    }

    /// A peer that makes up its mind from each request, and may take its time.
    pub async fn deciding<F>(decide: impl Fn(Recorded) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Act> + Send + 'static,
    {
        Self::run(VecDeque::new(), Then::decide(decide)).await
    }

    /// A peer that makes its answers from the requests.
    pub async fn answering(answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::run(VecDeque::new(), Then::answer(answer)).await
    }

    /// The same for tests that are not async: in a thread of its own, until the process ends.
    pub fn apart(answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (sender, peer) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                sender.send(Self::answering(answer).await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        peer.recv().unwrap()
    }

    async fn run(script: VecDeque<Act>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            then: Mutex::new(then),
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

    /// Answers like this from now on, and forgets the requests so far.
    pub fn answer(&self, answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) {
        *self.shared.then() = Then::answer(answer);
        self.shared.requests.send_modify(Vec::clear);
    }

    /// Its address.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub async fn received(&self, count: usize) {
        self.until(|requests| requests.len() >= count).await;
    }

    /// Waits until the requests are as they should be.
    pub async fn until(&self, are_right: impl FnMut(&Vec<Recorded>) -> bool) {
        self.shared.requests.subscribe().wait_for(are_right).await.unwrap();
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

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !thread::panicking() {
            let left = self.shared.script.lock().unwrap().len();
            assert_eq!(left, 0, "{left} scripted acts were never used");
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    if shared.resets_at_once() {
        shared.take(Recorded::default()).await;
        return reset(stream);
    }
    let Some(request) = read(&mut stream).await else { return };
    match shared.take(request).await {
        Act::Write(bytes) => {
            // The client may have heard enough.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::WriteAndReset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            reset(stream);
        }
        Act::ResetAtOnce => reset(stream),
        Act::Silence => std::future::pending().await,
        Act::Hold(bytes) => {
            let _ = shared.released.subscribe().wait_for(|released| *released).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Drip(bytes) => {
            let mut drops = shared.drops.subscribe();
            for (sent, byte) in bytes.iter().enumerate() {
                let _ = drops.wait_for(|drops| *drops > sent).await;
                let _ = stream.write_all(&[*byte]).await;
            }
        }
    }
}

fn reset(stream: TcpStream) {
    // With no time to linger, closing sends RST.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
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
