//! An authorization server that has metadata and keys and nothing else, counts who asks for them,
//! and can be made to fail.

use serde_json::json;
use test_support::{Act, Peer, Recorded, reply_with};
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
    peer: Peer,
    says: watch::Sender<Says>,
}

impl KeyServer {
    /// A server whose keys are this document.
    pub async fn start(keys: String) -> Self {
        let says = watch::Sender::new(Says {
            status: 200,
            keys,
            headers: vec![("cache-control", "max-age=3600, must-revalidate".to_owned())],
            jwks_uri: None,
            breaks: false,
            holds: false,
        });
        let told = says.subscribe();
        let peer = Peer::deciding(move |request| {
            let mut told = told.clone();
            async move {
                let says = told.wait_for(|says| !says.holds).await.map(|says| says.clone());
                says.map_or(Act::Silence, |says| says.answer(&request))
            }
        })
        .await;
        Self { peer, says }
    }

    /// Its issuer, a custom authorization server.
    pub fn issuer(&self) -> String {
        format!("{}{PATH}", self.peer.issuer())
    }

    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        self.says.send_modify(change);
    }

    pub fn fetches(&self) -> Fetches {
        Fetches::of(&self.peer.requests())
    }

    /// Waits until the keys have been asked for so many times.
    pub async fn requested(&self, keys: usize) {
        self.peer.until(|requests| Fetches::of(requests).keys >= keys).await;
    }
}

const PATH: &str = "/oauth2/default";

fn is_metadata(request: &Recorded) -> bool {
    request.target.contains("/.well-known/")
}

impl Fetches {
    fn of(requests: &[Recorded]) -> Self {
        let metadata = requests.iter().filter(|request| is_metadata(request)).count();
        Self { metadata, keys: requests.len() - metadata }
    }
}

impl Says {
    fn answer(self, request: &Recorded) -> Act {
        if self.breaks {
            return Act::Write(Vec::new());
        }
        let issuer = format!("http://{}{PATH}", request.header("host").unwrap());
        let own = format!("{issuer}/v1/keys");
        let body = match is_metadata(request) {
            true => json!({"issuer": issuer, "jwks_uri": self.jwks_uri.unwrap_or(own)}),
            false => serde_json::from_str(&self.keys).unwrap_or_else(|_| json!("not a key set")),
        };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        Act::Write(reply_with(self.status, &headers, &body.to_string()))
    }
}
