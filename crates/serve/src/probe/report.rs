//! What was found.

use serde::Serialize;

/// What a probe has found, in the order in which it was tried.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProbeReport {
    /// What was probed.
    pub url: String,
    /// All in all; see [`verdict`](Self::verdict).
    verdict: Verdict,
    /// One for each request.
    pub findings: Vec<Finding>,
    /// What cannot be seen from outside.
    pub unseen: [&'static str; 3],
}

/// What cannot be seen from outside.
const UNSEEN: [&str; 3] = [
    "whether the proxy keeps its connections to the sidecar: without, each request costs twice the CPU time",
    "what passes while the sidecar is down: stop it, and probe again; nothing may get through",
    "whether Envoy chooses the route anew after the check (`clear_route_cache`), which it must not",
];

impl ProbeReport {
    pub(super) fn new(url: String, findings: Vec<Finding>) -> Self {
        let mut report = Self { url, verdict: Verdict::Ok, findings, unseen: UNSEEN };
        report.verdict = report.worst();
        report
    }

    /// [`GotThrough`](Verdict::GotThrough) if anything did, [`CannotTell`](Verdict::CannotTell) if
    /// that is not known of everything, else [`Ok`](Verdict::Ok).
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn worst(&self) -> Verdict {
        let has = |verdict| self.findings.iter().any(|finding| finding.verdict == verdict);
        match () {
            () if has(Verdict::GotThrough) => Verdict::GotThrough,
            () if has(Verdict::CannotTell) || self.findings.is_empty() => Verdict::CannotTell,
            () => Verdict::Ok,
        }
    }

    /// The traps that something got through by, once each.
    pub fn traps(&self) -> Vec<Trap> {
        let mut traps: Vec<Trap> = Vec::new();
        let through = self.findings.iter().filter(|it| it.verdict == Verdict::GotThrough);
        for trap in through.map(|finding| finding.trap) {
            if !traps.contains(&trap) {
                traps.push(trap);
            }
        }
        traps
    }
}

/// What came of one request.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub trap: Trap,
    /// What was sent, in words.
    pub sent: String,
    /// The status of the answer; `None` where there was none.
    pub status: Option<u16>,
    /// Whether the service has shown that the request reached it.
    pub reached: bool,
    /// What that means.
    pub verdict: Verdict,
    /// Why, and what else there is to know. Header values are never among it.
    pub details: Vec<String>,
}

impl Finding {
    pub(super) fn new(trap: Trap, sent: String, status: Option<u16>) -> Self {
        Self { trap, sent, status, reached: false, verdict: Verdict::Ok, details: Vec::new() }
    }

    pub(super) fn got_through(&mut self, why: impl Into<String>) {
        self.verdict = Verdict::GotThrough;
        self.details.push(why.into());
    }
}

/// Whether something got through that should not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing did.
    Ok,
    /// It did.
    GotThrough,
    /// Nobody knows.
    CannotTell,
}

impl Verdict {
    /// For people: `ok`, `GOT THROUGH` or `cannot tell`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::GotThrough => "GOT THROUGH",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// A way in which proxies are configured wrongly, by the name that it has in JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trap {
    /// None: the good token has to get through.
    GoodToken,
    /// Nobody asks the sidecar.
    NoToken,
    /// The answer of the sidecar is not heeded.
    MadeUpToken,
    /// Of two `Authorization` headers, or two tokens in one, one is checked and the other handed on.
    TwoAuthorizations,
    /// Whatever is neither yes nor no is taken for a yes (`failure_mode_allow`).
    FailureLetsThrough,
    /// A token that is bound to a key passes without its proof.
    BoundAsBearer,
    /// A yes is kept by URL, and serves others.
    CachedYes,
    /// An identity header that the proxy does not set is the client's own.
    ClientsIdentity,
    /// `X_Auth_Sub` passes, and is `X-Auth-Sub` to the service.
    UnderscoreTwins,
    /// A header of clients that was to be removed was not.
    Undropped,
    /// The client has identity headers removed.
    IdentityTakenAway,
    /// The rule is chosen by a header of the client, such as `X-Forwarded-Uri`.
    ForwardedUri,
    /// A client's `X-Forwarded-Prefix` changes the path.
    ForwardedPrefix,
    /// Headers that some services believe.
    ForgedForwarding,
    /// The header by which the proxy shows the sidecar that it may ask.
    SidecarKey,
    /// A host with a path or a query: what stands before it is checked, the whole is handed on.
    HostLaundering,
    /// The path that must not be reached, as it is.
    ForbiddenPath,
    /// The service sees another path than the one that was checked.
    AmbiguousPath,
    /// The path is decoded once more after the check.
    DecodedPath,
    /// `;x` is cut off before the check.
    PathParameter,
    /// The query is taken for a part of the path.
    QueryAsPath,
    /// A path without its slash.
    NoLeadingSlash,
}

impl Trap {
    /// The trap that an odd spelling is for.
    pub(super) fn of_spelling(id: &str) -> Self {
        match id {
            "parameter" | "encoded-parameter" | "dots-with-parameter" => Self::PathParameter,
            "no-slash" => Self::NoLeadingSlash,
            _ if id.contains("query") => Self::QueryAsPath,
            _ if id.contains("doubly") => Self::DecodedPath,
            _ => Self::AmbiguousPath,
        }
    }
}
