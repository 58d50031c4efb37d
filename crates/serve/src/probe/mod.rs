//! Sends forged and odd requests through a running proxy, and tells which of them reached the service.
//!
//! The service behind the proxy shows what it was asked; [`Echo`] is such a service. Whether a
//! request reached it, and with which headers and path, is read in its answers alone: nothing is
//! concluded from what the proxy says. The requests are written byte for byte, since libraries mend
//! what they send.

mod answer;
mod dial;
mod echo;
mod judge;
mod message;
mod plan;
mod report;
mod seen;
mod spelling;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;

use okta_introspect::{BoxFuture, Token};

pub use dial::Dial;
pub use echo::Echo;
pub use report::{Finding, ProbeReport, Trap, Verdict};
pub use url::ProbeUrl;

use judge::{Judge, NONCE, Reached, reached};
use plan::{Case, FACTS};
use seen::{Mapping, Seen};

/// A path that no service has. It is forbidden wherever a request without a rule is denied.
const NOWHERE: &str = "/okta-introspect-probe";

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

    /// Sends everything, one request after the other. Never fails: what cannot be found out is told
    /// as that.
    pub async fn run(&self, transport: &dyn Transport) -> ProbeReport {
        let mut run = Run { probe: self, transport, count: 0, findings: Vec::new() };
        run.all().await;
        ProbeReport::new(self.url.to_string(), run.findings)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One run of a probe.
struct Run<'a> {
    probe: &'a Probe,
    transport: &'a dyn Transport,
    count: u32,
    findings: Vec<Finding>,
}

impl Run<'_> {
    async fn all(&mut self) {
        let probe = self.probe;
        let (baseline, finding) = self.baseline().await;
        self.findings.push(finding);
        let forbidden = probe.forbidden.clone().unwrap_or_else(|| NOWHERE.to_owned());
        let mut judge = Judge {
            probe,
            identity: Vec::new(),
            mapping: Mapping::default(),
            forbidden: forbidden.clone(),
        };
        let Some(seen) = baseline else {
            // What gets through while the sidecar is down, for one.
            if self.findings.iter().all(|finding| finding.status.is_some()) {
                self.cases(&judge, probe.credentials()).await;
            }
            return;
        };
        judge.identity = probe.identity_of(&seen);
        judge.mapping = Mapping::between(probe.url.path(), seen.path());
        self.cases(&judge, probe.credentials()).await;
        self.cases(&judge, probe.cache()).await;
        self.cases(&judge, probe.forged_identity()).await;
        self.cases(&judge, probe.believed()).await;
        self.cases(&judge, probe.hosts()).await;
        let is_forbidden = self.forbidden(&judge).await.then_some(&*forbidden);
        self.cases(&judge, probe.forged_forwarding(is_forbidden)).await;
        self.cases(&judge, probe.paths(&forbidden)).await;
    }

    /// A plain request, which has to reach the service, or nothing is shown by what follows.
    async fn baseline(&mut self) -> (Option<Seen>, Finding) {
        let (heard, nonce) = self.send(self.probe.good()).await;
        let (status, reached) = reached(&heard);
        let mut finding = Finding::new(Trap::GoodToken, "the good token".to_owned(), status);
        let why = match (reached, &heard) {
            (Reached::Shown(seen), _) if seen.values(NONCE).any(|value| value == nonce) => {
                finding.reached = true;
                self.remarks(&mut finding, &seen);
                return (Some(seen), finding);
            }
            (Reached::Shown(_), _) => {
                "the answer is not to this request: it is a cache's, or header lines are lost"
            }
            (Reached::Perhaps, _) => "the service does not show what it was asked; try --echo",
            (Reached::Not, _) => "it did not reach the service",
            (Reached::Unknown(_), Heard::Unreachable(why)) => why,
            (Reached::Unknown(why), _) => why,
        };
        finding.verdict = Verdict::CannotTell;
        finding.details.push(why.to_owned());
        (None, finding)
    }

    /// What a service should know of a plain request.
    fn remarks(&self, finding: &mut Finding, seen: &Seen) {
        let there = self.probe.identity_of(seen);
        let wanted = FACTS.map(|fact| format!("{}{fact}", self.probe.prefix));
        let missing: Vec<_> =
            wanted.iter().filter(|name| !there.contains(&seen::usual(name))).cloned().collect();
        if missing.len() == wanted.len() {
            // Then no forged one can be told from it.
            finding.verdict = Verdict::CannotTell;
            finding.details.push(format!("no {}* header reached the service", self.probe.prefix));
        } else if !missing.is_empty() {
            finding.details.push(format!("the service did not get {}", missing.join(", ")));
        }
        if seen.has("authorization") {
            finding.details.push(
                "the service gets the token too; `authorization: strip` keeps it back".into(),
            );
        }
        if seen.has("x-okta-introspect-key") {
            finding.details.push("the service gets the proxy's own X-Okta-Introspect-Key".into());
        }
    }

    /// The forbidden path as it is; whether it is one.
    async fn forbidden(&mut self, judge: &Judge<'_>) -> bool {
        let case = self.probe.forbidden(&judge.forbidden);
        let (heard, nonce) = self.send(case.message.clone()).await;
        let mut finding = judge.judge(&case, &heard, &nonce);
        let is_forbidden = finding.verdict == Verdict::Ok;
        if finding.reached && self.probe.forbidden.is_none() {
            finding.verdict = Verdict::CannotTell;
            finding.details =
                vec!["a rule permits even this path; name another with --forbidden".into()];
        }
        self.findings.push(finding);
        is_forbidden
    }

    async fn cases(&mut self, judge: &Judge<'_>, cases: Vec<Case>) {
        for case in cases {
            let (heard, nonce) = self.send(case.message.clone()).await;
            self.findings.push(judge.judge(&case, &heard, &nonce));
        }
    }

    async fn send(&mut self, message: message::Message) -> (Heard, String) {
        self.count = self.count.saturating_add(1);
        let nonce = format!("{}-{}", self.probe.run, self.count);
        let bytes = message.with(NONCE, nonce.clone()).bytes(&self.probe.url.host);
        (self.transport.send(&bytes).await, nonce)
    }
}
