//! What is tried, and by which way.

use std::fmt;

use okta_introspect::{BoxFuture, Token};

use super::url::ProbeUrl;

/// How requests get to the proxy, each on a connection of its own.
pub trait Transport: Send + Sync {
    /// Sends the bytes, and waits for the whole answer.
    fn send<'a>(&'a self, request: &'a [u8]) -> BoxFuture<'a, Heard>;
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Heard {
    /// These bytes, then the end of the answer or of the connection.
    Answer(Vec<u8>),
    /// The connection was closed without an answer.
    Closed,
    /// There was no answer in time, or it did not end.
    Late,
    /// There was no connection, for this reason.
    Unreachable(String),
}

/// What is tried, and how. `Debug` shows no token.
///
/// # Example
///
/// ```no_run
/// use okta_introspect::Token;
/// use okta_introspect_serve::{Dial, Probe, ProbeUrl, Verdict};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let url = ProbeUrl::parse("https://api.acme.example/orders")?;
/// let dial = Dial::new(&url, None, &[])?;
/// let token = Token::parse(&std::fs::read_to_string("token.txt")?)?;
/// let report = Probe::new(url, token, "1a2b").run(&dial).await;
/// assert_eq!(report.verdict(), Verdict::Ok);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Probe {
    /// What the token may reach by `GET`.
    pub url: ProbeUrl,
    /// A token that may reach it.
    pub token: Token,
    /// A token that is bound to a key (RFC 9449), to be sent without a proof.
    pub bound_token: Option<Token>,
    /// A path of the same host that the token must not reach. Default: one for which there is no rule.
    pub forbidden: Option<String>,
    /// How identity headers begin. `X-Auth-` unless given.
    pub prefix: String,
    /// More headers of clients that the service must not get.
    pub drop: Vec<String>,
    /// Marks the requests of this run: letters and digits that no other run has.
    pub run: String,
}

impl Probe {
    /// Tries `url` with this token. `run` are letters and digits that no other run has.
    pub fn new(url: ProbeUrl, token: Token, run: impl Into<String>) -> Self {
        let (prefix, run) = ("X-Auth-".to_owned(), run.into());
        Self { url, token, bound_token: None, forbidden: None, prefix, drop: Vec::new(), run }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("url", &self.url).finish_non_exhaustive()
    }
}
