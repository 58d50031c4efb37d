//! An authorization server that has metadata and keys and nothing else, counts who asks for them,
//! and can be made to fail.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server says at the moment.
#[derive(Clone, Debug)]
pub struct Says {
    pub status: u16,
    pub keys: String,
    /// Further header lines of the key document.
    pub headers: Vec<(&'static str, String)>,
    /// What metadata names as `jwks_uri`; by default the server itself.
    pub jwks_uri: Option<String>,
    /// Breaks connections instead of answering.
    pub breaks: bool,
    /// Keeps answers back until this is false again.
    pub holds: bool,
}

/// How often each document was asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fetches {
    pub metadata: usize,
    pub keys: usize,
}

pub struct KeyServer {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    says: watch::Sender<Says>,
    fetches: Mutex<Fetches>,
    requested: watch::Sender<usize>,
}

impl KeyServer {
    /// A server whose keys are this document.
    pub async fn start(keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let says = Says {
            status: 200,
            keys,
            headers: vec![("cache-control", "max-age=3600, must-revalidate".to_owned())],
            jwks_uri: None,
            breaks: false,
            holds: false,
        };
        let shared = Arc::new(Shared {
            says: watch::Sender::new(says),
            fetches: Mutex::default(),
            requested: watch::Sender::new(0),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    /// Its issuer, a custom authorization server.
    pub fn issuer(&self) -> String {
        issuer(self.port)
    }

    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        self.shared.says.send_modify(change);
    }

    pub fn fetches(&self) -> Fetches {
        *self.shared.fetches.lock().unwrap()
    }

    /// Waits until the keys have been asked for so many times.
    pub async fn requested(&self, keys: usize) {
        self.shared.requested.subscribe().wait_for(|count| *count >= keys).await.unwrap();
    }
}

fn issuer(port: u16) -> String {
    format!("http://127.0.0.1:{port}/oauth2/default")
}

async fn serve(mut stream: TcpStream, port: u16, shared: Arc<Shared>) {
    while let Some(path) = read(&mut stream).await {
        let is_metadata = path.contains("/.well-known/");
        {
            let mut fetches = shared.fetches.lock().unwrap();
            match is_metadata {
                true => fetches.metadata += 1,
                false => fetches.keys += 1,
            }
            shared.requested.send_replace(fetches.keys);
        }
        let Ok(says) =
            shared.says.subscribe().wait_for(|says| !says.holds).await.map(|s| s.clone())
        else {
            return;
        };
        if says.breaks {
            return;
        }
        let own = format!("{}/v1/keys", issuer(port));
        let body = match is_metadata {
            true => json!({"issuer": issuer(port), "jwks_uri": says.jwks_uri.unwrap_or(own)}),
            false => serde_json::from_str(&says.keys).unwrap_or_else(|_| json!("not a key set")),
        }
        .to_string();
        let lines: String =
            says.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let status = says.status;
        let answer = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The path of the next request on this connection.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    head.split(' ').nth(1).map(str::to_owned)
}
