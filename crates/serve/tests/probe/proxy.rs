//! A small reverse proxy that can be configured wrongly in each way that is known of real ones.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Mutex;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    None,
    ClientsForwardedUri,
    ClientsForwardedPrefix,
    QueryAsPath,
    NormalisedForTheCheck,
    DecodedAfterTheCheck,
    ParameterCutOff,
    SlashAdded,
    IdentityLeftOut,
    TwinsPass,
    ClientRemoves,
    FirstAuthorization,
    JoinedIsSplit,
    HostCut,
    FailsOpen,
    CachesByUrl,
    NoKeepAlive,
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    flaw: Flaw,
    sidecar: PathBuf,
    backend: SocketAddr,
    kept: Mutex<Option<UnixStream>>,
    connections: AtomicUsize,
    cache: Mutex<HashMap<String, Vec<u8>>>,
}

/// A head, line by line as it came.
#[derive(Clone, Default)]
struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { first, headers: headers.collect() }
    }

    fn target(&self) -> &str {
        let rest = self.first.split_once(' ').map_or("", |(_, rest)| rest);
        rest.rsplit_once(' ').map_or(rest, |(target, _)| target)
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    fn text(&self) -> String {
        let lines: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{lines}\r\n", self.first)
    }
}

impl Proxy {
    pub(super) async fn start(flaw: Flaw, sidecar: PathBuf, backend: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            flaw,
            sidecar,
            backend,
            kept: Mutex::default(),
            connections: AtomicUsize::new(0),
            cache: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let inner = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Some(head) = read_head(&mut stream).await else { return };
                    let answer = inner.answer(&Head::parse(&head)).await;
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { address, inner }
    }

    /// How many connections to the sidecar there were.
    pub(super) fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::Relaxed)
    }
}

impl Inner {
    async fn answer(&self, request: &Head) -> Vec<u8> {
        if request.all("host").len() != 1 {
            return refusal(400);
        }
        let target = request.target().to_owned();
        if let Some(kept) = self.cache.lock().await.get(&target) {
            return kept.clone();
        }
        let identity = match self.ask(request).await {
            Some((200, identity)) => identity,
            Some((status @ (401 | 403), _)) => return refusal(status),
            _ if self.flaw == Flaw::FailsOpen => Vec::new(),
            Some((status, _)) => return refusal(status),
            None => return refusal(503),
        };
        let answer = self.pass_on(request, identity).await;
        if self.flaw == Flaw::CachesByUrl {
            self.cache.lock().await.insert(target, answer.clone());
        }
        answer
    }

    /// What the sidecar says: the status, and its headers.
    async fn ask(&self, request: &Head) -> Option<(u16, Vec<(String, String)>)> {
        let mut asked = Head { first: "GET /authz HTTP/1.1".to_owned(), headers: Vec::new() };
        let mut add = |name: &str, value: &str| asked.headers.push((name.into(), value.into()));
        let host = request.one("host").unwrap_or_default();
        let method = request.first.split(' ').next().unwrap_or_default();
        add("Host", "sidecar");
        add("X-Forwarded-Method", method);
        add("X-Forwarded-Proto", "https");
        add("X-Forwarded-Host", self.host(host));
        add("X-Forwarded-Uri", &self.checked_target(request));
        let authorizations = request.all("authorization");
        let known = if self.flaw == Flaw::FirstAuthorization { 1 } else { usize::MAX };
        for authorization in authorizations.into_iter().take(known) {
            let first = authorization.split(',').next().unwrap_or_default();
            let is_split = self.flaw == Flaw::JoinedIsSplit;
            add("Authorization", if is_split { first } else { authorization });
        }
        self.exchange(&asked.text()).await
    }

    fn host<'a>(&self, host: &'a str) -> &'a str {
        match self.flaw {
            Flaw::HostCut => host.split(['/', '?', '#', '@', ',']).next().unwrap_or_default(),
            _ => host,
        }
    }

    /// What the sidecar is told.
    fn checked_target(&self, request: &Head) -> String {
        let target = request.target();
        let client = |name: &str| request.one(name).map(str::to_owned);
        match self.flaw {
            Flaw::ClientsForwardedUri => {
                client("x-forwarded-uri").unwrap_or_else(|| target.to_owned())
            }
            Flaw::ClientsForwardedPrefix => {
                format!("{}{target}", client("x-forwarded-prefix").unwrap_or_default())
            }
            Flaw::QueryAsPath => match target.split_once('?') {
                Some((_, query)) if query.starts_with('/') => query.to_owned(),
                _ => target.to_owned(),
            },
            Flaw::NormalisedForTheCheck => normalised(target),
            Flaw::ParameterCutOff => {
                let segments = target.split('/').map(|it| it.split(';').next().unwrap_or(it));
                segments.collect::<Vec<_>>().join("/")
            }
            Flaw::SlashAdded if !target.starts_with('/') => format!("/files/{target}"),
            _ => target.to_owned(),
        }
    }

    async fn exchange(&self, text: &str) -> Option<(u16, Vec<(String, String)>)> {
        let mut kept = self.kept.lock().await;
        for _ in 0..2 {
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    UnixStream::connect(&self.sidecar).await.ok()?
                }
            };
            let _ = stream.write_all(text.as_bytes()).await;
            // A connection that was kept may be closed by now.
            let Some(head) = read_head(&mut stream).await else { continue };
            let head = Head::parse(&head);
            let length = head.one("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            let is_whole = stream.read_exact(&mut body).await.is_ok();
            if is_whole && head.all("connection").is_empty() && self.flaw != Flaw::NoKeepAlive {
                *kept = Some(stream);
            }
            let status = head.first.split(' ').nth(1)?.parse().ok()?;
            return Some((status, head.headers));
        }
        None
    }

    /// Sends the request to the service: with the sidecar's identity headers, and no others.
    async fn pass_on(&self, request: &Head, identity: Vec<(String, String)>) -> Vec<u8> {
        let mut passed = request.clone();
        passed.headers.retain(|(name, _)| {
            !name.eq_ignore_ascii_case("connection") && !self.is_replaced(name)
        });
        let is_identity = |name: &str| name.starts_with("x-auth-") && self.is_replaced(name);
        passed.headers.extend(identity.into_iter().filter(|(name, _)| is_identity(name)));
        if self.flaw == Flaw::ClientRemoves {
            let named = request.all("connection").join(",").to_lowercase();
            passed
                .headers
                .retain(|(name, _)| !named.split(',').any(|it| it.trim() == name.to_lowercase()));
        }
        passed.headers.push(("Connection".to_owned(), "close".to_owned()));
        if self.flaw == Flaw::DecodedAfterTheCheck {
            let decoded = percent_decode_str(request.target()).decode_utf8_lossy();
            passed.first = format!("GET {decoded} HTTP/1.1");
        }
        let mut answer = Vec::new();
        let mut stream = TcpStream::connect(self.backend).await.unwrap();
        stream.write_all(passed.text().as_bytes()).await.unwrap();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    /// Whether it is the sidecar's to set.
    fn is_replaced(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        match self.flaw {
            Flaw::IdentityLeftOut if lower == "x-auth-username" => false,
            Flaw::TwinsPass => lower.starts_with("x-auth-") && !lower.contains('_'),
            _ => lower.replace('_', "-").starts_with("x-auth-"),
        }
    }
}

/// Decoded, without dots and empty segments; the query stays.
fn normalised(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(a, b)| (a, Some(b)));
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", segments.join("/"))
}

fn refusal(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

/// Everything up to the empty line; bodies are not read.
async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.ok()?;
        bytes.push(byte);
        if bytes.len() > 96 * 1024 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(text.trim_end().to_owned())
}
