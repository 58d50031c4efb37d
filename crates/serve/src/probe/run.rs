//! One run: what is sent in which order.

use super::judge::{Judge, NONCE, Reached, reached};
use super::message::Message;
use super::plan::{Case, FACTS};
use super::report::{Finding, ProbeReport, Trap, Verdict};
use super::seen::{Mapping, Seen, usual};
use super::setup::{Heard, Probe, Transport};

/// A path that no service has. It is forbidden wherever a request without a rule is denied.
const NOWHERE: &str = "/okta-introspect-probe";

impl Probe {
    /// Sends everything, one request after the other. Never fails: what cannot be found out is told
    /// as that.
    pub async fn run(&self, transport: &dyn Transport) -> ProbeReport {
        let mut run = Run { probe: self, transport, count: 0, findings: Vec::new() };
        run.all().await;
        ProbeReport::new(self.url.to_string(), run.findings)
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
            (Reached::Not, _) => not_reached(status),
            (Reached::Unknown(_), Heard::Unreachable(why)) => why,
            (Reached::Unknown(why), _) => why,
        };
        finding.verdict = Verdict::CannotTell;
        finding.details.push(why.to_owned());
        (None, finding)
    }

    /// What a service should know of a plain request.
    fn remarks(&self, finding: &mut Finding, seen: &Seen) {
        let (sent, path) = (self.probe.url.path(), seen.path());
        if sent != path {
            finding.details.push(format!("the service saw {path} for {sent}"));
        }
        let there = self.probe.identity_of(seen);
        let wanted = FACTS.map(|fact| format!("{}{fact}", self.probe.prefix));
        let missing: Vec<_> =
            wanted.iter().filter(|name| !there.contains(&usual(name))).cloned().collect();
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

    async fn send(&mut self, message: Message) -> (Heard, String) {
        self.count = self.count.saturating_add(1);
        let nonce = format!("{}-{}", self.probe.run, self.count);
        let bytes = message.with(NONCE, nonce.clone()).bytes(&self.probe.url.host);
        (self.transport.send(&bytes).await, nonce)
    }
}

/// Why a good token may not have reached the service, by the status of the answer.
fn not_reached(status: Option<u16>) -> &'static str {
    match status {
        Some(401) => {
            "it did not reach the service: the token was refused; is it active, and for this audience?"
        }
        Some(403) => {
            "it did not reach the service: no rule permits the request, or the token lacks a scope"
        }
        Some(400) => {
            "it did not reach the service: the path or the request can be read in two ways"
        }
        Some(404) => "it did not reach the service: the proxy has no route for it",
        Some(500) => {
            "it did not reach the service: the proxy cannot ask the sidecar, or is not set up for its mode"
        }
        Some(502) => {
            "it did not reach the service: the proxy finds nobody at the service's address"
        }
        Some(503) => {
            "it did not reach the service: the sidecar cannot tell, or the proxy cannot reach it"
        }
        Some(504) => {
            "it did not reach the service: the service, or the sidecar, did not answer in time"
        }
        _ => "it did not reach the service",
    }
}
