//! A client that sends what it is told to, odd or not, and reads one answer.

use std::net::SocketAddr;
use std::time::Duration;

use okta_introspect::{Clock, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a client saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Zero where the connection broke before an answer.
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    /// All values of this name.
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(header, _)| header == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// A request to one of our services, with these header lines beside `Host`.
pub(super) fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{lines}\r\n")
}

/// Which host every request is for.
pub(super) const HOST: &str = "api.acme.example";

/// Sends it, and reads until the proxy closes.
pub(super) async fn send(proxy: SocketAddr, request: &str) -> Answer {
    let Ok(mut stream) = TcpStream::connect(proxy).await else { return Answer::default() };
    let mut read = Vec::new();
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_end(&mut read).await;
    parse(&String::from_utf8_lossy(&read)).unwrap_or_default()
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let mut answer = Answer { status, headers: headers.collect(), body: body.to_owned() };
    if answer.header("transfer-encoding") == ["chunked"] {
        answer.body = unchunked(body);
    }
    Some(answer)
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or_default();
        let Some(chunk) = rest.get(..length).filter(|chunk| !chunk.is_empty()) else { break };
        text += chunk;
        body = rest[length..].trim_start_matches("\r\n");
    }
    text
}

pub(super) async fn pause(span: Duration) {
    SystemClock.sleep_until(SystemClock.monotonic() + span).await;
}
