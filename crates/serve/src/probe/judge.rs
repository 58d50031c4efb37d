//! What the answer to a case means.

use super::answer::Answer;
use super::plan::{Case, Expect};
use super::report::{Finding, Trap, Verdict};
use super::seen::{Mapping, Seen, plain, usual};
use super::setup::{Heard, Probe};

/// Carries a mark of the request, so that an answer to another one is known as that.
pub(super) const NONCE: &str = "X-Probe-Request";

/// Whether the service was reached.
pub(super) enum Reached {
    /// It says what it was asked.
    Shown(Seen),
    /// The answer is none that the service gives here, and no refusal.
    Perhaps,
    Not,
    Unknown(&'static str),
}

/// Reads what came of a request: the status, and whether the service was reached.
pub(super) fn reached(heard: &Heard) -> (Option<u16>, Reached) {
    let bytes = match heard {
        Heard::Answer(bytes) => bytes,
        Heard::Closed => return (None, Reached::Not),
        Heard::Late => return (None, Reached::Unknown("no answer in time")),
        Heard::Unreachable(_) => return (None, Reached::Unknown("no connection")),
    };
    let Ok(Some(answer)) = Answer::parse(bytes, true) else {
        return (None, Reached::Unknown("no answer in HTTP/1.1"));
    };
    let reached = match Seen::parse(&answer.body) {
        Some(seen) => Reached::Shown(seen),
        None if (200..300).contains(&answer.status) => Reached::Perhaps,
        None => Reached::Not,
    };
    (Some(answer.status), reached)
}

/// What the judgement depends on beside the case.
pub(super) struct Judge<'a> {
    pub(super) probe: &'a Probe,
    /// The identity headers that came with a plain request.
    pub(super) identity: Vec<String>,
    pub(super) mapping: Mapping,
    pub(super) forbidden: String,
}

impl Judge<'_> {
    pub(super) fn judge(&self, case: &Case, heard: &Heard, nonce: &str) -> Finding {
        let (status, reached) = reached(heard);
        let mut finding = Finding::new(case.trap, case.sent.clone(), status);
        match reached {
            Reached::Not => {}
            Reached::Unknown(why) => {
                finding.verdict = Verdict::CannotTell;
                finding.details.push(why.to_owned());
            }
            Reached::Perhaps => {
                finding.verdict = Verdict::CannotTell;
                finding.details.push("the answer does not show what the service was asked".into());
            }
            Reached::Shown(seen) => {
                finding.reached = true;
                self.shown(&mut finding, case, &seen, nonce);
            }
        }
        finding
    }

    fn shown(&self, finding: &mut Finding, case: &Case, seen: &Seen, nonce: &str) {
        if seen.values(NONCE).any(|value| value != nonce) {
            finding.trap = Trap::CachedYes;
            return finding.got_through("the proxy answered from a cache, without asking");
        }
        match case.expect {
            Expect::Refused => finding.verdict = Verdict::GotThrough,
            Expect::Identity => self.identity(finding, seen),
            Expect::Path => self.path(finding, &case.message.target(), seen),
        }
    }

    /// Whether an identity header carries what was made up, or is missing.
    pub(super) fn identity(&self, finding: &mut Finding, seen: &Seen) {
        let mark = self.probe.mark();
        let (mut own, mut believed) = (Vec::new(), Vec::new());
        for (name, _) in seen.headers().filter(|(_, value)| value.contains(&mark)) {
            let names = if self.probe.is_identity(name) { &mut own } else { &mut believed };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !own.is_empty() {
            finding.got_through(format!("the service got the client's own {}", own.join(", ")));
        }
        if !believed.is_empty() {
            let names = believed.join(", ");
            let detail = format!("the service got the client's {names}, and must not believe it");
            finding.details.push(detail);
        }
        let lost: Vec<_> = self.identity.iter().filter(|name| !seen.has(name)).cloned().collect();
        if !lost.is_empty() {
            finding.got_through(format!("the service did not get {}", lost.join(", ")));
        }
    }

    /// Whether the path is the forbidden one, or one that services read in several ways.
    fn path(&self, finding: &mut Finding, sent: &str, seen: &Seen) {
        let path = seen.path();
        match plain(path) {
            Err(fault) => finding.got_through(format!("the service saw {path}: {fault}")),
            Ok(read) if plain(&self.mapping.applied(&self.forbidden)).as_ref() == Ok(&read) => {
                finding.got_through(format!("the service saw {path}"));
            }
            Ok(_) if path.contains("%25") => finding
                .details
                .push("it is harmless unless paths are decoded twice; then declare `twice`".into()),
            Ok(_) if path != self.mapping.applied(super::seen::path_of(sent)) => {
                finding.details.push(format!("the service saw {path}"));
            }
            Ok(_) => {}
        }
    }
}

impl Probe {
    /// Whether clients must not be able to send this header to the service.
    fn is_identity(&self, name: &str) -> bool {
        let name = usual(name);
        name.starts_with(&usual(&self.prefix)) || self.drop.iter().any(|drop| usual(drop) == name)
    }

    /// The names of the identity headers of a request, in the usual spelling.
    pub(super) fn identity_of(&self, seen: &Seen) -> Vec<String> {
        let names = seen.headers().filter(|(_, value)| !value.trim().is_empty());
        let mut names: Vec<_> = names
            .map(|(name, _)| usual(name))
            .filter(|name| name.starts_with(&usual(&self.prefix)))
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
