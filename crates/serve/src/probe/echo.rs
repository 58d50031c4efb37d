//! A service that shows what it was asked, to stand behind a proxy that is probed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The most connections at a time; more wait.
const MAX_CONNECTIONS: usize = 256;

/// The longest head of a request, in bytes. Longer ones get no answer.
const MAX_HEAD: usize = 96 * 1024;

/// Headers whose values nobody needs to see.
const HIDDEN: [&str; 5] =
    ["authorization", "cookie", "dpop", "proxy-authorization", "x-okta-introspect-key"];

/// A service that answers each request with method, target and headers as they came, in JSON. It
/// mends nothing and refuses nothing: what it shows is what the proxy sent. Credentials are hidden.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Echo;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let echo = Echo::bind("127.0.0.1:0".parse().unwrap()).await?;
/// let address = echo.address();
/// let served = tokio::spawn(echo.serve());
/// assert!(address.ip().is_loopback());
/// served.abort();
/// # std::io::Result::Ok(())
/// # })?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Echo {
    listener: TcpListener,
    address: SocketAddr,
}

impl Echo {
    /// Listens there.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // It is never closed.
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            tokio::spawn(async move {
                let _ = answer_all(stream).await;
                drop(permit);
            });
        }
    }
}

/// Answers one request after the other.
async fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = head_end(&bytes) else {
            if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let shown = show(&bytes[..end]);
        bytes.drain(..end);
        let goes_on = if shown.is_last { "close" } else { "keep-alive" };
        let (length, body) = (shown.body.len(), shown.body);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             content-length: {length}\r\nconnection: {goes_on}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
        if shown.is_last {
            return Ok(());
        }
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at.saturating_add(4))
}

/// A request as JSON.
struct Shown {
    body: String,
    /// It has a body, which is not read, or wants no other after it.
    is_last: bool,
}

fn show(head: &[u8]) -> Shown {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().unwrap_or_default();
    let (method, rest) = first.split_once(' ').unwrap_or((first, ""));
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let headers: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let has = |wanted: &str, ends: &str| {
        let is_it = |(name, value): &(&str, &str)| {
            name.eq_ignore_ascii_case(wanted) && value.to_ascii_lowercase().contains(ends)
        };
        headers.iter().any(is_it)
    };
    let has_body = has("transfer-encoding", "")
        || headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("content-length") && *value != "0");
    let shown: Vec<Value> =
        headers.iter().map(|(name, value)| json!([name, shown(name, value)])).collect();
    let body = json!({"method": method, "target": target, "headers": shown}).to_string();
    Shown { body, is_last: has_body || has("connection", "close") || !first.ends_with("1.1") }
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    let usual = super::seen::usual(name);
    if HIDDEN.contains(&&*usual) { "[hidden]" } else { value }
}
